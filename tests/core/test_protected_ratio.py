import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskwatch.core.records import Alert
from maskwatch.core.rules.protected_ratio import Rule

BARE, MASKED = 0.1, 0.9


def make_rule(**changed):
    bounds = {"protected_ratio": 0.75, "min_people": 1, "for_s": 1.0, "cooldown_s": 30.0}
    return Rule(**(bounds | changed), say="Your mask, please")


def alerts(rule, reports):
    """The times of the alerts, none of which is delivered."""
    return [report.at for report in reports if rule.update(report) is not None]


def test_an_alert_carries_what_the_frame_showed(report):
    seen = report(7.5, MASKED, BARE, BARE, None, camera="gate")
    assert make_rule(for_s=0).update(seen) == Alert(
        "gate", 7.5, 1 / 3, 3, 2, "Your mask, please", faces=seen.faces, rule="protected_ratio"
    )


@pytest.mark.parametrize(
    ("faces", "speaks"),
    [
        ([BARE], True),
        ([MASKED], False),
        ([MASKED, MASKED, BARE], True),
        ([MASKED, MASKED, MASKED, BARE], False),  # exactly 0.75
        ([MASKED] * 74 + [BARE] * 26, True),
        ([BARE, None, None, None], True),
        ([None], False),
        ([], False),
    ],
)
def test_speaks_when_the_ratio_is_strictly_under_the_bound(report, faces, speaks):
    assert (make_rule(for_s=0).update(report(0.0, *faces)) is not None) == speaks


@pytest.mark.parametrize(("bound", "face", "speaks"), [(0, BARE, False), (1, MASKED, False), (1, BARE, True)])
def test_the_ends_of_the_bound_are_never_and_anybody_bare(report, bound, face, speaks):
    rule = make_rule(protected_ratio=bound, for_s=0)
    assert (rule.update(report(0.0, face)) is not None) == speaks


@pytest.mark.parametrize(("faces", "speaks"), [([BARE], False), ([BARE, None], False), ([BARE, BARE], True)])
def test_waits_for_enough_people_who_can_be_assessed(report, faces, speaks):
    assert (make_rule(for_s=0, min_people=2).update(report(0.0, *faces)) is not None) == speaks


def test_speaks_once_the_ratio_was_under_for_long_enough(report):
    assert alerts(make_rule(), [report(at, BARE) for at in (10.0, 10.5, 10.9, 11.0)]) == [11.0]


@pytest.mark.parametrize("relief", [[MASKED], [None], []], ids=["compliant", "unknown", "nobody"])
def test_a_frame_that_is_not_under_restarts_the_clock(report, relief):
    seen = [report(0.0, BARE), report(0.9, *relief), report(1.0, BARE), report(1.9, BARE), report(2.0, BARE)]
    assert alerts(make_rule(), seen) == [2.0]


def test_too_few_people_restart_the_clock(report):
    seen = [report(0.0, BARE, BARE), report(0.5, BARE), report(1.0, BARE, BARE), report(2.0, BARE, BARE)]
    assert alerts(make_rule(min_people=2), seen) == [2.0]


def test_gives_no_second_alert_while_one_is_in_flight(report):
    assert alerts(make_rule(cooldown_s=0), [report(float(at), BARE) for at in range(100)]) == [1.0]


def test_stays_silent_during_cooldown_and_no_longer(report):
    rule = make_rule()
    assert alerts(rule, [report(0.0, BARE), report(1.0, BARE)]) == [1.0]
    rule.delivered(5.0)
    assert alerts(rule, [report(at, BARE) for at in (6.0, 31.0, 34.9, 35.0)]) == [35.0]


def test_an_alert_that_cooldown_suppressed_does_not_start_another_cooldown(report):
    rule = make_rule(for_s=0, cooldown_s=10)
    rule.update(report(0.0, BARE))
    rule.delivered(0.0)
    assert alerts(rule, [report(at, BARE) for at in (9.0, 9.9, 10.0)]) == [10.0]


def test_after_a_failure_the_time_under_counts_anew_without_cooldown(report):
    rule = make_rule()
    alerts(rule, [report(0.0, BARE), report(1.0, BARE)])
    rule.failed()
    assert alerts(rule, [report(at, BARE) for at in (1.2, 2.0, 2.2)]) == [2.2]


def test_a_failure_leaves_an_earlier_cooldown_alone(report):
    rule = make_rule(for_s=0, cooldown_s=10)
    rule.update(report(0.0, BARE))
    rule.delivered(0.0)
    rule.failed()
    assert alerts(rule, [report(at, BARE) for at in (9.0, 10.0)]) == [10.0]


@pytest.mark.parametrize("jump_s", [-1e9, -86_400, -40, -5, 0, 5, 40, 86_400, 1e9])
@pytest.mark.parametrize("when_s", [0.5, 15, 29.5])
def test_a_clock_that_is_set_never_silences_for_longer_than_the_cooldown(report, jump_s, when_s):
    rule = make_rule()
    start = 1_700_000_000.0
    alerts(rule, [report(start, BARE), report(start + 1, BARE)])
    rule.delivered(start + 1)
    rule.update(report(start + 1 + when_s, BARE))
    jumped = start + 1 + when_s + jump_s
    times = [jumped + tenths / 10 for tenths in range(330)]
    spoken = alerts(rule, [report(at, BARE) for at in times])
    assert spoken
    assert spoken[0] - jumped <= 30 + 0.1


