"""Counts that go on after a restart: as if nobody had stopped counting."""

import time
from datetime import datetime
from types import SimpleNamespace
from uuid import uuid4

from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import Direction, FrameReport, Label, Passage, PassageKind
from maskwatch.events.counts import restore_passages
from maskwatch.events.store import EventStore
from maskwatch.pipeline.event_feed import passage_event
from maskwatch.pipeline.status_board import Board

KIND = PassageKind(("hall", "stairs"), "exit", Direction.LEAVING, Label.UNPROTECTED)


def passed(camera, at):
    return Passage(camera, at, 5, KIND.label, KIND.direction, KIND.line, KIND.zones)


def test_the_counts_of_a_live_camera_are_those_that_were_stored(tmp_path):
    now = time.time()
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    times = [now - 10, now - 1000, now - 3500, now - 4000, now - 90_000]
    store = EventStore.in_folder(tmp_path)
    store.add([passage_event(passed(camera, at), at) for camera in ("door", "clip") for at in times])
    store.add([Event(uuid4().hex, EventKind.ALERT, now - 5, "door")])
    board = Board(["door", "clip"])
    restore_passages(store, board, ["door"], now)
    store.close()
    board.count_analysed(FrameReport("door", "x", 1, now, (64, 48), ()), None, [passed("door", now)])
    seen = board.snapshot().cameras
    counts = seen["door"].passages
    assert counts.total == {KIND: 1}
    assert counts.minute == {KIND: 2}
    assert counts.hour == {KIND: 4}
    assert counts.today == {KIND: 1 + sum(at >= midnight for at in times)}
    assert seen["clip"].passages.hour == {}


def test_on_the_day_the_clock_is_set_back_all_of_today_counts(tmp_path, in_zone):
    """Midnight had another offset from UTC than noon has."""
    in_zone("Europe/Berlin")
    first, noon = (datetime(2026, 10, 25, *hour).astimezone().timestamp() for hour in ((0, 30), (12, 0)))
    store = EventStore.in_folder(tmp_path)
    store.add([passage_event(passed("door", first), first)])
    restored = []
    board = SimpleNamespace(restore_passages=lambda *told: restored.append(told))
    restore_passages(store, board, ["door"], noon)
    store.close()
    assert [(camera, at, len(passages)) for camera, at, passages in restored] == [("door", noon, 1)]
