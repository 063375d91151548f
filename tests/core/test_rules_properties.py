"""Whatever frames come and however deliveries fare: no second alert within a cooldown, and none without an end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.conformance.rules import seen
from maskwatch.core.records import Direction, Label, Passage
from maskwatch.core.rules.condition import When
from maskwatch.rules.kinds import occupancy, protected_ratio, without_mask
from maskwatch.rules.registry import RuleContext

START = 1_700_000_000.0
KINDS = {"protected_ratio": protected_ratio, "without_mask": without_mask, "occupancy": occupancy}
LABELS = st.sampled_from(list(Label))
PEOPLE = st.dictionaries(st.integers(1, 4), LABELS, max_size=4)
PASSED = st.tuples(st.integers(1, 6), LABELS, st.sampled_from(list(Direction)))
STEP = st.one_of(st.floats(0.01, 3), st.sampled_from([0.0, 6.0, 40.0, 7200.0, -1.0, -20.0, -7200.0]))
WORD = st.sampled_from([0, 0, 0, "failed", 1.0, 100.0, None])
FRAME = st.tuples(STEP, PEOPLE, st.lists(PASSED, max_size=2), WORD)
EVENT = st.one_of(FRAME, FRAME, FRAME, st.none())  # None: the camera is interrupted


def rule_of(kind, when, for_s, cooldown_s, louder, hours):
    changed = {"for_s": for_s, "cooldown_s": cooldown_s}
    if kind != "occupancy":
        changed["when"] = when
    if louder:
        changed["escalation"] = {"after": 2, "say": "Last warning", "within_s": 90.0, "reset_s": 5.0}
    if hours:
        changed["schedule"] = {"hours": [hours]}
    module = KINDS[kind]
    return module.build(module.Settings(**changed), RuleContext("r"))


class Watched:
    """A rule with frames and words as they come. `gone_s` passed on its camera's clock since the last delivery."""

    def __init__(self, rule):
        self.rule = rule
        self.at, self.gone_s = START, None
        self.in_flight = self.due = None
        self.delivered, self.ended = [], []

    def interrupt(self):
        self.rule.interrupt()
        self.take_ends()

    def frame(self, step_s, people, passed, word):
        """What is given; the word on it comes at once, some seconds later, or never."""
        self.at += step_s
        if self.gone_s is not None:
            self.gone_s += max(0.0, step_s)
        if self.due is not None and self.at >= self.due:
            self.tell(self.at)
        passages = tuple(Passage("door", self.at, t, label, way, "line") for t, label, way in passed)
        alert = self.rule.update(seen(self.at, people), passages)
        self.take_ends()
        if alert is None:
            return None
        assert self.in_flight is None
        gone_s, self.in_flight = self.gone_s, alert
        if word == 0:
            self.tell(self.at)
        elif word == "failed":
            self.rule.failed()
            self.in_flight = None
        elif word is not None:
            self.due = self.at + word
        return gone_s

    def tell(self, at):
        self.rule.delivered(at)
        self.delivered.append(self.in_flight)
        self.in_flight = self.due = None
        self.gone_s = 0.0

    def take_ends(self):
        while (over := self.rule.ended()) is not None:
            self.ended.append(over)

    def close(self):
        if self.in_flight is not None:
            self.tell(self.at)
        self.interrupt()


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(
    events=st.lists(EVENT, max_size=60),
    when=st.sampled_from(list(When)),
    for_s=st.sampled_from([0.0, 0.5, 2.0]),
    cooldown_s=st.sampled_from([0.0, 5.0, 30.0]),
    louder=st.booleans(),
    hours=st.sampled_from([None, "00:00-23:00"]),
)
@settings(deadline=None, max_examples=100)
def test_the_cooldown_is_kept_and_every_delivered_alert_ends_once(
    kind, events, when, for_s, cooldown_s, louder, hours
):
    """The cooldown on a clock that goes on; where it is set back, what went on before counts no more than it did."""
    watched = Watched(rule_of(kind, when, for_s, cooldown_s, louder, hours))
    for event in events:
        gone_s = watched.frame(*event) if event else watched.interrupt()
        assert gone_s is None or gone_s >= cooldown_s - 1e-6
    watched.close()
    assert [alert.id for alert in watched.ended] == [alert.id for alert in watched.delivered]
    assert all(over.ended_at is not None for over in watched.ended)


@given(
    ratios=st.lists(st.floats(0.68, 0.82), min_size=1, max_size=80),
    clear_ratio=st.floats(0.83, 1.0),
)
@settings(deadline=None)
def test_noise_under_the_clear_ratio_ends_no_alert(ratios, clear_ratio):
    rule = protected_ratio.build(
        protected_ratio.Settings(for_s=0, cooldown_s=10_000, clear_ratio=clear_ratio), RuleContext("r")
    )
    alerts = ends = 0
    for n, ratio in enumerate([0.5, *ratios]):
        protected = round(100 * ratio)
        people = {t: Label.PROTECTED if t <= protected else Label.UNPROTECTED for t in range(1, 101)}
        alert = rule.update(seen(START + n / 5, people))
        ends += rule.ended() is not None
        if alert:
            alerts += 1
            rule.delivered(alert.at)
    assert (alerts, ends) == (1, 0)
    rule.update(seen(START + 100, {1: Label.PROTECTED}))
    assert rule.ended().ended_at == START + 100
