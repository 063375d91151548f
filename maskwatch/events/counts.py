"""Counts that continue after a restart, from the events that are stored."""

from collections.abc import Iterable

from maskwatch.core.events import Event, EventKind
from maskwatch.core.people.counts import HOUR_S
from maskwatch.core.records import Direction, Label, Passage
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.pipeline.status_board import Board
from maskwatch.platform.clock import local_day, midnight

MAX_PASSAGES = 100_000  # of a camera and day


def restore_passages(store: EventStore, board: Board, cameras: Iterable[str], now: float) -> None:
    """Count on the board who passed these live cameras today, and in the hour before the Unix time `now`. Raises `EventError`."""
    since = min(midnight(local_day(now)), now - HOUR_S)
    for camera in cameras:
        wanted = EventFilter(since, now, [camera], [EventKind.PASSAGE])
        events = store.find(wanted, limit=MAX_PASSAGES)
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
