"""The rules and their edges, each as a table: frames in, alerts and their ends out."""

from dataclasses import replace

import pytest

from maskwatch.conformance.rules import seen
from maskwatch.core.records import AlertKind, Direction, Label, Passage
from maskwatch.core.rules.condition import Subjects, When
from maskwatch.core.rules.escalation import Escalation
from maskwatch.core.rules.occupancy import Occupancy
from maskwatch.core.rules.protected_ratio import ProtectedRatio, Rule
from maskwatch.core.rules.timed_rule import TimedRule, Timing
from maskwatch.core.rules.without_mask import WithoutMask

B, M, U = Label.UNPROTECTED, Label.PROTECTED, Label.UNKNOWN
TIMES = {"for_s": 0.0, "cooldown_s": 30.0}


def ratio(*, subjects=None, clear_ratio=None, min_people=1, bound=0.75, **times):
    condition = ProtectedRatio(
        subjects or Subjects(), protected_ratio=bound, clear_ratio=clear_ratio, min_people=min_people
    )
    return TimedRule("ratio", condition, Timing("Your mask, please", **(TIMES | times)))


def without_mask(*, subjects=None, min_people=1, **times):
    condition = WithoutMask(subjects or Subjects(), min_people=min_people)
    return TimedRule("bare", condition, Timing("You there", **(TIMES | times)))


def occupancy(*, subjects=None, protected_ratio=None, min_people=3, **times):
    condition = Occupancy(subjects or Subjects(), min_people=min_people, protected_ratio=protected_ratio)
    return TimedRule("crowd", condition, Timing("Too many", **(TIMES | times)))


def played(rule, frames, *, word="delivered"):
    """What happens: `(at, tracks)` of each alert, each at once delivered or failed; `(began, ended)` of each end."""
    alerts, ends = [], []
    for report, *passages in frames:
        alert = rule.update(report, tuple(passages))
        while (over := rule.ended()) is not None:
            ends.append((over.at, over.ended_at))
        if alert is not None:
            alerts.append(alert)
            rule.delivered(report.at) if word == "delivered" else rule.failed()
    return alerts, ends


def frames(*people, step_s=1.0):
    return [
        (seen(step_s * n, each if isinstance(each, dict) else dict(enumerate(each, 1))),)
        for n, each in enumerate(people)
    ]


# the ratio


@pytest.mark.parametrize(
    ("clear_ratio", "labels", "ends"),
    [
        (None, ["B", "BM", "BMMM"], [(0.0, 2.0)]),  # at the bound again: over
        (0.9, ["B", "BMMM", "BMMM", "MMMM"], [(0.0, 3.0)]),  # not by 75 %, which is not enough
        (0.9, ["B", "BMMM", "BM", "BMMM"], []),
        (0.5, ["B", "BM", "BMMM"], [(0.0, 2.0)]),  # under the bound it is the bound
        (1.0, ["B", "B" + "M" * 99, "M"], [(0.0, 2.0)]),
        (0.9, ["B", "", "", "", "", "", ""], [(0.0, 6.0)]),  # nobody to tell for more than max_gap_s
        (0.9, ["B", "U", "U", "U", "BMMM", "U", "U"], []),
    ],
)  # fmt: skip
def test_an_alert_ends_at_the_clear_ratio(clear_ratio, labels, ends):
    each = [[{"B": B, "M": M, "U": U}[letter] for letter in letters] for letters in labels]
    assert played(ratio(clear_ratio=clear_ratio), frames(*each))[1] == ends


def test_noise_about_the_bound_ends_an_alert_once_with_hysteresis_and_often_without():
    noise = [[B, M], *[[B, M, M, M], [B, B, M, M]] * 20, [M]]  # 0.75 and 0.5 in turn, then 1.0
    _, plain = played(ratio(cooldown_s=0), frames(*noise))
    _, steady = played(ratio(clear_ratio=0.9, cooldown_s=1000), frames(*noise))
    assert len(plain) == 21
    assert steady == [(0.0, 41.0)]


def test_hysteresis_keeps_an_alert_and_begins_none():
    """Once under, then above the bound but not clear: that is no reason to speak."""
    rule = ratio(clear_ratio=0.9, for_s=1.0)
    assert played(rule, frames([B, M], *[[B, M, M, M]] * 10)) == ([], [])


