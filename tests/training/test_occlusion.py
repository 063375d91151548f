"""What is drawn on bare faces: it covers what it should, and the label says so."""

import cv2
import numpy as np
import pytest

from maskwatch.classify.network import Shape
from maskwatch.core.records import Box
from maskwatch.datasets.faces import LabelledFace
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import Split
from maskwatch.training import face_crops
from maskwatch.training.face_crops import augmented_crop
from maskwatch.training.occlusion import with_anothers_mask, with_drawn_mask, with_hand

BOX = Box(50, 40, 150, 160)
GREY = np.full((200, 200, 3), 180, np.uint8)
EYES, NOSE, MOUTH, CHIN = 0.2, 0.48, 0.68, 0.95  # shares of the box's height


def colour_at(rgb, height):
    """Of the face's middle, as whole numbers."""
    return rgb[int(BOX.y1 + height * BOX.height), 100].astype(int)


def test_a_drawn_mask_is_right_only_where_it_covers_nose_and_mouth_and_leaves_the_eyes_free():
    seen = set()
    for seed in range(60):
        drawn, is_right = with_drawn_mask(GREY, BOX, np.random.default_rng(seed))
        eyes, nose, mouth = (bool((colour_at(drawn, place) != 180).any()) for place in (EYES, NOSE, MOUTH))
        assert is_right == (nose and mouth and not eyes)
        seen.add((eyes, nose))
    assert (False, True) in seen  # right
    assert (False, False) in seen  # under the nose
    assert any(eyes for eyes, _ in seen)  # too high


def test_anothers_mask_covers_the_nose_or_leaves_it_free_and_is_labelled_so():
    other = np.zeros((300, 300, 3), np.uint8)
    other[:, :, 2] = 250
    seen = set()
    for seed in range(30):
        random = np.random.default_rng(seed)
        drawn, is_right = with_anothers_mask(GREY, BOX, other, Box(90, 80, 210, 220), random)
        nose, chin = (colour_at(drawn, place) for place in (0.5, CHIN))
        assert chin[2] - chin[0] > 100
        assert bool(nose[2] - nose[0] > 100) is is_right
        assert (drawn[:60] == 180).all()
        seen.add(is_right)
    assert seen == {True, False}


def test_a_hand_lies_about_the_mouth_in_the_colour_of_the_skin():
    face = np.full((200, 200, 3), (200, 150, 120), np.uint8)
    for seed in range(10):
        drawn = with_hand(face, BOX, np.random.default_rng(seed))
        rows, columns = np.nonzero((drawn != face).any(axis=2))
        assert BOX.y1 + 0.5 * BOX.height < np.median(rows) < BOX.y1 + 1.1 * BOX.height
        colour = drawn[rows, columns].astype(float).mean(axis=0)
        assert colour[0] > colour[1] > colour[2]


def labelled(label):
    patch = np.random.default_rng(4).integers(90, 160, (8, 8, 3)).astype(np.uint8)
    return LabelledFace(cv2.resize(patch, (200, 200)), BOX, label, Split.TRAIN, "")


def test_a_bare_face_is_protected_only_with_a_mask_that_is_drawn_right(monkeypatch):
    drawn = []

    def noted(patch, box, random):
        drawn.append(bool(random.random() < 0.5))
        return patch, drawn[-1]

    monkeypatch.setattr(face_crops, "with_drawn_mask", noted)
    monkeypatch.setattr(face_crops, "DRAWN", 1.0)
    bare, donors = labelled(FaceLabel.UNPROTECTED), [labelled(FaceLabel.PROTECTED)]
    labels = [augmented_crop(bare, donors, Shape(), np.random.default_rng(n))[1] for n in range(30)]
    assert labels == drawn
    assert set(drawn) == {True, False}


@pytest.mark.parametrize("label", [FaceLabel.PROTECTED, FaceLabel.WORN_WRONG])
def test_a_face_that_wears_a_mask_already_keeps_its_label(label):
    face, donors = labelled(label), [labelled(FaceLabel.PROTECTED)]
    labels = {augmented_crop(face, donors, Shape(), np.random.default_rng(n))[1] for n in range(60)}
    assert labels == {label.protected}


def test_the_same_seed_draws_the_same_crop_and_another_seed_another():
    bare, donors = labelled(FaceLabel.UNPROTECTED), [labelled(FaceLabel.PROTECTED)]
    one, same, other = (augmented_crop(bare, donors, Shape(), np.random.default_rng(n))[0] for n in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
