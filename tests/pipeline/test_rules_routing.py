"""Several rules a camera: each alert to the sinks of its rule and level, and each end after it."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from harness.waiting import until

from maskwatch.core.errors import AlertError, SourceError
from maskwatch.core.records import AlertKind, Box, Face, Frame, Label, Passage, Person
from maskwatch.core.rules.condition import Subjects
from maskwatch.core.rules.escalation import Escalation
from maskwatch.core.rules.occupancy import Occupancy
from maskwatch.core.rules.protected_ratio import ProtectedRatio
from maskwatch.core.rules.schedule import Schedule
from maskwatch.core.rules.timed_rule import TimedRule, Timing
from maskwatch.pipeline import offline_watch
from maskwatch.pipeline import pipeline as pipeline_module
from maskwatch.pipeline.announcer import sink_routes
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.pipeline import Pipeline

BARE, MASKED = 20, 230
SOON_S = 30.0


class Footage:
    name = "footage"

    def __init__(self, frames, live=False):
        self.live = live
        self._frames = list(frames)
        self._shown = False

    def frames(self):
        if self._shown:
            raise SourceError("footage: cable")
        self._shown = True
        for each in self._frames:
            if isinstance(each, Frame):
                yield each
            else:
                each()

    def expected(self):
        return None


class Detector:
    version = "fake"

    def detect(self, frames):
        return [(Face(Box(20, 10, 40, 34), 0.99), Face(Box(42, 10, 60, 34), 0.99)) for _ in frames]


class Classifier:
    version = "fake"

    def classify(self, faces):
        return [float(rgb[0, 0, 0]) / 255 for rgb, _ in faces]


class Sink:
    """Notes what it hears, in order; raises the next of `errors` that is not None."""

    def __init__(self, name="fake", *, audible=None, errors=(), gate=None):
        self.name = name
        self.heard = []
        self._errors, self._gate = list(errors), gate
        if audible is not None:
            self.audible = audible

    def deliver(self, alert):
        if self._gate is not None:
            assert self._gate.wait(SOON_S)
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        self.heard.append(("told", alert.rule, alert.at))

    def ended(self, alert):
        assert alert.ended_at is not None
        assert alert.frame is None
        self.heard.append(("over", alert.rule, alert.at))

    @property
    def told(self):
        return [(rule, at) for what, rule, at in self.heard if what == "told"]


class People:
    """Both faces are people; every second notes who passed."""

    def update(self, frame, report):
        people = tuple(Person(n, face.box, face.label, face=n - 1) for n, face in enumerate(report.faces, 1))
        passed = Passage("door", report.at, 9, Label.UNPROTECTED, "leaving", "line")
        return replace(report, persons=people), (passed,)


def shot(at, grey=BARE):
    return Frame("door", "footage", round(at * 10), at, np.full((48, 64, 3), grey, np.uint8))


def rule(name="ratio", **timing):
    condition = ProtectedRatio(Subjects(), protected_ratio=0.75)
    return TimedRule(name, condition, Timing("please", **({"for_s": 0.0, "cooldown_s": 10.0} | timing)))


def crowd(**timing):
    condition = Occupancy(Subjects(), min_people=2)
    return TimedRule("crowd", condition, Timing("too many", **({"for_s": 0.0, "cooldown_s": 10.0} | timing)))


def camera(frames, *rules, sinks, live=False, **parts):
    source = frames if isinstance(frames, Footage) else Footage(frames, live)
    return Camera(
        "door", Detector(), Classifier(), 0.5, 12, (), source, rules, sinks, people=People(), **parts
    )


def replayed(made):
    decisions = []
    with Pipeline([made], replay=True, on_decision=decisions.append) as pipeline:
        pipeline.run()
    return decisions


def test_each_rule_gives_its_own_alert_of_a_frame():
    sink = Sink()
    first, second = replayed(camera([shot(0.0), shot(1.0, MASKED)], rule(), crowd(), sinks=(sink,)))
    assert [(alert.rule, alert.kind) for alert in first.alerts] == [
        ("ratio", AlertKind.UNPROTECTED),
        ("crowd", AlertKind.OCCUPANCY),
    ]
    assert first.alert is first.alerts[0]
    assert (second.alerts, second.alert) == ((), None)
    assert sink.told == [("ratio", 0.0), ("crowd", 0.0)]


def test_each_rule_has_its_own_cooldown_and_end():
    sink = Sink()
    frames = [shot(float(at), BARE if at < 3 else MASKED) for at in range(8)]
    replayed(camera(frames, rule(cooldown_s=2), crowd(cooldown_s=5), sinks=(sink,)))
    assert sink.heard == [
        ("told", "ratio", 0.0),
        ("told", "crowd", 0.0),
        ("told", "ratio", 2.0),
        ("over", "ratio", 0.0),  # the next one stands
        ("over", "ratio", 2.0),
        ("told", "crowd", 5.0),
        ("over", "crowd", 0.0),
        ("over", "crowd", 5.0),  # the footage has ended
    ]


def test_rules_get_the_passages():
    given = []

    class Watching:
        name = "watching"

        def update(self, report, passages=()):
            given.extend(passages)

        def ended(self):
            return None

    replayed(camera([shot(0.0), shot(1.0)], Watching(), sinks=()))
    assert [(each.at, each.track) for each in given] == [(0.0, 9), (1.0, 9)]


def test_alerts_of_a_level_go_to_its_sinks_and_their_ends_too():
    voice, guard = Sink("voice"), Sink("guard")
    watched = rule(cooldown_s=1, escalation=Escalation(2, "last warning"))
    frames = [*[shot(float(at)) for at in range(4)], shot(4.0, MASKED)]
    made = camera(frames, watched, crowd(), sinks=(voice,), sinks_of={("ratio", 2): (guard, voice)})
    replayed(made)
    assert guard.heard == [
        ("told", "ratio", 2.0),
        ("told", "ratio", 3.0),
        ("over", "ratio", 2.0),
        ("over", "ratio", 3.0),
    ]
    assert [at for name, at in voice.told if name == "ratio"] == [0.0, 1.0, 2.0, 3.0]
    assert ("over", "ratio", 1.0) in voice.heard
    assert made.all_sinks == (voice, guard)


def test_a_sink_of_a_level_alone_is_known_to_the_status_and_probed():
    voice, guard = Sink("voice"), Sink("guard")
    made = camera([], rule(), sinks=(voice,), sinks_of={("ratio", 2): (guard,)}, sentences=("please", "now"))
    assert [(route.name, route.cameras, route.sentences) for route in sink_routes([made])] == [
        ("voice", ("door",), ("please", "now")),
        ("guard", ("door",), ("please", "now")),
    ]


ALWAYS = Schedule()


def test_a_quiet_alert_passes_audible_sinks_by_and_is_told_of_by_the_others(caplog):
    caplog.set_level("INFO")
    voice, mute, plain = Sink("voice", audible=True), Sink("mute", audible=False), Sink("plain")
    frames = [shot(0.0), shot(1.0, MASKED)]
    replayed(camera(frames, rule(quiet=ALWAYS), sinks=(voice, mute, plain)))
    assert voice.heard == []
    assert mute.heard == plain.heard == [("told", "ratio", 0.0), ("over", "ratio", 0.0)]
    assert "door: ratio: not spoken, these are quiet hours: please" in caplog.text


def test_a_quiet_alert_that_nobody_hears_is_decided_once_and_keeps_the_cooldown(caplog):
    caplog.set_level("INFO")
    frames = [shot(at / 2) for at in range(30)]
    decisions = replayed(camera(frames, rule(quiet=ALWAYS), sinks=(Sink(audible=True),)))
    assert [d.alert.at for d in decisions if d.alert] == [0.0, 10.0]
    assert caplog.text.count("not spoken") == 2


def test_the_voice_is_heard_in_the_room_and_the_log_is_not(tmp_path):
    from maskwatch.alerts.kinds.log import LogSink
    from maskwatch.alerts.kinds.voice import Settings, VoiceSink
    from maskwatch.core.ports import SupportsQuiet

    assert isinstance(VoiceSink(tmp_path, Settings()), SupportsQuiet)
    assert VoiceSink.audible
    assert not isinstance(LogSink(), SupportsQuiet)


@pytest.mark.logs_errors
def test_a_sink_that_did_not_deliver_an_alert_does_not_hear_that_it_is_over():
    broken, well = Sink("broken", errors=[AlertError("broken: no")]), Sink("well")
    replayed(camera([shot(0.0), shot(1.0, MASKED)], rule(), sinks=(broken, well)))
    assert broken.heard == []
    assert well.heard == [("told", "ratio", 0.0), ("over", "ratio", 0.0)]


@pytest.mark.parametrize("replay", [True, False])
def test_what_stands_when_the_pipeline_stops_is_over(replay):
    sink = Sink()
    made = camera([shot(0.0), lambda: until(lambda: sink.told)], rule(), sinks=(sink,))
    if replay:
        made = camera([shot(0.0)], rule(), sinks=(sink,))
    with Pipeline([made], replay=replay) as pipeline:
        pipeline.run()
    assert sink.heard == [("told", "ratio", 0.0), ("over", "ratio", 0.0)]


def test_in_a_replay_what_stands_at_the_end_is_over_with_the_last_frame():
    over = []
    sink = Sink()
    sink.ended = lambda alert: over.append((alert.at, alert.ended_at))
    replayed(camera([shot(0.0), shot(1.0), shot(2.5)], rule(), sinks=(sink,)))
    assert over == [(0.0, 2.5)]


def test_an_alert_that_is_delivered_while_the_pipeline_stops_is_over_too():
    gate = threading.Event()
    sink = Sink(gate=gate)
    made = camera([shot(0.0)], rule(), sinks=(sink,))
    with Pipeline([made]) as pipeline:
        pipeline.run()
        gate.set()
    assert sink.heard == [("told", "ratio", 0.0), ("over", "ratio", 0.0)]


def test_what_stands_when_a_camera_goes_down_is_over_while_others_are_watched(monkeypatch):
    monkeypatch.setattr(offline_watch, "CHECK_S", 0.01)
    monkeypatch.setattr(offline_watch, "LOST_S", 0.2)
    monkeypatch.setattr(pipeline_module, "IDLE_S", 0.02)
    sink = Sink()
    made = camera([shot(0.0), lambda: until(lambda: sink.told)], rule(), sinks=(sink,), live=True)
    pipeline = Pipeline([made])
    engine = threading.Thread(target=pipeline.run)
    with pipeline:
        engine.start()
        until(lambda: len(sink.heard) == 2)
        pipeline.stop()
        engine.join(SOON_S)
    assert sink.heard == [("told", "ratio", 0.0), ("over", "ratio", 0.0)]
