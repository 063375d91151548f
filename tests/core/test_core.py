import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.geometry import contains, iou
from maskwatch.core.records import (
    Box,
    CameraState,
    Direction,
    Face,
    FrameReport,
    Label,
    Passage,
    PassageCounts,
    PassageKind,
)
from maskwatch.pipeline.mailbox import Mailbox
from maskwatch.pipeline.status_board import Board
from maskwatch.pipeline.worker import Worker
from maskwatch.platform.files import replacing, write_atomically
from maskwatch.samples.sample import Sample

PLACE = st.integers(-1000, 1000)
SIDE = st.integers(1, 500)
BOXES = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), PLACE, PLACE, SIDE, SIDE)
SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
NOTCHED = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.0, 1.0))
TICK_S = 0.05


def fail(error):
    raise AssertionError(error)


# geometry


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1.0),
        (Box(0, 0, 10, 10), Box(5, 0, 15, 10), 1 / 3),
        (Box(0, 0, 10, 10), Box(2, 2, 7, 7), 0.25),
        (Box(0, 0, 10, 10), Box(10, 0, 20, 10), 0.0),
        (Box(0, 0, 10, 10), Box(50, 50, 60, 60), 0.0),
        (Box(3, 3, 3, 3), Box(3, 3, 3, 3), 0.0),
    ],
)
def test_iou_is_the_shared_area_over_the_covered_area(a, b, share):
    assert iou(a, b) == pytest.approx(share)


@given(a=BOXES, b=BOXES)
def test_iou_is_symmetric_and_a_share(a, b):
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1
    assert iou(a, a) == 1


@pytest.mark.parametrize(
    ("polygon", "point", "inside"),
    [
        (SQUARE, (0.5, 0.5), True),
        (SQUARE, (0.1, 0.5), False),
        (SQUARE, (0.9, 0.5), False),
        (SQUARE, (0.5, 0.1), False),
        (SQUARE, (0.5, 0.9), False),
        (NOTCHED, (0.5, 0.4), True),
        (NOTCHED, (0.5, 0.6), False),
        (NOTCHED, (0.1, 0.8), True),
        (NOTCHED, (0.9, 0.8), True),
        (tuple(reversed(NOTCHED)), (0.5, 0.6), False),
    ],
)
def test_a_point_is_inside_a_polygon_or_not(polygon, point, inside):
    assert contains(polygon, *point) == inside


@given(x=st.floats(0, 1), y=st.floats(0, 1))
def test_two_polygons_that_tile_the_frame_share_no_point_and_miss_none(x, y):
    left, right = ((0, 0), (0.6, 0), (0.3, 2), (0, 2)), ((0.6, 0), (2, 0), (2, 2), (0.3, 2))
    assert contains(left, x, y) != contains(right, x, y)


# records


@pytest.mark.parametrize(
    ("probabilities", "people", "ratio"),
    [
        ([], 0, None),
        ([None, None], 0, None),
        ([0.1], 1, 0.0),
        ([0.9, None], 1, 1.0),
        ([0.9, 0.9, 0.9, 0.1], 4, 0.75),
    ],
)
def test_the_ratio_counts_only_who_can_be_assessed(report, probabilities, people, ratio):
    seen = report(0.0, *probabilities)
    assert (seen.people, seen.protected_ratio) == (people, ratio)


@pytest.mark.parametrize(
    ("faces", "lowest"),
    [
        ([], 1.0),
        ([(0.9, None)], 0.9),
        ([(0.9, 0.3)], 0.7),
        ([(0.9, 0.7)], 0.7),
        ([(0.9, 0.99), (0.6, 0.01)], 0.6),
    ],
)
def test_the_lowest_confidence_is_that_of_the_verdict_given(faces, lowest):
    seen = tuple(Face(Box(0, 0, 1, 1), score, protected) for score, protected in faces)
    report = FrameReport("door", "clip.mp4", 0, 0.0, (640, 480), seen)
    sample = Sample("id", report, ("classifier",), datetime.now(UTC), {})
    assert sample.lowest_confidence == pytest.approx(lowest)


