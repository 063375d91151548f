"""The assignment of least cost, against trying everything."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from maskwatch.tracking.assignment import assign

PAIRS = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), st.integers(-50, 50).map(float), max_size=25
)


def total(pairs, costs, unassigned):
    """Over all rows that have a possible column; those without one in `pairs` cost `unassigned`."""
    rows = {row for row, _ in costs}
    return sum(costs[pair] for pair in pairs.items()) + unassigned * (len(rows) - len(pairs))


def least(costs, unassigned):
    rows = sorted({row for row, _ in costs})
    choices = [[None, *sorted({c for r, c in costs if r == row})] for row in rows]
    found = []
    for columns in itertools.product(*choices):
        taken = [column for column in columns if column is not None]
        if len(taken) == len(set(taken)):
            pairs = {row: column for row, column in zip(rows, columns, strict=True) if column is not None}
            found.append(total(pairs, costs, unassigned))
    return min(found)


@given(PAIRS, st.integers(-20, 40).map(float))
def test_no_other_assignment_costs_less(costs, unassigned):
    pairs = assign(costs, unassigned)
    assert pairs.items() <= costs.keys()
    assert len(set(pairs.values())) == len(pairs)
    assert total(pairs, costs, unassigned) == least(costs, unassigned)


def test_nothing_to_assign_is_nothing():
    assert assign({}, 1.0) == {}


def test_a_pair_that_costs_more_than_none_is_none():
    assert assign({(0, 0): 3.0}, 2.0) == {}


def test_the_nearest_pair_is_not_taken_where_another_would_be_left_alone():
    assert assign({(0, 0): 1.0, (0, 1): 2.0, (1, 0): 2.0}, 10.0) == {0: 1, 1: 0}
