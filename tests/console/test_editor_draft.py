import random

import pytest

from maskwatch.console.editor.draft import Draft, Place, PlaceKind, Thresholds
from maskwatch.core.people import Side

THRESHOLDS = Thresholds(0.5, 0.75, 1.0, 0.8, 20)
SQUARE = [(0.2, 0.2), (0.4, 0.2), (0.4, 0.4), (0.2, 0.4)]


@pytest.fixture
def draft():
    hall = Place(1, PlaceKind.ZONE, "hall", tuple(SQUARE))
    door = Place(2, PlaceKind.LINE, "door", ((0.1, 0.5), (0.9, 0.5)), Side.LEFT)
    return Draft([hall, door], THRESHOLDS)


def test_what_is_drawn_gets_a_free_name_and_is_selected(draft):
    draft.rename(1, "zone 1")
    number = draft.add(PlaceKind.ZONE, [(0.1, 0.1), (0.30004, 0.1), (1.7, -2)])
    assert draft.selected == number == 3
    assert draft.place(3) == Place(3, PlaceKind.ZONE, "zone 2", ((0.1, 0.1), (0.3, 0.1), (1.0, 0.0)))
    assert draft.place(draft.add(PlaceKind.IGNORE, SQUARE)).name == ""


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (PlaceKind.ZONE, SQUARE[:2]),
        (PlaceKind.IGNORE, [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)]),
        (PlaceKind.ZONE, [(0.1, 0.1), (0.101, 0.1), (0.1, 0.101)]),
        (PlaceKind.LINE, [(0.1, 0.1), (0.105, 0.105)]),
        (PlaceKind.LINE, [(0.1, 0.1)]),
    ],
)
def test_a_slip_of_the_hand_is_no_place(draft, kind, points):
    assert draft.add(kind, points) is None
    assert not draft.changed


def test_corners_move_come_and_go(draft):
    draft.move_corner(1, 0, (-1, 0.1))
    draft.insert_corner(1, 3)
    assert draft.place(1).points == ((0.0, 0.1), (0.4, 0.2), (0.4, 0.4), (0.2, 0.4), (0.1, 0.25))
    draft.remove_corner(1, 1)
    draft.remove_corner(1, 0)
    assert len(draft.place(1).points) == 3
    draft.remove_corner(1, 0)  # of three: all of it
    assert draft.place(1) is None
    draft.insert_corner(2, 0)
    assert len(draft.place(2).points) == 2
    draft.move_corner(2, 0, (0.9, 0.5))  # both ends in one place: no line
    assert draft.place(2).points == ((0.1, 0.5), (0.9, 0.5))


def test_a_place_is_nudged_as_a_whole_and_stays_in_the_picture(draft):
    draft.nudge(1, None, 0.9, -0.9)
    assert draft.place(1).points == ((0.8, 0.0), (1.0, 0.0), (1.0, 0.2), (0.8, 0.2))
    draft.nudge(1, 2, 0.0, 0.1)
    assert draft.place(1).points[2] == (1.0, 0.3)


def test_names_are_names_and_nobody_else_s(draft):
    other = draft.add(PlaceKind.ZONE, SQUARE)
    assert not draft.rename(other, "hall")
    assert not draft.rename(other, "a/b")
    assert not draft.rename(other, "")
    assert draft.rename(other, "홀 3층")
    assert draft.rename(2, "hall")  # a line may be called as a zone is


def test_a_line_is_flipped(draft):
    draft.flip(2)
    draft.flip(1)
    assert draft.place(2).leaving is Side.RIGHT


def test_what_was_undone_is_gone_after_another_change(draft):
    draft.flip(2)
    draft.undo()
    draft.nudge(1, None, 0.1, 0.0)
    assert not draft.redo()
    assert draft.place(2).leaving is Side.LEFT


def test_a_way_of_a_slider_is_one_step(draft):
    for value in (0.51, 0.55, 0.6):
        draft.set_threshold("protected_at", value)
    draft.set_threshold("for_s", 2.0)
    draft.set_threshold("protected_at", 0.7)
    assert draft.undo()
    assert (draft.thresholds.protected_at, draft.thresholds.for_s) == (0.6, 2.0)
    assert draft.undo()
    assert draft.undo()
    assert draft.thresholds == THRESHOLDS
    assert not draft.undo()


def test_everything_can_be_undone_and_done_again():
    rng = random.Random(5)
    draft = Draft([], THRESHOLDS)
    seen = [(draft.places, draft.thresholds)]

    def any_number():
        return rng.choice([place.number for place in draft.places] or [1])

    def somewhere():
        return rng.random(), rng.random()

    for _ in range(150):
        rng.choice(
            [
                lambda: draft.add_in_the_middle(rng.choice(list(PlaceKind))),
                lambda: draft.move_corner(any_number(), rng.randrange(4), somewhere()),
                lambda: draft.insert_corner(any_number(), rng.randrange(4), somewhere()),
                lambda: draft.remove_corner(any_number(), rng.randrange(4)),
                lambda: draft.nudge(any_number(), None, 0.01, 0.02),
                lambda: draft.flip(any_number()),
                lambda: draft.remove(any_number()) if rng.random() < 0.3 else None,
            ]
        )()
        if (draft.places, draft.thresholds) != seen[-1]:
            seen.append((draft.places, draft.thresholds))
        assert all(0 <= x <= 1 and 0 <= y <= 1 for place in draft.places for x, y in place.points)
    assert len(seen) > 80
    for expected in reversed(seen[:-1]):
        assert draft.undo()
        assert (draft.places, draft.thresholds) == expected
    assert not draft.changed
    for expected in seen[1:]:
        assert draft.redo()
        assert (draft.places, draft.thresholds) == expected
    assert not draft.can_redo
