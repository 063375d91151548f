"""The protected ratio of the people of the last hour, with its interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.interval import wilson
from maskwatch.core.people.lately import PeopleLately
from maskwatch.core.records import Box, Label, PeopleCount, Person

BOX = Box(0, 0, 10, 10)
PROTECTED, UNPROTECTED, UNKNOWN = Label


def persons(**labels):
    return [Person(int(track[1:]), BOX, label) for track, label in labels.items()]


def test_each_person_counts_once_by_the_last_verdict():
    lately = PeopleLately(3600)
    for now_s in range(100):
        lately.update(now_s, persons(p1=PROTECTED, p2=UNKNOWN if now_s < 50 else UNPROTECTED))
    lately.update(100, persons(p1=UNPROTECTED, p3=UNKNOWN))
    assert lately.count(100) == PeopleCount(protected=0, unprotected=2, unknown=1)
    assert lately.count(100).protected_ratio == 0.0


def test_who_was_not_seen_for_an_hour_counts_no_more():
    lately = PeopleLately(3600)
    lately.update(0, persons(p1=PROTECTED, p2=UNPROTECTED))
    lately.update(10, persons(p1=PROTECTED))
    assert lately.count(3600) == PeopleCount(1, 1)
    assert lately.count(3601) == PeopleCount(1, 0)
    assert lately.count(3611) == PeopleCount()


@pytest.mark.parametrize("seen", [[], persons(p1=UNKNOWN, p2=UNKNOWN)])
def test_nobody_assessed_is_never_compliance(seen):
    lately = PeopleLately(3600)
    lately.update(0, seen)
    count = lately.count(0)
    assert (count.protected_ratio, count.interval, count.unknown) == (None, None, len(seen))


def test_the_interval_is_wilsons():
    assert wilson(60, 80) == pytest.approx((0.6451, 0.8319), abs=1e-4)
    assert wilson(0, 1) == pytest.approx((0.0, 0.7935), abs=1e-4)
    assert wilson(0, 0) is None
    assert PeopleCount(protected=60, unprotected=20, unknown=9).interval == wilson(60, 80)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5), st.lists(st.tuples(st.integers(1, 9), st.sampled_from(list(Label))), max_size=4)
        ),
        max_size=30,
    )
)
def test_it_is_what_counting_all_of_it_anew_gives(shown):
    lately, now_s, last = PeopleLately(10), 0.0, {}
    for step_s, seen in shown:
        now_s += step_s
        lately.update(now_s, [Person(track, BOX, label) for track, label in seen])
        last |= {track: (now_s, label) for track, label in seen}
    labels = [label for seen_s, label in last.values() if now_s - seen_s <= 10]
    count = lately.count(now_s)
    assert count == PeopleCount(*(labels.count(label) for label in Label))
    if count.interval is not None:
        assert count.interval[0] <= count.protected_ratio <= count.interval[1]
