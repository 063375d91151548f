"""What the editor's page does with the service and the configuration, without a browser."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from maskwatch.app.config_editor import ConfigEditor
from maskwatch.console.editor import saving as saving_module
from maskwatch.console.editor.draft import PlaceKind, Variant
from maskwatch.console.editor.figures import figures_table
from maskwatch.console.editor.saving import SaveOutcome, Saving
from maskwatch.console.editor.timeline import WIDTH, timeline
from maskwatch.console.editor.trial import Trial
from maskwatch.console.shell import Visit
from maskwatch.console.texts import LANGUAGES, Texts, catalogue
from maskwatch.console.users import Role, User
from maskwatch.core.errors import EventError, ServiceError
from maskwatch.core.people import People
from maskwatch.core.records import Alert, Label
from maskwatch.core.what_if import Bounds, Course, Moment
from maskwatch.evaluation.thresholds import labelled_figures
from maskwatch.tracking import FaceTracker

ROOM = Path(saving_module.__file__).parent


class Recorded:
    """A service with reports; its clock goes on by `record`."""

    def __init__(self, report):
        self._report = report
        self._people = People(FaceTracker(), protected_at=0.5)
        self.reports = []

    def record(self, begin, end, probability):
        for n in range(round(5 * begin), round(5 * end)):
            self.reports.append(self._people.update(None, self._report(1e9 + n / 5, probability))[0])

    async def minute(self, camera, after=None):
        assert camera == "door"
        place = next((n for n, each in enumerate(self.reports, 1) if each.at == after), 0)
        return self.reports[place:]


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "c.yaml").write_text("cameras: {door: {source: usb:0}}\nalert: {sinks: [log]}\n")
    return ConfigEditor(tmp_path / "c.yaml", tmp_path / "history")


def test_a_minute_that_is_held_stays_while_what_is_live_goes_on(settings, report):
    service = Recorded(report)
    trial = Trial(service, settings, "door")
    now = Variant((), settings.read().cameras["door"].thresholds)
    tried = replace(now, thresholds=replace(now.thresholds, protected_at=0.9))

    async def watch():
        service.record(0, 20, 0.7)
        await trial.follow()
        first = await trial.courses(now, tried)
        trial.held = True
        service.record(20, 120, 0.95)
        await trial.follow()
        live = trial.tried(service.reports[-1])
        held = await trial.courses(now, tried)
        trial.held = False
        await trial.follow()
        return first, live, held, await trial.courses(now, tried)

    first, live, held, last = asyncio.run(watch())
    assert [len(each.alerts) for each in first] == [0, 1]
    assert [person.label for person in live.persons] == [Label.PROTECTED]
    assert held == first
    assert last[1].moments[-1].ratio == 1.0
    assert last[1].moments[-1].at - last[1].moments[0].at <= 60
    assert [len(each.alerts) for each in last] == [0, 0]


def test_a_clock_that_is_set_back_begins_the_minute_anew(settings, report):
    service = Recorded(report)
    trial = Trial(service, settings, "door")
    now = Variant((), settings.read().cameras["door"].thresholds)

    async def watch():
        service.record(10, 20, 0.7)
        await trial.follow()
        service.reports.clear()
        service.record(0, 4, 0.7)
        await trial.follow()
        return await trial.courses(now, now)

    assert len(asyncio.run(watch())[0].moments) == 20


class Told:
    """A service that tells these statuses in turn, the last one for ever; None: it does not answer."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.reloads = 0

    async def reload(self):
        if self.statuses == [None]:
            raise ServiceError("the service does not answer")
        self.reloads += 1

    async def status(self):
        told = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if told is None:
            raise ServiceError("the service does not answer")
        return {"config": told}


class Events:
    def __init__(self):
        self.all = []

    def add(self, events):
        self.all += events


class Undoing:
    def undo(self):
        return "new"


OLD = {"digest": "old", "refused": None, "problem": None}