def test_an_alert_that_is_repeated_ends_as_the_next_is_delivered():
    _, ends = played(ratio(cooldown_s=5), frames(*[[B]] * 12, [M]))
    assert ends == [(0.0, 5.0), (5.0, 10.0), (10.0, 12.0)]


def test_an_alert_of_the_ratio_names_who_wears_none():
    (alert,), _ = played(ratio(), frames({4: B, 6: M, 9: B, 11: U}))
    assert (alert.tracks, alert.people, alert.unprotected, alert.rule) == ((4, 9), 3, 2, "ratio")


def test_the_python_interface_has_the_same_rule_without_passages(report):
    import maskwatch

    rule = maskwatch.Rule(protected_ratio=0.75, for_s=0, clear_ratio=0.9)
    alert = rule.update(report(0.0, 0.1))
    assert (alert.rule, alert.tracks) == ("protected_ratio", ())  # of faces, nobody is followed
    assert maskwatch.Rule is Rule


def test_who_never_asks_what_ended_costs_no_memory(report):
    rule = Rule(for_s=0, cooldown_s=0)
    for n in range(1000):
        alert = rule.update(report(float(n), 0.1 if n % 2 else 0.9))
        if alert:
            rule.delivered(alert.at)
    assert len(rule._over) <= 4


# places and directions


def passed(at, track, label, direction=Direction.LEAVING, line="threshold", zones=()):
    return Passage("door", at, track, label, direction, line, zones)


def played_passages(rule, passages, until=20):
    everyone = {1: B, 2: B}  # who stay in view are no reason
    return [
        (alert.at, alert.people, alert.unprotected, alert.tracks)
        for alert in played(
            rule, [(seen(float(at), everyone), *[p for p in passages if p.at == at]) for at in range(until)]
        )[0]
    ]


LEAVING = Direction.LEAVING
ENTERING = Direction.ENTERING


@pytest.mark.parametrize(
    ("when", "passages", "alerts"),
    [
        (When.LEAVING, [], []),
        (When.LEAVING, [passed(3.0, 5, B)], [(3.0, 1, 1, (5,))]),
        (When.ENTERING, [passed(3.0, 5, B)], []),
        (When.ENTERING, [passed(3.0, 5, B, ENTERING)], [(3.0, 1, 1, (5,))]),
        (When.LEAVING, [passed(3.0, 5, M)], []),
        (When.LEAVING, [passed(3.0, 5, U)], []),  # nobody assessed is neither
        (When.LEAVING, [passed(3.0, None, U)], []),  # something moved
        (When.LEAVING, [passed(3.0, 5, B, Direction.GONE, None)], []),  # out of view, over no line
        (When.LEAVING, [passed(2.0, t, M) for t in (5, 6, 7)] + [passed(3.0, 8, B)], []),  # 3 of 4
        (When.LEAVING, [passed(2.0, t, M) for t in (5, 6)] + [passed(3.0, 8, B)], [(3.0, 3, 1, (8,))]),
        (When.LEAVING, [passed(2.0, t, M) for t in (5, 6, 7)] + [passed(8.0, 8, B)], [(8.0, 1, 1, (8,))]),  # long ago
        (When.LEAVING, [passed(2.0, 5, B), passed(3.0, 5, M)], [(2.0, 1, 1, (5,))]),
        (When.LEAVING, [passed(2.0, 5, M), passed(3.0, 5, B, ENTERING)], []),  # who came back has not left
    ],
)  # fmt: skip
def test_who_crossed_a_line_just_now_is_asked_about(when, passages, alerts):
    assert played_passages(ratio(subjects=Subjects(when)), passages) == alerts


def test_a_line_is_watched_within_a_zone():
    passages = [passed(2.0, 5, B, zones=("hall",)), passed(3.0, 6, B, zones=("yard",))]
    watched = Subjects(When.LEAVING, zone="yard")
    assert played_passages(ratio(subjects=watched), passages) == [(3.0, 1, 1, (6,))]


def test_the_time_under_the_bound_may_pass_while_they_count():
    rule = ratio(subjects=Subjects(When.LEAVING, passed_s=5.0), for_s=3)
    assert [at for at, *_ in played_passages(rule, [passed(2.0, 5, B)])] == [5.0]


