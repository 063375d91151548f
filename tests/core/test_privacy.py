"""What may be seen of a frame."""

from dataclasses import replace

import numpy as np
import pytest

from maskwatch.core.privacy import CELLS, ROOM, Privacy, as_shown, coarse, faces_in, shown
from maskwatch.core.records import Box, Decision, Face, Label, Person

NOISE = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
BOX = Box(60.4, 40.6, 90.2, 80.1)
SIDE = BOX.height
CORNER = ((0.0, 0.0), (0.2, 0.0), (0.0, 0.2))


def changed(rgb):
    """Where a picture differs from the noise."""
    return (rgb != NOISE).any(axis=2)


def test_a_face_and_the_room_around_it_are_coarse_and_the_rest_is_as_it_was():
    rgb = coarse(NOISE, [BOX])
    rows, columns = np.nonzero(changed(rgb))
    room = ROOM * SIDE
    assert (rows.min(), columns.min()) == (int(BOX.y1 - room), int(BOX.x1 - room))
    assert (rows.max(), columns.max()) == (int(BOX.y2 + room), int(BOX.x2 + room))
    assert (rgb != NOISE).any()


@pytest.mark.parametrize("side", [5, 12, 20, 37, 100])
def test_a_side_of_a_face_is_at_most_six_even_squares(side):
    rgb = coarse(NOISE, [Box(30, 10, 30 + side, 10 + side)])
    face = rgb[10 : 10 + side, 30 : 30 + side]
    borders = [(np.diff(face.astype(int), axis=axis) != 0).any(axis=(1 - axis, 2)).sum() for axis in (0, 1)]
    assert max(borders) <= CELLS  # so many borders are between one square more, the outer ones cut


def test_a_square_is_the_mean_of_what_was_there_and_no_more():
    """Pictures that differ only inside the squares are the same afterwards, so nothing can be had back."""
    box = Box(50, 50, 70, 70)
    mixed = NOISE.copy()
    x, y = int(50 - ROOM * 20), int(50 - ROOM * 20)
    cell = -(-20 // CELLS)
    mixed[y : y + cell, x : x + cell] = mixed[y : y + cell, x : x + cell][::-1, ::-1]
    assert (mixed != NOISE).any()
    assert (coarse(mixed, [box]) == coarse(NOISE, [box])).all()


@pytest.mark.parametrize(
    "box", [Box(-20, -30, 15, 10), Box(150, 110, 200, 160), Box(-500, -500, -400, -400), Box(5, 5, 5, 5)]
)
def test_a_face_at_the_edge_or_beyond_it_does_no_harm(box):
    rgb = coarse(NOISE, [box])
    assert rgb.shape == NOISE.shape
    inside = box.within(160, 120)
    assert changed(rgb).any() == (min(inside.width, inside.height) > 1)


def test_what_is_ignored_is_coarse_too_as_nobody_looks_for_faces_there():
    rgb = coarse(NOISE, [], [CORNER])
    assert changed(rgb)[:24, :32].mean() > 0.99
    assert not changed(rgb)[25:].any()
    assert len(np.unique(rgb[:24, :32].reshape(-1, 3), axis=0)) <= CELLS**2


def test_wherever_a_face_may_be_is_coarse(frame, report):
    near, hidden = Box(10, 90, 25, 110), Box(120, 20, 140, 45)
    seen = replace(
        report(0, 0.1, boxes=[BOX]),
        near_misses=(Face(near, 0.3),),
        persons=(Person(1, BOX, face=0), Person(2, hidden, Label.UNKNOWN)),
    )
    assert set(faces_in(seen)) == {BOX, near, hidden}
    rgb = shown(frame(0, "door", NOISE), seen, Privacy.BLUR).rgb
    for x1, y1, x2, y2 in (near, hidden, BOX):
        assert changed(rgb)[int(y1) : int(y2), int(x1) : int(x2)].mean() > 0.95


def test_full_is_the_frame_and_aggregate_is_none(frame, report):
    clean, seen = frame(0, "door", NOISE), report(0, 0.1)
    assert shown(clean, seen, Privacy.FULL) is clean
    assert shown(clean, seen, Privacy.AGGREGATE) is None
    black = as_shown(Decision(clean, seen), Privacy.AGGREGATE).frame.rgb
    assert black.shape == NOISE.shape
    assert not black.any()


def test_the_frame_itself_stays_as_it_is_for_the_queue(frame, report):
    clean = frame(0, "door", NOISE.copy())
    shown(clean, report(0, 0.1), Privacy.BLUR)
    assert (clean.rgb == NOISE).all()
