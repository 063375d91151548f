"""How far long work is: a bar on a terminal, lines in the log where there is none."""

import io
import logging

import pytest

from maskwatch.cli import progress_log, terminal
from maskwatch.cli.progress_log import ProgressLog
from maskwatch.cli.terminal import SafeConsole, progress, stages, tracked


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, progress_log.__name__)
    return lambda: caplog.messages


def run(log, clock, seconds, step_s=1.0):
    for _ in range(int(seconds / step_s)):
        clock.now_s += step_s
        log.advance()


def test_long_work_says_how_far_it_is_and_how_long_it_takes_yet(told):
    clock = Clock()
    run(ProgressLog("looking at pictures", 400, clock), clock, 100)
    assert told() == [
        "looking at pictures: 30 of 400 (8%) in 0:00:30, about 0:06:10 left",
        "looking at pictures: 60 of 400 (15%) in 0:01:00, about 0:05:40 left",
        "looking at pictures: 90 of 400 (22%) in 0:01:30, about 0:05:10 left",
    ]


def test_quick_work_says_nothing(told):
    clock = Clock()
    run(ProgressLog("looking at pictures", 29, clock), clock, 29)
    assert told() == []


def test_of_work_without_a_known_end_it_is_told_how_much_is_done(told):
    clock = Clock()
    run(ProgressLog("replacing", None, clock), clock, 30)
    assert told() == ["replacing: 30 in 0:00:30"]


def test_a_day_of_work_does_not_fill_the_log(told):
    clock = Clock()
    run(ProgressLog("MB of footage", 86_400, clock), clock, 86_400)
    assert 100 < len(told()) < 200


@pytest.mark.parametrize("way", ["progress", "stages", "tracked"])
@pytest.mark.parametrize("on_terminal", [True, False])
def test_every_long_command_logs_it_where_no_terminal_shows_a_bar(monkeypatch, told, way, on_terminal):
    shown = io.StringIO()
    console = SafeConsole(file=shown, force_terminal=on_terminal)
    monkeypatch.setattr(terminal, "errors", console)
    monkeypatch.setattr(progress_log, "FIRST_S", 0.0)
    if way == "progress":
        with progress("work", 2) as advance:
            advance()
            advance()
    elif way == "stages":
        with stages() as show:
            show("work", 1, 2)
            show("work", 2, 2)
    else:
        assert list(tracked("work")("ab")) == ["a", "b"]
    assert [line.partition(" in ")[0] for line in told()] == (
        [] if on_terminal else ["work: 1 of 2 (50%)", "work: 2 of 2 (100%)"]
    )
    assert ("work" in shown.getvalue()) is on_terminal
