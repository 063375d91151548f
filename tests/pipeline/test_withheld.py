"""Announcements that are withheld by chance, through the pipeline."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from maskwatch.core.errors import AlertError
from maskwatch.core.people.effect import Effect
from maskwatch.core.records import Alert, Box, Face, Label, Person
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.output.json_lines import as_json
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.pipeline import Pipeline

FACE = Face(Box(20, 10, 40, 34), 0.99)
SECONDS = 400


class Source:
    """A frame a second."""

    name, live = "fake", False

    def __init__(self, frame):
        self._frame = frame

    def frames(self):
        for at in range(SECONDS):
            yield self._frame(at, "door", np.zeros((48, 64, 3), np.uint8))

    def expected(self):
        return SECONDS


class Models:
    """A bare face in every frame."""

    version = "fake"

    def detect(self, frames):
        return [(FACE,) for _ in frames]

    def classify(self, faces):
        return [0.0 for _ in faces]


class People:
    """One person who puts a mask on for ten seconds in every fifty."""

    def update(self, frame, report):
        label = Label.PROTECTED if report.at % 50 >= 40 else Label.UNPROTECTED
        return replace(report, persons=(Person(1, FACE.box, label, face=0),)), ()


class Sink:
    name = "fake"

    def __init__(self, error=None):
        self.told, self.over = [], []
        self._error = error

    def deliver(self, alert):
        if self._error:
            raise self._error
        self.told.append(alert.at)

    def ended(self, alert):
        self.over.append(alert.at)


def replayed(frame, sink, effect):
    models = Models()
    camera = Camera(
        "door",
        models,
        models,
        0.5,
        12,
        (),
        source=Source(frame),
        rules=(Rule(for_s=0, cooldown_s=25),),
        sinks=(sink,),
        people=People(),
        effect=effect,
    )
    decisions = []
    with Pipeline([camera], replay=True, on_decision=decisions.append) as pipeline:
        pipeline.run()
    return decisions, pipeline.board.snapshot().cameras["door"].effect


def test_of_what_is_withheld_nobody_hears_and_all_else_goes_on_as_if_people_were_told(frame, caplog):
    with caplog.at_level(logging.INFO):
        everything, sink = Sink(), Sink()
        told, _ = replayed(frame, everything, Effect("door"))
        decisions, status = replayed(frame, sink, Effect("door", withhold_share=0.5))
    alerts = [d.alert for d in decisions if d.alert]
    assert [a.at for a in alerts] == [d.alert.at for d in told if d.alert] == everything.told
    withheld = [a.at for a in alerts if a.withheld]
    assert sink.told == [a.at for a in alerts if not a.withheld]
    assert 0 < len(withheld) < len(alerts)
    assert set(everything.over) & set(withheld)
    assert not set(sink.over) & set(withheld)
    assert set(sink.over) == set(everything.over) - set(withheld)
    figures = status.total
    assert (
        figures.told.announcements + figures.withheld.announcements >= len(alerts) - 1
    )  # the last may go on
    said = [r.message for r in caplog.records if "withheld (alert.withhold_share)" in r.message]
    assert len(said) == len(withheld)


def test_the_report_tells_what_was_withheld_and_what_came_of_each(frame):
    decisions, status = replayed(frame, Sink(), Effect("door", withhold_share=0.5))
    lines = [as_json(decision) for decision in decisions]
    assert [line["at"] for line in lines if line.get("withheld")] == [
        d.alert.at for d in decisions if d.alert and d.alert.withheld
    ]
    outcomes = [each for line in lines for each in line.get("outcomes", ())]
    assert sum(not each["told"] for each in outcomes) == status.total.withheld.announcements
    assert sum(len(each["put_on"]) for each in outcomes if each["told"]) == status.total.told.put_on > 0
    # a mask is on from 40 s on: within 20 s of the second, not of the first
    assert [(each["at"], each["addressed"], each["put_on"]) for each in outcomes[:2]] == [
        (0, (1,), ()),
        (25, (1,), (1,)),
    ]


@pytest.mark.logs_errors
def test_what_reached_nobody_is_no_announcement(frame):
    _, status = replayed(frame, Sink(AlertError("broken")), Effect("door"))
    assert status.total.told.announcements == 0


def test_an_alert_is_told_unless_it_says_otherwise():
    assert Alert("door", 0.0, 0.0, 1, 1, "x").withheld is False