def test_a_box_knows_its_measures():
    box = Box(10, 20, 40, 100)
    assert (box.width, box.height, box.centre) == (30, 80, (25, 60))


def test_labels_read_as_words():
    assert [str(label) for label in Label] == ["protected", "unprotected", "unknown"]


# mailbox


def taken(box, bell):
    with bell:
        return [frame.at for frame in box.take()] if box.is_ready() else []


@pytest.mark.parametrize(("capacity", "newest"), [(1, [4]), (3, [2, 3, 4])])
def test_a_live_mailbox_keeps_the_newest_and_counts_the_dropped(frame, capacity, newest):
    box = Mailbox(bell := threading.Condition(), capacity=capacity, blocks=False)
    assert all(box.put(frame(at)) for at in range(5))
    assert box.dropped == 5 - capacity
    assert taken(box, bell) == newest
    assert taken(box, bell) == []


def test_a_blocking_mailbox_drops_nothing_and_its_batches_do_not_vary(frame):
    box = Mailbox(bell := threading.Condition(), capacity=4, blocks=True)

    def send():
        for at in range(10):
            time.sleep(0.002 * (at % 3))
            box.put(frame(at))
        box.end()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    batches = []
    while not box.is_over():
        with bell:
            bell.wait_for(lambda: box.is_ready() or box.is_over(), timeout=5)
        batches.append(taken(box, bell))
    sender.join(5)
    assert [batch for batch in batches if batch] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert box.dropped == 0


def test_a_full_blocking_mailbox_makes_its_sender_wait(frame):
    box = Mailbox(bell := threading.Condition(), capacity=1, blocks=True)
    box.put(frame(0))
    sent = threading.Event()
    sender = threading.Thread(target=lambda: (box.put(frame(1)), sent.set()), daemon=True)
    sender.start()
    assert not sent.wait(TICK_S)
    assert taken(box, bell) == [0]
    assert sent.wait(5)
    assert taken(box, bell) == [1]
    sender.join(5)


def test_closing_wakes_a_waiting_sender_and_refuses_its_frame(frame):
    box = Mailbox(threading.Condition(), capacity=1, blocks=True)
    box.put(frame(0))
    answers = []
    sender = threading.Thread(target=lambda: answers.append(box.put(frame(1))), daemon=True)
    sender.start()
    time.sleep(TICK_S)
    assert answers == []
    box.close()
    sender.join(5)
    assert answers == [False]
    assert not box.put(frame(2))


def test_a_mailbox_is_over_when_it_has_ended_and_is_empty(frame):
    box = Mailbox(bell := threading.Condition(), capacity=3, blocks=True)
    box.put(frame(0))
    assert not box.is_ready()
    box.end()
    assert box.is_ready()
    assert not box.is_over()
    assert taken(box, bell) == [0]
    assert box.is_over()


# worker


def test_a_worker_does_jobs_in_order_on_its_own_thread():
    done = []
    worker = Worker("w", capacity=10, on_crash=fail)
    for number in range(5):
        assert worker.submit(lambda number=number: done.append((number, threading.current_thread().name)))
    worker.close(5)
    assert done == [(number, "w") for number in range(5)]


def test_a_worker_refuses_a_job_when_enough_wait():
    started, gate, done = threading.Event(), threading.Event(), []

    def slow():
        started.set()
        gate.wait(5)

    worker = Worker("w", capacity=2, on_crash=fail)
    assert worker.submit(slow)
    assert started.wait(5)
    assert [worker.submit(lambda n=n: done.append(n)) for n in range(4)] == [True, True, False, False]
    gate.set()
    worker.close(5)
    assert done == [0, 1]


def test_a_worker_hands_a_crash_on():
    crashes = []
    worker = Worker("w", capacity=2, on_crash=crashes.append)
    worker.submit(lambda: 1 / 0)
    worker.close(5)
    assert [type(crash) for crash in crashes] == [ZeroDivisionError]


