"""Shares of people in clusters, against worked values and by simulation."""

from collections import Counter

import numpy as np
import pytest

from maskwatch.core.people.shares import difference, share, student
from maskwatch.core.records import Estimate


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (1000, 1.962)],
)
def test_students_quantile_is_that_of_the_tables(degrees, quantile):
    assert student(degrees) == pytest.approx(quantile, abs=4e-3)


def test_many_single_people_have_wilsons_interval():
    """30 of 100: 0.219 to 0.396 by Wilson with z; t and the jackknife make it a little wider."""
    found = share({(1, 1): 30, (1, 0): 70})
    assert found.value == pytest.approx(0.3)
    assert (found.low, found.high) == (pytest.approx(0.219, abs=0.003), pytest.approx(0.396, abs=0.003))


def test_people_who_all_do_the_same_count_as_one():
    """Ten clusters of ten, each of one mind, tell as much as ten people."""
    crowds, single = share({(10, 10): 3, (10, 0): 7}), share({(1, 1): 3, (1, 0): 7})
    assert crowds.low == pytest.approx(single.low, abs=0.001)
    assert crowds.high == pytest.approx(single.high, abs=0.001)


@pytest.mark.parametrize("done", [0, 5])
def test_where_all_or_none_did_it_the_interval_is_that_of_as_many_people_as_clusters(done):
    found = share({(5, done): 10})
    assert found.value == done / 5
    assert found.high - found.low == pytest.approx(0.339, abs=0.002)


def test_nobody_has_no_share_and_one_cluster_no_interval():
    assert share({}) == Estimate(None, None, None)
    assert share({(0, 0): 7}) == Estimate(None, None, None)
    assert share({(4, 1): 1, (0, 0): 3}) == Estimate(0.25, None, None)


def test_the_difference_is_newcombes():
    """R. G. Newcombe 1998, table II (a): 56/70 less 48/80, by method 10 0.0524 to 0.3339, of Wilson's two intervals."""
    a, b = Estimate(0.8, 0.6918, 0.8769), Estimate(0.6, 0.4904, 0.7004)
    found = difference(a, b)
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)
    assert difference(a, Estimate(None, None, None)).value is None
    assert difference(a, Estimate(0.5, None, None)) == Estimate(pytest.approx(0.3), None, None)


def clusters(random, number, chance, alike, people):
    """Counts of clusters whose people are alike: the chance is drawn for each from a beta distribution."""
    sizes = 1 + random.poisson(people - 1, number)
    chances = random.beta(chance * (1 / alike - 1), (1 - chance) * (1 / alike - 1), number)
    return Counter(zip(sizes.tolist(), random.binomial(sizes, chances).tolist(), strict=True))


@pytest.mark.parametrize("number", [(5, 5), (10, 10), (40, 10), (80, 40)])
@pytest.mark.parametrize("chances", [(0.5, 0.2), (0.3, 0.3)])
def test_the_interval_of_the_difference_holds_the_truth_although_people_are_alike(number, chances):
    """Independent people's would in 0.85 of the draws."""
    random = np.random.default_rng(7)
    held = 0
    for _ in range(500):
        told, withheld = (share(clusters(random, n, p, 0.3, 3)) for n, p in zip(number, chances, strict=True))
        found = difference(told, withheld)
        held += found.low <= chances[0] - chances[1] <= found.high
    assert held >= 470