def test_a_clock_set_back_forgets_who_passed():
    watched = Subjects(When.LEAVING)
    assert watched.update(seen(100.0, {}), [passed(100.0, 5, B)])
    assert watched.update(seen(50.0, {}), []) == []


@pytest.mark.parametrize(("zones", "speaks"), [((), False), (("yard",), False), (("yard", "hall"), True)])
@pytest.mark.parametrize("make", [ratio, without_mask, occupancy])
def test_a_rule_keeps_to_its_zone(make, zones, speaks):
    rule = make(subjects=Subjects(zone="hall"), min_people=1)
    assert (rule.update(seen(0.0, {1: B}, zones=zones)) is not None) == speaks


def test_without_tracks_nobody_is_in_a_zone(report):
    assert ratio(subjects=Subjects(zone="hall")).update(report(0.0, 0.1)) is None


# somebody without a mask


@pytest.mark.parametrize(
    ("people", "alerts"),
    [
        ([{1: B}] * 3, [(2.0, (1,))]),
        ([{1: B}, {1: M}, {1: B}, {1: B}], []),  # it has to last
        ([{1: B}, {2: B}, {3: B}, {4: B}], []),  # for one and the same
        ([{1: B, 2: M}] * 3, [(2.0, (1,))]),
        ([{1: B}, {1: B, 2: B}, {1: B, 2: B}, {1: B, 2: B}], [(2.0, (1,))]),  # the second within the cooldown
        ([{1: B, 2: B}] * 3, [(2.0, (1, 2))]),
        ([{1: U}] * 5, []),
        ([{1: B}] * 35, [(2.0, (1,)), (32.0, (1,))]),  # who stays is told of again
        ([{1: B}] * 4 + [{2: B}] * 40, [(2.0, (1,)), (32.0, (2,))]),
    ],
)
def test_a_person_without_a_mask_is_told_of(people, alerts):
    given, _ = played(without_mask(for_s=2), frames(*people))
    assert [(alert.at, alert.tracks) for alert in given] == alerts


def test_min_people_is_of_those_who_are_assessed():
    rule = without_mask(min_people=2)
    assert [a.at for a in played(rule, frames({1: B}, {1: B, 2: U}, {1: B, 2: M}))[0]] == [2.0]


@pytest.mark.parametrize(
    ("after", "ends"),
    [
        ([{1: M}], [(0.0, 1.0)]),
        ([{1: B, 2: M}, {1: M, 2: B}], [(0.0, 2.0)]),  # another one's lack is another matter
        ([{}, {}, {1: B}, {}], []),
        ([{}] * 6, [(0.0, 6.0)]),  # gone
        ([{2: B}] * 6, [(0.0, 6.0)]),
    ],
)
def test_her_alert_ends_when_she_wears_one_or_is_gone(after, ends):
    assert played(without_mask(), frames({1: B}, *after))[1] == ends


def test_where_nobody_is_followed_nobody_is_told_of(report):
    assert without_mask().update(report(0.0, 0.1)) is None


# occupancy


@pytest.mark.parametrize(
    ("protected_ratio", "people", "alerts", "ends"),
    [
        (None, ["MM", "MMM"], [(1.0, 3)], []),
        (None, ["UUU", "UUU"], [(0.0, 3)], []),  # assessed or not
        (None, ["BBBB", "BB"], [(0.0, 4)], [(0.0, 1.0)]),
        (0.75, ["MMM", "UUU"], [], []),
        (0.75, ["BMM", "MMM"], [(0.0, 3)], [(0.0, 1.0)]),
        (0.75, ["BMM", "UUU", "BMM"], [(0.0, 3)], []),  # nobody can tell
        (0.75, ["BM"], [], []),
        (0.75, ["BMMM"], [], []),  # strictly under
    ],
)
def test_many_people_are_told_of_with_a_bound_on_the_ratio_or_without(protected_ratio, people, alerts, ends):
    each = [[{"B": B, "M": M, "U": U}[letter] for letter in letters] for letters in people]
    given, over = played(occupancy(protected_ratio=protected_ratio), frames(*each))
    assert [(alert.at, alert.people) for alert in given] == alerts
    assert over == ends


