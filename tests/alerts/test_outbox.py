"""What waits on disk for the other side: kept, in order, bounded, sent again until it is taken."""

import os
import threading
import time

import pytest
from harness.waiting import until

from maskwatch.alerts import outbox as module
from maskwatch.alerts.outbox import Limits, Outbox, SendError
from maskwatch.core.errors import AlertError, AlertKept

MUCH = Limits(messages=1000, mb=100, days=7)


class OtherSide:
    """Takes messages, or raises what stands in `faults` first; `away` while it is."""

    def __init__(self, away=False):
        self.away, self.faults, self.taken, self.tries, self.takes_s = away, [], [], [], 0.0

    def __call__(self, key, data):
        self.tries.append(key)
        if self.faults:
            raise self.faults.pop(0)
        if self.away:
            raise SendError("fake: away")
        time.sleep(self.takes_s)
        self.taken.append((key, data))


@pytest.fixture
def make(tmp_path, monkeypatch):
    """An outbox that tries again at once; all end with the test."""
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(module, "OTHER_S", 0.02)
    made = []

    def outbox(send, limits=MUCH):
        made.append(Outbox("fake", tmp_path / "box", limits, send))
        return made[-1]

    yield outbox
    for each in made:
        each.close(5)


def waiting(folder):
    return sorted(folder.glob("*.message"))


def test_what_is_taken_is_gone_from_the_disk(make, tmp_path):
    side = OtherSide()
    box = make(side)
    box.wait(box.add("a-begin", b"1"))
    assert side.taken == [("a-begin", b"1")]
    assert box.problem is None
    assert waiting(tmp_path / "box") == []


def test_order_is_kept_and_nothing_lost_while_the_other_side_is_away(make):
    side = OtherSide(away=True)
    box = make(side)
    for number in range(20):
        path = box.add(f"m{number}", b"%d" % number)
    with pytest.raises(AlertKept, match=r"^fake: away; 20 messages waiting$"):
        box.wait(path)
    side.away = False
    until(lambda: box.is_empty)
    assert [key for key, _ in side.taken] == [f"m{number}" for number in range(20)]
    assert box.problem is None


def test_a_message_that_was_refused_for_good_is_given_up_and_the_next_is_sent(make, caplog):
    side = OtherSide()
    side.faults = [SendError("fake: HTTP 400", again=False)]
    box = make(side)
    with pytest.raises(AlertError, match="HTTP 400") as caught:
        box.wait(box.add("bad", b"1"))
    assert not isinstance(caught.value, AlertKept)
    box.wait(box.add("good", b"2"))
    assert side.tries == ["bad", "good"]
    assert "bad is given up: HTTP 400" in caplog.text


def test_what_another_library_raises_is_told_without_its_words(make, tmp_path):
    side = OtherSide()
    side.faults = [ValueError("https://h/hunter2")] * 1000
    box = make(side)
    with pytest.raises(AlertKept, match="fake: ValueError") as caught:
        box.wait(box.add("a", b"1"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("limits", [Limits(3, 100, 7), Limits(1000, 0.0035, 7)])
def test_above_its_limits_the_oldest_goes(make, caplog, limits, tmp_path):
    side = OtherSide(away=True)
    box = make(side, limits)
    for number in range(5):
        box.add(f"m{number}", bytes(1000))
    assert [path.name.split("-")[1] for path in waiting(tmp_path / "box")] == [
        f"m{number}.message" for number in (2, 3, 4)
    ]
    assert "m1 is given up: there is no room" in caplog.text


def test_what_waited_for_too_long_is_given_up(make, tmp_path, caplog):
    side = OtherSide(away=True)
    box = make(side)
    old = box.add("old", b"1")
    os.utime(old, (time.time() - 8 * 86_400,) * 2)
    box.add("new", b"2")
    until(lambda: not old.exists())
    side.away = False
    until(lambda: box.is_empty)
    assert side.taken == [("new", b"2")]
    assert "it waited for more than 7 days" in caplog.text


def test_nobody_else_may_read_what_waits(make, tmp_path):
    box = make(OtherSide(away=True))
    path = box.add("a", b"1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_next_one_sends_what_the_one_before_left_and_both_keep_the_order(make, tmp_path):
    side = OtherSide(away=True)
    side.takes_s = 0.05
    first, second = make(side), make(side)
    for number in range(6):
        (first if number % 2 else second).add(f"m{number}", b"")
    side.away = False
    until(lambda: waiting(tmp_path / "box") == [])
    assert [key for key, _ in side.taken] == [f"m{number}" for number in range(6)]


def test_order_holds_when_the_clock_goes_back(make, monkeypatch, tmp_path):
    side = OtherSide(away=True)
    box = make(side)
    box.add("m0", b"")
    monkeypatch.setattr(module.time, "time_ns", lambda: 1)
    make(side).add("m1", b"")
    assert [path.name.split("-")[1] for path in waiting(tmp_path / "box")] == ["m0.message", "m1.message"]


def test_a_full_disk_is_an_error_that_names_the_folder(make, tmp_path):
    (tmp_path / "box").write_text("in the way")
    with pytest.raises(AlertError, match=r"^fake: .*box") as caught:
        make(OtherSide()).add("a", b"1")
    assert not isinstance(caught.value, AlertKept)


def test_closing_waits_for_no_pause(make, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 1000.0)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 1000.0)
    box = make(OtherSide(away=True))
    with pytest.raises(AlertKept):
        box.wait(box.add("a", b"1"))
    box.close(20)
    assert not [thread for thread in threading.enumerate() if thread.name == "outbox fake"]
