"""A day of events as a store has it: four cameras, people who pass, alerts with their still and clip, outages."""

import random
from datetime import datetime, timedelta
from uuid import UUID

import cv2
import numpy as np

from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import Box, Face, Label
from maskwatch.events.clips import write_clip
from maskwatch.events.media import Media
from maskwatch.events.ring import Shot
from maskwatch.events.store import EventStore

CAMERAS = ("entrance", "정문 3층", "hall", "loading bay")
SAY = "Please wear a mask. 마스크를 착용해 주세요."
OPEN, CLOSED = 7.0, 21.0  # hours of the day in which people come
REASONS = ("no answer in time", "Connection refused")
SIZE = (640, 360)


def at_hour(day, hour):
    """The Unix time of so many hours after the midnight of a day, where this machine is."""
    return (datetime(day.year, day.month, day.day).astimezone() + timedelta(hours=hour)).timestamp()


def a_day(day, *, alerts=40, outages=6, passages=200, lasting=False, seed=1):
    """Events of one day, not in order; about `alerts` announcements besides, and a few of the service."""
    chance = random.Random(f"{seed}/{day}")
    ids = (UUID(int=chance.getrandbits(128)).hex for _ in iter(int, 1))

    def moment():
        return at_hour(day, min(max(chance.gauss(13, 3), OPEN), CLOSED))

    events = []
    for number in range(alerts):
        at, camera = moment(), chance.choice(CAMERAS)
        people = chance.randint(2, 7)
        without = chance.randint(1, people)
        data = {
            "rule": "protected_ratio" if number % 3 else "without_mask",
            "alert_kind": "unprotected",
            "level": 2 if number % 9 == 0 else 1,
            "quiet": False,
            "withheld": number % 10 == 5,
            "say": SAY,
            "people": people,
            "unprotected": without,
            "protected_ratio": (people - without) / people,
            "reason": None,
            "delivered": None if number % 10 == 5 else number % 7 != 3,
            "sinks": {
                "voice": "failed" if number % 7 == 3 else "delivered",
                "mqtt": "failed" if number % 7 == 3 else "kept",
            },
        }
        events.append(
            Event(next(ids), EventKind.ALERT, at, camera, at + chance.uniform(20, 200), data, "test")
        )
        put_on = chance.randint(0, without)
        told = {
            "told": not data["withheld"],
            "addressed": without,
            "put_on": put_on,
            "unknown": (without - put_on) // 2,
        }
        events.append(Event(next(ids), EventKind.ANNOUNCEMENT, at + 20.1, camera, None, told, "test"))
    for number in range(outages):
        at = moment()
        ended = None if lasting and number == 0 else at + chance.choice((40, 600, 5000))
        reason = {"reason": chance.choice(REASONS)}
        events.append(Event(next(ids), EventKind.OUTAGE, at, chance.choice(CAMERAS), ended, reason, "test"))
    for _ in range(passages):
        at, camera = moment(), chance.choice(CAMERAS)
        label = chance.choices(("protected", "unprotected", "unknown"), (8, 2, 1))[0]
        line = "door" if camera == "entrance" else None
        direction = chance.choice(("entering", "leaving")) if line else "gone"
        data = {"label": label, "direction": direction, "line": line, "zones": []}
        events.append(Event(next(ids), EventKind.PASSAGE, at, camera, None, data, "test"))
    for kind, hour, data in (
        (EventKind.SERVICE, 6.0, {"state": "started", "version": "0.1.0"}),
        (EventKind.MODELS, 9.5, {"version": "20261101T120000Z-aaaa", "before": "shipped"}),
        (EventKind.SETTINGS, 10.2, {"user": "anna", "keys": ["cameras.entrance.zones", "alert.cooldown_s"]}),
        (
            EventKind.ACCESS,
            10.3,
            {"user": "anna", "address": "192.0.2.7", "action": "signed in", "target": ""},
        ),
    ):
        events.append(Event(next(ids), kind, at_hour(day, hour), None, None, data, "test"))
    return events


def filled(folder, days, **counts):
    """A store of these days with their pictures, and its events; close it."""
    store, media = EventStore.in_folder(folder), Media(folder)
    events = [event for day in days for event in a_day(day, **counts)]
    for start in range(0, len(events), 1000):
        store.add(events[start : start + 1000])
    shots = walk_in()
    for number, event in enumerate(event for event in events if event.kind is EventKind.ALERT):
        if number % 8 == 7:
            continue  # one of a camera of which nothing may be kept
        media.write_still(event.id, shots[20].jpeg)
        if number < 3:
            write_clip(media.clip(event.id), shots)
        else:
            first = next(each for each in events if media.clip(each.id).exists())
            media.clip(event.id).write_bytes(media.clip(first.id).read_bytes())
    return store, events


def walk_in(seconds=4.0, fps=10):
    """Shots of two people who walk through a plain room."""
    shots = []
    for number in range(round(seconds * fps)):
        bgr = np.full((SIZE[1], SIZE[0], 3), (196, 202, 190), np.uint8)
        cv2.rectangle(bgr, (0, 280), (640, 360), (150, 155, 160), cv2.FILLED)
        faces = []
        for row, label in enumerate((Label.UNPROTECTED, Label.PROTECTED)):
            x, y = 80 + 11 * number + 120 * row, 120 + 30 * row
            cv2.rectangle(bgr, (x - 20, y + 60), (x + 70, 300), (120, 90 + 60 * row, 60), cv2.FILLED)
            cv2.circle(bgr, (x + 25, y + 30), 30, (150, 170, 220), cv2.FILLED)
            faces.append(Face(Box(x - 5, y, x + 55, y + 64), 0.98, 0.1 + 0.8 * row, label))
        jpeg = cv2.imencode(".jpg", bgr)[1].tobytes()
        at = 1000 + number / fps
        shots.append(Shot(at, jpeg, tuple(faces), at))
    return shots
