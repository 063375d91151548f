"""How long is waited before another attempt: longer each time, up to a bound, and not everybody for as long."""

import random
from collections import Counter

import pytest

from maskwatch.platform.backoff import backoff_s


@pytest.mark.parametrize(("failures", "longest"), [(1, 1), (2, 2), (4, 8), (6, 30), (100_000, 30)])
def test_pauses_double_up_to_the_longest_and_are_at_least_half_as_long(failures, longest):
    pauses = [backoff_s(failures, 1.0, 30.0) for _ in range(50)]
    assert all(longest / 2 <= pause <= longest for pause in pauses)


def test_many_who_failed_at_once_come_back_one_after_another():
    random.seed(0)
    pauses = [backoff_s(100, 1.0, 60.0) / 60 for _ in range(1000)]
    assert 0.5 <= min(pauses) < 0.51
    assert 0.99 < max(pauses) <= 1
    tenths = Counter(int((pause - 0.5) * 20) for pause in pauses)
    assert max(tenths.values()) < 150  # a tenth of the time, a tenth of them
