"""A thread that begins and ends with a `with` block."""

import threading

from maskwatch.platform.background import BackgroundThread


class Rounds(BackgroundThread):
    def __init__(self, on_crash, error=None):
        super().__init__("rounds", on_crash)
        self.error, self.begun, self.said = error, threading.Event(), []

    def body(self):
        self.begun.set()
        if self.error:
            raise self.error
        while not self.pause(0.01):
            pass
        self.said.append("the last word")


class Stuck(BackgroundThread):
    def __init__(self):
        super().__init__("stuck", print, close_s=0)
        self.goes_on = threading.Event()

    def body(self):
        self.goes_on.wait()


def test_it_ends_with_its_block_after_its_last_word():
    with Rounds(print) as rounds:
        rounds.begun.wait(60)
        assert not rounds.said
    assert rounds.said == ["the last word"]


def test_what_it_raises_is_handed_to_its_owner():
    crashes, error = [], ValueError("broken")
    with Rounds(crashes.append, error):
        pass
    assert crashes == [error]


def test_one_that_is_stuck_is_not_waited_for():
    with Stuck() as stuck:
        pass
    assert stuck._thread.is_alive()
    stuck.goes_on.set()
    stuck._thread.join(60)
