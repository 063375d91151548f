"""The program's own files after a crash, a bad disk, or somebody's editor: samples, teams, users, events, outboxes."""

import sqlite3
from contextlib import suppress

import cv2
import numpy as np

from fuzz.judging import SECRET
from fuzz.kinds.base import Kind
from fuzz.kinds.data_sets import queue_record
from fuzz.mutation import as_json, mutated, spoiled

COSTLY = "$argon2id$v=19$m={},t={},p={}$c29tZXNhbHRzb21lc2FsdA$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A"
DAY = "door/2026-11-26"


def users():
    hashes = [
        COSTLY.format(65536, 3, 4),
        COSTLY.format(2**32 - 1, 1, 1),
        COSTLY.format(65536, 2**31, 4),
        COSTLY.format(3_000_000, 1, 1),
    ]
    made = [
        {"name": f"kim{n}", "role": "admin", "made_at": "2026", "password": each}
        for n, each in enumerate(hashes)
    ]
    return {"users": made[:1]}, {"users": made}


class Stores(Kind):
    """Each read by the part whose it is, and where that is usual, written again."""

    names = ("events.db", "queue", "users.json", "archive", "drift")

    def __init__(self, folder, last):
        super().__init__(folder, last)
        record = queue_record()
        face = record["labels"]["faces"]
        journal = {
            "source": "a.zip",
            "by": "kim",
            "at": "2026",
            "samples": [{"id": record["id"], "before": 0, "faces": face}],
        }
        plain, self.costly = users()
        counts = {"detector": [1] * 20, "classifier": [1] * 20}
        self.documents = {
            f"queue/{DAY}/{record['id']}.json": record,
            "queue/.team.json": {"labellers": ["kim", "lee"]},
            "queue/.last-import.json": journal,
            "users.json": plain,
            "archive/parts.json": {record["id"]: "train"},
            "archive/doubted.json": {record["id"]: 1},
            "drift/door/2026-11-26.json": {"a@1 b@2": counts},
            "outbox/00000000000000000001-a.message": {"title": "t", "body": "b", "picture": "aGFsbG8="},
        }
        self.spoiled = {name: self.drawn(spoiled(each), 10, name) for name, each in self.documents.items()}
        self.picture = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
        self.database = self._database()

    def _database(self):
        from maskwatch.core.events import Event, EventKind
        from maskwatch.events.store import EventStore

        store = EventStore.in_folder(self.folder / "seed")
        data = {"direction": "in", "line": "entry", "label": "protected", "secret": SECRET}
        store.add(
            [
                Event(f"{n:032x}", list(EventKind)[n % len(EventKind)], 1e9 + n, "door", None, data)
                for n in range(30)
            ]
        )
        store.close()
        return (self.folder / "seed" / "events.db").read_bytes()

    def make(self, number, random, folder):
        folder = folder / "state"
        names = [*self.documents, "events.db", "events.db"]
        name = names[number % len(names)]
        path = folder / name
        path.parent.mkdir(parents=True)
        if name.startswith("queue/."):
            sample = folder / f"queue/{DAY}/{queue_record()['id']}.json"
            sample.parent.mkdir(parents=True)
            sample.write_bytes(as_json(queue_record()))
        if name.startswith("queue/"):
            (folder / f"queue/{DAY}/{queue_record()['id']}.jpg").parent.mkdir(parents=True, exist_ok=True)
            (folder / f"queue/{DAY}/{queue_record()['id']}.jpg").write_bytes(self.picture)
        path.write_bytes(self._content(number, name, random))
        if name == "events.db" and number % 4 == 0:
            self._spoil_rows(path, random)
        return path

    def _content(self, number, name, random):
        if name == "events.db":
            return self.database if number % 4 == 0 else mutated(self.database, random)
        known = self.spoiled[name]
        if name == "users.json" and number % 20 == 13:
            return as_json(self.costly)
        if random.random() < 0.7:
            return as_json(known[number // 10 % len(known)])
        return mutated(as_json(self.documents[name]), random)

    @staticmethod
    def _spoil_rows(path, random):
        """What another program may have written."""
        column = random.choice(["data", "at", "camera", "kind", "ended_at", "site", "version"])
        value = random.choice(
            ["{", "NaN", "[]", "null", b"\xff", 1e308, -1, "9" * 5000, "\x1b[31m", '{"a":' * 2000, None]
        )
        with sqlite3.connect(path) as connection:
            try:
                connection.execute(f"UPDATE events SET {column} = ?", (value,))
            except sqlite3.Error:
                connection.execute("DROP TABLE events")
        connection.close()

    def warm(self):
        from random import Random

        for number in range(10):
            path = self.make(number, Random(number), self.folder / f"warm{number}")
            try:
                self.take(path)
            except Exception:  # noqa: BLE001 - the inputs will tell
                continue

    def take(self, path):
        name = path.name
        if name == "users.json":
            return self._users(path)
        if name == "events.db":
            return self._events(path)
        if name.endswith(".message"):
            return self._outbox(path)
        if "drift" in path.parts:
            return self._drift(path)
        if "archive" in path.parts:
            return self._archive(path)
        return self._queue(path)

    def _queue(self, path):
        from datetime import UTC, date, datetime

        from maskwatch.console.review.cards import grid
        from maskwatch.console.review.filters import choices, chosen, from_query, progress
        from maskwatch.console.texts import Texts
        from maskwatch.core.errors import DataError
        from maskwatch.datasets.formats.entries import write_folder
        from maskwatch.samples.agreement import agreement, comparisons
        from maskwatch.samples.exports import FORMS, SampleFilter, exported
        from maskwatch.samples.import_journal import NAME, undo_import
        from maskwatch.samples.store import Queue
        from maskwatch.samples.team import read_team
        from maskwatch.samples.work_done import work_done

        folder = next(each for each in path.parents if each.name == "queue")
        queue, team = Queue(folder), read_team(folder)
        samples = queue.samples()
        queue.tidy()
        choices(samples)
        progress(samples, from_query({}), "kim", date(2026, 11, 26))
        grid(chosen(samples, from_query({})), {}, Texts("en"))
        agreement(comparisons(samples))
        work_done(samples, team, datetime.now(UTC))
        for form in FORMS:
            with suppress(DataError):  # none that can be read, or of which the picture is none
                write_folder(exported(queue, SampleFilter(), form), path.parent / f"out-{form}")
        for sample in samples:
            queue.label(sample.id, [], "kim", based_on=sample.revision)
        return undo_import(queue, "kim").problems if (folder / NAME).exists() else []

    @staticmethod
    def _users(path):
        from maskwatch.console.users import Users, is_right_password

        for account in Users(path.parent).all():
            is_right_password(account, "a password that is none")
            assert account.user.name == account.stamp or account.role

    @staticmethod
    def _events(path):
        from maskwatch.console.history.rows import rows
        from maskwatch.console.texts import Texts
        from maskwatch.events.csv_export import csv_lines
        from maskwatch.events.passages import tally_passages
        from maskwatch.events.store import EventFilter, EventStore
        from maskwatch.events.timeline import walk

        store = EventStore.in_folder(path.parent)
        try:
            store.check()
            found = store.find(EventFilter(), limit=50)
            store.count(EventFilter(since=0.0))
            tally_passages(store, EventFilter(), 900)
            store.ongoing()
            store.uncopied(5)
            store.get("0" * 32)
            store.note("cursor")
            list(csv_lines(walk(store, EventFilter())))
            rows(Texts("en"), found, None, frozenset())
            store.try_to_write()
        finally:
            store.close()

    @staticmethod
    def _outbox(path):
        from maskwatch.alerts.kinds.notify import _Service
        from maskwatch.alerts.outbox import Limits, Outbox, SendError

        outbox = Outbox(
            "outbox", path.parent, Limits(10, 10, 1e6), _Service("outbox", "json://127.0.0.1:9/").send
        )
        try:
            outbox._send_first()
        except SendError as e:
            if "Error" in str(e):
                raise AssertionError(f"a message that is broken holds up all others: {e}") from e
        finally:
            outbox.close(5)

    @staticmethod
    def _drift(path):
        from maskwatch.drift.confidences import days
        from maskwatch.drift.shift import Bounds, shifts

        found = list(days(path.parent.parent))
        shifts(found, {day.camera: day.versions for day in found}, Bounds(1, 1, 0.2))

    @staticmethod
    def _archive(path):
        from maskwatch.learning.archive import Archive

        archive = Archive(path.parent)
        archive.assignments()
        archive.doubted()
        archive.batches()
        archive.forget("door", lambda _: True, set())
