"""Counts that go on where the service before left them."""

from collections.abc import Iterable
from datetime import datetime

from maskwatch.core.events import Event, EventKind
from maskwatch.core.people.counts import HOUR_S
from maskwatch.core.records import Direction, Label, Passage
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.pipeline.status_board import Board

MOST = 100_000  # passages of a camera and day


def restore_passages(store: EventStore, board: Board, cameras: Iterable[str], now: float) -> None:
    """Who passed these live cameras today and in the last hour before the Unix time `now`, for the board. Raises `EventError`."""
    midnight = datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    since = min(midnight.timestamp(), now - HOUR_S)
    for camera in cameras:
        wanted = EventFilter(since, now, [camera], [EventKind.PASSAGE])
        events = store.find(wanted, limit=MOST)
        board.restore_passages(camera, now, [_passage(event) for event in events])


def _passage(event: Event) -> Passage:
    data = event.data
    zones, line = data.get("zones"), data.get("line")
    return Passage(
        str(event.camera),
        event.at,
        None,
        Label(str(data["label"])),
        Direction(str(data["direction"])),
        None if line is None else str(line),
        tuple(map(str, zones)) if isinstance(zones, list) else (),
    )