def test_an_alert_of_occupancy_is_of_its_kind_and_needs_no_ratio():
    (alert,), _ = played(occupancy(), frames([U, U, U, U]))
    assert (alert.kind, alert.protected_ratio, alert.unprotected) == (AlertKind.OCCUPANCY, None, 0)
    assert alert.tracks == (1, 2, 3, 4)


# escalation


def levels(rule, people, word="delivered"):
    return [(alert.at, alert.level, alert.say) for alert in played(rule, frames(*people), word=word)[0]]


def test_the_third_in_vain_is_said_otherwise_and_so_are_those_that_follow():
    rule = ratio(cooldown_s=10, escalation=Escalation(2, "Last warning"))
    assert levels(rule, [[B]] * 45) == [
        (0.0, 1, "Your mask, please"),
        (10.0, 1, "Your mask, please"),
        (20.0, 2, "Last warning"),
        (30.0, 2, "Last warning"),
        (40.0, 2, "Last warning"),
    ]


@pytest.mark.parametrize(("calm", "level"), [(1, 2), (4, 2), (5, 1), (30, 1)])
def test_it_is_the_first_again_when_it_was_over_for_a_while(calm, level):
    """Alerts at 0 and 10 s; over at 11 s, and for so many seconds."""
    rule = ratio(cooldown_s=10, escalation=Escalation(2, "Last warning", reset_s=5.0))
    people = [[B]] * 11 + [[M]] * calm + [[B]] * 12
    assert levels(rule, people)[2][1] == level


def test_alerts_within_a_time_are_in_vain_however_often_it_was_over():
    escalation = Escalation(3, "Last warning", within_s=60.0, reset_s=0.0)
    people = [[B], [M], *[[M]] * 8] * 12  # one each 10 s
    told = levels(ratio(cooldown_s=5, escalation=escalation), people)
    assert [level for _, level, _ in told] == [1, 1, 1, *[2] * 9]
    rare = [[B], *[[M]] * 39] * 6  # one each 40 s
    assert {level for _, level, _ in levels(ratio(cooldown_s=5, escalation=escalation), rare)} == {1}


def test_what_nobody_heard_was_not_in_vain():
    rule = ratio(cooldown_s=0, escalation=Escalation(1, "Last warning"))
    assert {level for _, level, _ in levels(rule, [[B]] * 5, word="failed")} == {1}


def test_without_a_sentence_of_its_own_the_same_is_said():
    rule = ratio(cooldown_s=1, escalation=Escalation(1))
    assert [(level, say) for _, level, say in levels(rule, [[B]] * 2)] == [
        (1, "Your mask, please"),
        (2, "Your mask, please"),
    ]


def test_a_clock_set_back_does_not_keep_it_at_the_second():
    rule = ratio(cooldown_s=1, escalation=Escalation(1, "Last warning", within_s=20.0, reset_s=10.0))
    shown = [(seen(at, {1: B}),) for at in (1000.0, 1001.0)]
    shown += [(seen(at, {1: M}),) for at in (1002.0, 500.0)]
    shown += [(seen(at, {1: B}),) for at in (521.0,)]
    assert [alert.level for alert in played(rule, shown)[0]] == [1, 2, 1]


# ids and ends


def test_an_id_follows_from_camera_rule_and_time_and_is_the_same_at_the_end():
    alerts, _ = played(ratio(cooldown_s=0), frames([B], [B]))
    first, second = alerts
    assert first.id == replace(first, ended_at=9.0, unprotected=7).id
    assert len({first.id, second.id, replace(first, camera="gate").id, replace(first, rule="x").id}) == 4
    assert first.id == "d4054c5777a0"  # a replay gives the same
    assert len(first.id) == 12


def test_an_interrupted_camera_ends_an_alert_even_when_it_is_delivered_later():
    rule = ratio()
    alert = rule.update(seen(3.0, {1: B}))
    rule.interrupt()
    assert rule.ended() is None
    rule.delivered(alert.at + 2)
    rule.interrupt()
    assert rule.ended().ended_at == 3.0
    assert rule.ended() is None


def test_after_an_interruption_the_time_counts_anew():
    rule = ratio(for_s=2)
    for at in (0.0, 1.0):
        assert rule.update(seen(at, {1: B})) is None
    rule.interrupt()
    assert [rule.update(seen(at, {1: B})) is not None for at in (2.0, 3.0, 4.0)] == [False, False, True]