def test_closing_a_stuck_worker_gives_up_in_time():
    gate = threading.Event()
    worker = Worker("w", capacity=1, on_crash=fail)
    worker.submit(lambda: gate.wait(10))
    began = time.monotonic()
    worker.close(TICK_S)
    assert time.monotonic() - began < 1
    gate.set()


def test_an_inline_worker_works_where_it_is_asked_and_lets_errors_through():
    done = []
    worker = Worker("w", capacity=1, on_crash=fail, inline=True)
    assert all(worker.submit(lambda: done.append(threading.current_thread())) for _ in range(3))
    assert done == [threading.current_thread()] * 3
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 / 0)
    worker.close(0)


# board


def test_the_board_counts_each_camera_for_itself(report):
    board = Board(["door", "gate"])
    board.count_captured("door", 0)
    board.count_captured("door", 1)
    board.count_analysed(report(0.0, 0.9, 0.1, None))
    status = board.snapshot().cameras
    door = status["door"]
    assert (door.captured, door.dropped, door.analysed, door.people) == (2, 1, 1, 2)
    assert door.protected_ratio == 0.5
    untouched = Board(["gate"]).snapshot().cameras["gate"]
    assert replace(status["gate"], since_s=0) == replace(untouched, since_s=0)


def test_the_board_counts_who_passed_each_camera_by_the_frames_clock(report, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    board = Board(["door", "gate"])
    passage = Passage("door", 999.0, 1, Label.PROTECTED, Direction.LEAVING, "out", ())
    board.count_analysed(report(1000.0, 0.9), None, (passage,))
    kind = PassageKind((), "out", Direction.LEAVING, Label.PROTECTED)
    seen = board.snapshot().cameras
    assert seen["door"].passages.minute == seen["door"].passages.total == {kind: 1}
    assert seen["gate"].passages == PassageCounts()
    now_s[0] += 58.9
    assert board.snapshot().cameras["door"].passages.minute == {kind: 1}
    now_s[0] += 0.2
    door = board.snapshot().cameras["door"].passages
    assert (door.minute, door.hour, door.total) == ({}, {kind: 1}, {kind: 1})


def test_the_board_counts_a_return_but_not_a_first_connection():
    board = Board(["door"])
    up, down = CameraState.UP, CameraState.DOWN
    counts = []
    for state in (up, down, down, up, up, down, up):
        board.set_camera_state("door", state, "cable" if state is down else None)
        counts.append(board.snapshot().cameras["door"].reconnects)
    assert counts == [0, 0, 0, 1, 1, 1, 2]
    assert board.snapshot().cameras["door"].reason is None


def test_a_snapshot_does_not_change_afterwards():
    board = Board(["door"])
    before = board.snapshot()
    board.count_captured("door", 0)
    board.count_alert("voice", "delivered")
    board.count_queued(stored=True)
    board.count_queued(stored=False)
    board.beat()
    after = board.snapshot()
    assert (before.cameras["door"].captured, before.alerts, before.queued, before.not_queued) == (0, {}, 0, 0)
    assert (after.cameras["door"].captured, after.queued, after.not_queued) == (1, 1, 1)
    assert after.alerts == {("voice", "delivered"): 1}
    assert after.engine_beat >= before.engine_beat


# files


def test_replacing_puts_the_new_file_in_place(tmp_path):
    path = tmp_path / "new" / "card.json"
    write_atomically(path, b"one")
    with replacing(path) as part:
        part.write_bytes(b"two")
        assert part.suffix == ".json"
        assert part.parent == path.parent
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_raise_leaves_the_old_file_and_no_litter(tmp_path, error):
    path = tmp_path / "card.json"
    path.write_bytes(b"old")

    def write():
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_told_and_leaves_no_litter(tmp_path):
    (tmp_path / "card.json").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "card.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