def test_a_clock_set_back_while_under_counts_from_there(report):
    seen = [report(100.0, BARE), report(50.0, BARE), report(50.9, BARE), report(51.0, BARE)]
    assert alerts(make_rule(), seen) == [51.0]


def test_a_camera_that_comes_back_does_not_alert_on_its_first_frame(report):
    """Under the bound when it went, still when it came: what was meanwhile nobody knows."""
    times = (0.0, 0.5, 3600.0, 3600.5, 3601.0)
    assert alerts(make_rule(), [report(at, BARE) for at in times]) == [3601.0]


@pytest.mark.parametrize(("gap_s", "first"), [(2.0, 2.5), (2.1, 3.6)])
def test_the_time_under_counts_on_over_a_gap_up_to_the_bound(report, gap_s, first):
    times = (0.0, 0.5, 0.5 + gap_s, 1.0 + gap_s, 1.5 + gap_s)
    assert alerts(make_rule(max_gap_s=2.0), [report(at, BARE) for at in times]) == [first]


def test_frames_without_anybody_are_no_gap(report):
    times = [float(at) for at in range(20)]
    seen = [report(at, *([BARE] if at in {0.0, 19.0} else [])) for at in times]
    assert alerts(make_rule(for_s=0), seen) == [0.0]
    assert alerts(make_rule(for_s=1), [*seen, report(20.0, BARE)]) == [20.0]


STEPS = st.tuples(
    st.floats(0.01, 20), st.lists(st.sampled_from([BARE, MASKED, None]), max_size=4), st.sampled_from("..df")
)


@given(steps=st.lists(STEPS, max_size=60), for_s=st.floats(0, 10), cooldown_s=st.floats(0, 60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_alerts_keep_the_cooldown_and_follow_only_time_under_the_bound(report, steps, for_s, cooldown_s):
    rule = make_rule(for_s=for_s, cooldown_s=cooldown_s)
    at, in_flight, delivered_at, under_since = 0.0, False, None, None
    for step_s, faces, word in steps:
        at += step_s
        seen = report(at, *faces)
        is_under = seen.protected_ratio is not None and seen.protected_ratio < 0.75
        under_since = None if step_s > 5 else under_since
        under_since = (at if under_since is None else under_since) if is_under else None
        alert = rule.update(seen)
        is_quiet = delivered_at is not None and at - delivered_at < cooldown_s
        due = is_under and at - under_since >= for_s and not is_quiet and not in_flight
        assert (alert is not None) == due
        in_flight = in_flight or due
        if in_flight and word == "d":
            rule.delivered(at)
            in_flight, delivered_at = False, at
        elif in_flight and word == "f":
            rule.failed()
            in_flight, under_since = False, None


def ends(rule, reports):
    """The times at which an alert was told to be over, and since when it stood."""
    found = []
    for report in reports:
        rule.update(report)
        if (over := rule.ended()) is not None:
            found.append((over.at, over.ended_at))
    return found


def standing(report, **changed):
    rule = make_rule(for_s=0, **changed)
    rule.update(report(0.0, *[BARE] * changed.get("min_people", 1)))
    rule.delivered(0.5)
    return rule


def test_an_alert_ends_once_when_the_ratio_is_at_the_bound_again(report):
    seen = [
        report(1.0, BARE),
        report(2.0, MASKED),
        report(3.0, MASKED),
        report(4.0, BARE),
        report(5.0, MASKED),
    ]
    assert ends(standing(report), seen) == [(0.0, 2.0)]


def test_an_alert_ends_when_for_long_nobody_can_be_assessed(report):
    seen = [report(1.0, BARE), *(report(float(at)) for at in range(2, 9))]
    assert ends(standing(report), seen) == [(0.0, 7.0)]


def test_an_alert_goes_on_while_people_are_out_of_sight_for_a_moment(report):
    seen = [report(1.0, None), report(3.0), report(4.9, BARE), report(9.0), report(9.5, BARE)]
    assert ends(standing(report), seen) == []


def test_too_few_people_end_an_alert_only_after_a_while(report):
    seen = [report(1.0, MASKED), report(5.0, BARE), report(5.1, MASKED)]
    assert ends(standing(report, min_people=2), seen) == [(0.0, 5.1)]


def test_an_alert_that_reached_nobody_does_not_end(report):
    rule = make_rule(for_s=0)
    rule.update(report(0.0, BARE))
    rule.failed()
    assert ends(rule, [report(1.0, MASKED)]) == []


def test_an_alert_that_is_delivered_after_its_reason_is_gone_ends_then(report):
    rule = make_rule(for_s=0)
    rule.update(report(0.0, BARE))
    assert ends(rule, [report(1.0, MASKED)]) == []
    rule.delivered(1.5)
    assert ends(rule, [report(2.0, MASKED)]) == [(0.0, 2.0)]


def test_a_clock_set_back_ends_an_alert_of_the_future(report):
    assert ends(standing(report), [report(100.0, BARE), report(50.0)]) == [(0.0, 50.0)]
