"""Training's pictures: whatever is done to a picture, the boxes still lie on the faces."""

import cv2
import numpy as np
import pytest

from maskwatch.core.records import Box
from maskwatch.datasets.faces import SeenImage
from maskwatch.training import augmentation as views


def spotted():
    """A dark picture with a bright rectangle where the face is."""
    rgb = np.full((240, 320, 3), 60, np.uint8)
    rgb[60:120, 100:150] = 230
    return SeenImage(rgb, (Box(100, 60, 150, 120),))


def bright(rgb):
    """The box of what is bright."""
    grey = cv2.GaussianBlur(rgb, (0, 0), 2).mean(axis=2)
    there = grey > (grey.min() + grey.max()) / 2
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_a_camera_view_keeps_the_boxes_on_the_faces_whatever_it_does(monkeypatch):
    monkeypatch.setattr(views, "in_other_light", lambda rgb, _: rgb)  # by brightness the face is found here
    widths = set()
    for seed in range(40):
        rgb, faces, _, _ = views.camera_view(spotted(), np.random.default_rng(seed))
        widths.add(rgb.shape[1])
        x1, y1, x2, y2 = bright(rgb)
        centre = np.array([x1 + x2, y1 + y2]) / 2
        assert (faces[0, :2] + faces[0, 2:]) / 2 == pytest.approx(centre, abs=4)
        assert faces[0, 2] - faces[0, 0] == pytest.approx(x2 - x1, abs=0.3 * (x2 - x1) + 3)
    assert min(widths) < 200
    assert max(widths) > 400


def test_a_level_view_shows_the_face_at_the_size_that_is_aimed_at_and_boxes_it(monkeypatch):
    monkeypatch.setattr(views, "in_other_light", lambda rgb, _: rgb)
    aimed = shown = 0
    for seed in range(60):
        rgb, faces, _ = views.level_view(spotted(), 126, (10, 19), np.random.default_rng(seed))
        assert rgb.shape == (126, 126, 3)
        height = faces[0, 3] - faces[0, 1]
        inside = (faces[0] > 2).all() and (faces[0] < 124).all()
        if 10 <= height <= 19 and inside:
            aimed += 1
            x, y = ((faces[0, :2] + faces[0, 2:]) / 2).astype(int)
            beside = max(0, int(faces[0, 0]) - 2)
            shown += rgb[y - 1 : y + 2, x - 1 : x + 2].mean() - rgb[y - 1 : y + 2, beside].mean() > 25
    assert aimed >= 15
    assert shown >= 0.9 * aimed


def test_a_camera_view_about_a_face_shows_it_at_sizes_from_tiny_to_large_and_not_more_than_is_asked_for():
    sides, large = [], SeenImage(np.zeros((1000, 1400, 3), np.uint8), (Box(600, 500, 650, 560),))
    for seed in range(60):
        rgb, faces, _, places = views.camera_view(large, np.random.default_rng(seed), 0)
        assert max(rgb.shape) <= views.VIEW_PX + 2
        assert list(places) == [0]
        sides.append((faces[0, 2:] - faces[0, :2]).max())
    assert min(sides) < 13
    assert max(sides) > 70
    assert 20 < np.median(sides) < 45  # as many below 30 px as above


def test_what_is_left_of_a_face_at_the_edge_of_a_view_is_unclear_and_who_is_beyond_is_gone():
    rgb = np.zeros((1000, 1000, 3), np.uint8)
    faces = tuple(Box(x, 480, x + 40, 520) for x in range(0, 1000, 50))
    labelled = SeenImage(rgb, faces, (Box(490, 100, 510, 900),))
    part, boxes, places = views._window(labelled, views._boxes(labelled), 220, np.random.default_rng(1), 10)
    assert part.shape == (221, 221, 3)
    for box, place in zip(boxes, places, strict=True):
        visible = (box[2:].clip(0, 221) - box[:2].clip(0, 221)).prod()
        assert visible > 0
        if place >= 0:
            assert visible >= 0.6 * 1600
            assert box[2] - box[0] == 40
    assert 10 in places
    assert 3 <= (places >= 0).sum() <= 5
    assert (places == -1).sum() >= 1  # the place that was unclear before


def test_the_same_seed_gives_the_same_view_and_another_seed_another():
    one, same, other = (views.camera_view(spotted(), np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_compression_loses_detail_and_keeps_colour():
    rgb = spotted().rgb
    packed = views.compressed(rgb, 30)
    assert not np.array_equal(packed, rgb)
    assert packed[90, 125].astype(int) == pytest.approx([230] * 3, abs=12)
