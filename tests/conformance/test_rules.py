"""Every kind of rule that comes with maskwatch does what a rule must."""

import pytest

from maskwatch.conformance.rules import CAMERA, RuleContract, seen
from maskwatch.core.records import Direction, Label, Passage
from maskwatch.rules.kinds import occupancy, protected_ratio, without_mask
from maskwatch.rules.registry import RULES

BARE, MASKED = Label.UNPROTECTED, Label.PROTECTED


class OurContract(RuleContract):
    def make(self):
        return RULES.build(self.settings(), self.context)


class TestProtected_Ratio(OurContract):  # noqa: N801 - as the kind
    def settings(self):
        return protected_ratio.Settings(for_s=2, cooldown_s=90)

    def scene(self, start):
        return [(seen(start + n, {1: MASKED, 2: BARE}), ()) for n in range(3)]


class TestWithout_Mask(OurContract):  # noqa: N801 - as the kind
    def settings(self):
        return without_mask.Settings(for_s=2, cooldown_s=90, zone="hall", name="bare")

    def scene(self, start):
        return [(seen(start + n, {3: MASKED, 4: BARE}, zones=("hall",)), ()) for n in range(3)]


class TestOccupancy(OurContract):
    def settings(self):
        return occupancy.Settings(for_s=2, cooldown_s=90, min_people=2)

    def scene(self, start):
        return [(seen(start + n, {1: Label.UNKNOWN, 2: MASKED}), ()) for n in range(3)]


@pytest.mark.parametrize("kind", [protected_ratio, without_mask])
class TestWhoLeaves(RuleContract):
    @pytest.fixture(autouse=True)
    def of(self, kind):
        self.kind = kind

    def settings(self):
        return self.kind.Settings(for_s=0, cooldown_s=90, when="leaving")

    def make(self):
        return RULES.build(self.settings(), self.context)

    def scene(self, start):
        gone = Passage(CAMERA, start + 1, 7, BARE, Direction.LEAVING, "threshold")
        return [(seen(start, {7: BARE, 8: MASKED}), ()), (seen(start + 1, {8: MASKED}), (gone,))]


def test_every_kind_is_held_to_the_contract():
    tested = {kind.__name__.removeprefix("Test").lower() for kind in OurContract.__subclasses__()}
    assert tested >= {name for name, _ in RULES.own()}
