"""Some of many, chosen evenly."""

import pytest

from maskwatch.core.evenly import evenly


@pytest.mark.parametrize(
    ("count", "most", "chosen"),
    [
        (10, 5, [0, 2, 4, 6, 8]),
        (7, 3, [0, 2, 4]),
        (3, 5, [0, 1, 2]),
        (4, 4, [0, 1, 2, 3]),
        (5, 0, []),
        (0, 3, []),
    ],
)
def test_items_are_chosen_evenly_and_in_their_order(count, most, chosen):
    assert evenly(range(count), most) == chosen