@pytest.mark.parametrize(
    ("statuses", "outcome", "why"),
    [
        ((OLD, None, OLD | {"digest": "new"}), SaveOutcome.TAKEN, ""),
        ((OLD, OLD | {"refused": "new", "problem": "web: taken"}), SaveOutcome.NOT_TAKEN, "web: taken"),
        ((OLD | {"refused": "older", "problem": "x"},), SaveOutcome.SLOW, ""),
        ((None,), SaveOutcome.NOT_RUNNING, "the service does not answer"),
    ],
)
def test_the_page_knows_what_became_of_what_was_saved(monkeypatch, statuses, outcome, why):
    monkeypatch.setattr(saving_module, "POLL_S", 0.0)
    monkeypatch.setattr(saving_module, "RELOAD_S", 0.3)
    events, service = Events(), Told(*statuses)

    class Monitoring:
        pass

    Monitoring.service, Monitoring.events = service, events
    visit = Visit(User("kim", Role.ADMIN), Texts("en"), "auto")
    assert asyncio.run(Saving(Undoing(), Monitoring, visit).undo()) == (outcome, why)
    (event,) = events.all
    assert event.data == {"user": "kim", "keys": ["undo"]}
    assert event.kind == "settings"


def test_the_timeline_has_both_courses_and_their_alerts():
    def course(*ratios, alerts=()):
        return Course(tuple(Moment(100 + n, ratio, 2) for n, ratio in enumerate(ratios)), alerts)

    alert = Alert("door", 101.0, 0.5, 2, 1, "", rule="<b>", ended_at=103.0)
    said = timeline(
        Texts("en"), course(1.0, 1.0, None, 0.5), course(0.5, 0.5, 0.5, 0.5, alerts=(alert,)), 0.75
    )
    assert said.count("<path") == 2
    (bar,) = re.findall(r"<rect [^>]+>", said)
    assert 'class="mw-ed-tried"' in bar
    left, width = (float(re.search(rf' {key}="([\d.]+)"', bar)[1]) for key in ("x", "width"))
    assert (left, width) == (WIDTH * 58 / 60, WIDTH * 2 / 60)
    assert "<b>" not in said.replace("<b></b>", "")
    assert "0 alerts as it is in force and 1 as tried" in said


def test_without_labels_the_page_says_so():
    nothing = labelled_figures([], Bounds(0.5))
    assert "No sample" in figures_table(Texts("en"), nothing, nothing)
    assert "대기열" in figures_table(Texts("ko"), nothing, nothing)


def test_every_text_of_the_page_is_there_in_each_language_and_none_is_left_over():
    code = "".join(path.read_text() for path in ROOM.glob("*.py"))
    known = {key for key in catalogue() if key.startswith("editor.")}
    said = set(re.findall(r"editor\.[a-z_]+", code)) | {
        f"editor.{word}" for word in re.findall(r'"([a-z_]+)"', code)
    }
    said |= {f"editor.{kind}{what}" for kind in PlaceKind for what in ("", "_is")}
    said |= {f"editor.{name}_{figure}" for name in ("bare", "masked") for figure in ("recall", "precision")}
    said |= {f"editor.{each}" for each in (*Label, *SaveOutcome)}
    assert known - said == set()
    for key in known:
        assert set(catalogue()[key]) == set(LANGUAGES)
    assert set(re.findall(r'"(editor\.[a-z_]+)"', code)) <= known


def test_an_event_store_that_fails_does_not_undo_what_was_saved(monkeypatch):
    class Failing:
        def add(self, events):
            raise EventError("events: disk full")

    class Monitoring:
        pass

    told = []
    monkeypatch.setattr(saving_module.ui, "notify", lambda text, **_: told.append(text))
    monkeypatch.setattr(saving_module, "POLL_S", 0.0)
    Monitoring.service, Monitoring.events = Told(OLD | {"digest": "new"}), Failing()
    visit = Visit(User("kim", Role.ADMIN), Texts("en"), "auto")
    assert asyncio.run(Saving(Undoing(), Monitoring, visit).undo()) == (SaveOutcome.TAKEN, "")
    assert told == ["events: disk full"]
