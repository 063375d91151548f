from dataclasses import replace

import pytest

from maskwatch.core.people import Passages, People
from maskwatch.core.records import Box, Coverage, Face, Label
from maskwatch.core.report_json import from_json, to_json
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.core.what_if import Bounds, WhatIf, judged
from maskwatch.tracking import FaceTracker

LEFT = ((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0))


def minute(report, *probabilities, seconds=10, step=0.2):
    """One person in the left, one further right, with these probabilities of a mask, as they come from the service."""
    for number in range(round(seconds / step)):
        boxes = [Box(60 + number / 10 + 300 * n, 50, 120 + number / 10 + 300 * n, 120) for n in range(2)]
        seen = report(1e9 + number * step, *probabilities, boxes=boxes)
        yield from_json(to_json(replace(seen, faces=tuple(f for f in seen.faces))))


def what_if(bounds, ratio=0.75, recorded_at=None, zones=None):
    people = People(FaceTracker(), protected_at=bounds.protected_at, passages=Passages(zones=zones or {}))
    rule = Rule(protected_ratio=ratio, for_s=1.0, cooldown_s=5.0)
    return WhatIf(people, [rule], bounds, recorded_at)


def test_a_higher_bound_makes_the_alert_that_would_have_been(report):
    reports = list(minute(report, 0.7, 0.95))
    now, tried = what_if(Bounds(0.5)).run(reports), what_if(Bounds(0.8)).run(reports)
    assert [now.moments[-1].ratio, tried.moments[-1].ratio] == [1.0, 0.5]
    assert now.alerts == ()
    assert len(tried.alerts) == 2  # again after the cooldown of 5 s
    first = tried.alerts[0]
    assert 1e9 + 1 <= first.at <= 1e9 + 2.5
    assert (first.people, first.unprotected) == (2, 1)
    assert first.ended_at == tried.alerts[1].at
    assert what_if(Bounds(0.8), ratio=0.5).run(reports).alerts == ()


def test_what_nobody_changed_is_judged_as_the_service_does(report):
    reports = list(minute(report, 0.7, 0.05))
    tried = what_if(Bounds(0.5)).run(reports)
    assert {each.ratio for each in tried.moments[10:]} == {0.5}


def test_who_stands_in_no_zone_is_seen_and_does_not_count(report):
    tried = what_if(Bounds(0.5), zones={"left": LEFT})
    last = [tried.update(each) for each in minute(report, 0.95, 0.05)][-1]
    assert [(person.label, person.counted) for person in last.persons] == [
        (Label.PROTECTED, True),
        (Label.UNPROTECTED, False),
    ]
    assert tried.course.moments[-1].ratio == 1.0


def test_a_face_that_was_carried_on_is_no_second_look_also_on_its_way_through_json(report):
    nobody = report(1e9 - 0.2)
    carried = [
        replace(from_json(to_json(report(1e9 + n / 5, 0.3))), look=Coverage.CARRIED if n else Coverage.FULL)
        for n in range(10)
    ]
    tried = what_if(Bounds(0.4))
    last = [tried.update(each) for each in [nobody, *carried]][-1]
    assert last.persons == ()  # found once, it may be a false box


@pytest.mark.parametrize(
    ("bounds", "labels"),
    [
        (Bounds(0.5), [Label.PROTECTED, Label.UNKNOWN]),
        (Bounds(0.71), [Label.UNPROTECTED, Label.UNKNOWN]),
        (Bounds(0.5, found_at=0.9), [Label.PROTECTED]),
        (Bounds(0.5, found_at=0.995), []),
        (Bounds(0.5, found_at=0.5), [Label.PROTECTED, Label.UNKNOWN, Label.UNKNOWN]),
        (Bounds(0.5, found_at=0.2), [Label.PROTECTED, Label.UNKNOWN, Label.UNKNOWN, Label.UNKNOWN]),
        (Bounds(0.5, min_face_px=71), []),
        (Bounds(0.5, ignore=(LEFT,)), [Label.UNKNOWN]),
    ],
)
def test_faces_are_those_that_the_bounds_let_through(report, bounds, labels):
    found = report(1e9, 0.7, None, boxes=[Box(10, 50, 60, 120), Box(300, 50, 350, 120)])
    faces = (found.faces[0], replace(found.faces[1], score=0.85))
    near = tuple(
        Face(Box(400 + 60 * n, 50, 450 + 60 * n, 120), score) for n, score in enumerate((0.55, 0.3, 0.95))
    )
    tried = judged(replace(found, faces=faces, near_misses=near), bounds, recorded_at=0.8)
    assert [face.label for face in tried.faces] == labels
    assert not set(tried.faces) & set(tried.near_misses)
