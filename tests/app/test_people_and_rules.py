"""People, lines and rules together, from a configuration to the alert, on composed footage."""

import numpy as np
import pytest
from harness import by_colour
from harness.by_colour import BARE, MASKED

from maskwatch.app.footage import ReplayPlan, replay_pipeline
from maskwatch.config import load as configuration
from maskwatch.core.address import Address
from maskwatch.core.records import Direction, Label

SIZE = (320, 240)
LINE = "lines: {door: {from: [0.5, 0], to: [0.5, 1], leaving: SIDE}}"


@pytest.fixture
def models():
    return by_colour.models()


@pytest.fixture
def walk(write_video):
    """Five seconds at 10 fps: somebody bare walks from left to right, somebody masked the other way, further up."""

    def picture(number):
        rgb = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
        for left, top, colour in ((20 + 5 * number, 150, BARE), (260 - 5 * number, 30, MASKED)):
            rgb[top : top + 40, left : left + 32] = colour
        return rgb

    return write_video("walk.mp4", [picture(number) for number in range(48)])


class Sink:
    name = "keeping"

    def __init__(self):
        self.told = []

    def deliver(self, alert):
        self.told.append(alert)


def decisions(clip, models, yaml):
    plan = ReplayPlan("door", Address(str(clip)), configuration.parse(yaml, "test", {}).defaults, None)
    made = []
    with replay_pipeline(plan, models, made.append) as pipeline:
        pipeline.run()
    return made


def passed(made):
    return [(p.direction, p.line, p.label) for decision in made for p in decision.passages]


@pytest.mark.parametrize(
    ("side", "alerts"),
    # from (0.5, 0) down to (0.5, 1) the picture's left is to the right hand
    [("left", 1), ("right", 0)],
)
def test_who_leaves_without_a_mask_is_told_of_and_who_enters_is_not(side, alerts, walk, models):
    made = decisions(walk, models, f"{LINE.replace('SIDE', side)}\nalert: {{when: leaving, for_s: 0}}")
    bare, masked = (
        (Direction.LEAVING, Direction.ENTERING) if side == "left" else (Direction.ENTERING, Direction.LEAVING)
    )
    assert sorted(passed(made)) == sorted(
        [(bare, "door", Label.UNPROTECTED), (masked, "door", Label.PROTECTED)]
    )
    told = [alert for decision in made for alert in decision.alerts]
    assert len(told) == alerts
    for alert in told:
        assert alert.rule == "protected_ratio"
        crossed = next(p for d in made for p in d.passages if p.label is Label.UNPROTECTED)
        assert alert.tracks == (crossed.track,)
        assert alert.at == pytest.approx(crossed.at, abs=0.11)


def test_outside_of_the_zone_nobody_counts(walk, models):
    made = decisions(walk, models, "zones: {top: [[0, 0], [1, 0], [1, 0.5], [0, 0.5]]}\nalert: {for_s: 0}")
    assert {decision.report.protected_ratio for decision in made} <= {1.0, None}
    assert not any(decision.alerts for decision in made)
    last = made[-1].report
    assert [(p.zones, p.counted) for p in sorted(last.persons, key=lambda p: p.box.y1)] == [
        (("top",), True),
        ((), False),
    ]


def test_one_misjudged_look_turns_no_verdict(walk, models):
    judge = models.classifier(None).classify
    asked = []

    def moody(faces):
        asked.append(1)
        return [1 - p if len(asked) == 20 else p for p in judge(faces)]

    models.classifier(None).classify = moody
    made = decisions(walk, models, "alert: {protected_ratio: 0.4}")
    raw = {decision.report.raw_ratio for decision in made}
    assert raw == {0.5}  # the two are mistaken for each other, so that the frame's ratio cannot tell
    labels = [{p.track: p.label for p in decision.report.persons} for decision in made]
    assert all(verdicts == labels[-1] for verdicts in labels[5:])
    assert len(asked) > 20


def test_only_who_is_asked_for_a_mask_can_be_a_withheld_announcement(walk, models):
    rules = "rules: [{kind: occupancy, min_people: 1, say: It is crowded.}, without_mask]"
    made = decisions(
        walk, models, f"alert: {{for_s: 0, effect_s: 1, cooldown_s: 1, withhold_share: 0.9, {rules}}}"
    )
    told = [alert for decision in made for alert in decision.alerts]
    assert not any(alert.withheld for alert in told if alert.rule == "occupancy")
    assert any(alert.withheld for alert in told if alert.rule == "without_mask")
    bare = {p.track for d in made for p in d.report.persons if p.label is Label.UNPROTECTED}
    assert {track for d in made for o in d.outcomes for track in o.addressed} == bare


def test_with_aggregate_an_alert_names_no_tracks(walk, models):
    sink = Sink()
    yaml = "privacy: aggregate\nalert: {for_s: 0, rules: [without_mask]}"
    plan = ReplayPlan("door", Address(str(walk)), configuration.parse(yaml, "test", {}).defaults, None)
    with replay_pipeline(plan, models, lambda _: None, (sink,)) as pipeline:
        pipeline.run()
    assert [(alert.unprotected, alert.tracks, alert.faces, alert.frame) for alert in sink.told] == [
        (1, (), (), None)
    ]
