"""What is drawn on bare faces: it covers what it should by the landmarks, and is labelled so."""

import cv2
import numpy as np
import pytest

from maskwatch.classify.network import Shape
from maskwatch.core.records import Box
from maskwatch.datasets.faces import LabelledFace
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import Split
from maskwatch.output import demo_clip
from maskwatch.training import face_crops
from maskwatch.training.face_crops import augmented_crop, framed
from maskwatch.training.occlusion import face_frame
from maskwatch.training.occlusion.face_frame import FaceFrame
from maskwatch.training.occlusion.hands import with_hand
from maskwatch.training.occlusion.masks import SHARES, Donor, Wearing, outline, with_mask
from maskwatch.training.occlusion.transfer import with_anothers_mask

EYES, NOSE, MOUTH = 0.0, 0.47, 1.0  # of a `FaceFrame`; just above the tip of the nose
BOX = Box(60, 40, 160, 180)
GREY = np.full((240, 220, 3), 128, np.uint8)
FRAMES = {
    "ahead": face_frame.usual_points(BOX),
    "leaning": np.array([[80, 70], [118, 92], [90, 110], [68, 125], [96, 141]], np.float32),
    "turned right": np.array([[100, 75], [132, 76], [132, 110], [104, 136], [128, 136]], np.float32),
}
COVERED = {  # of the places above, down the middle of the face
    Wearing.RIGHT: {NOSE, MOUTH},
    Wearing.NOSE_BARE: {MOUTH},
    Wearing.MOUTH_BARE: set(),
    Wearing.CHIN: set(),
    Wearing.TOO_HIGH: {EYES},
}


def covers(drawn, frame, v):
    x, y = (round(value) for value in frame.place(0, v))
    return bool(np.abs(drawn[y, x].astype(int) - GREY[y, x]).max() > 40)


@pytest.fixture(autouse=True)
def bright_cloth(monkeypatch):
    """In place of fabrics and shade, by which a place could look like skin."""
    from maskwatch.training.occlusion import masks

    monkeypatch.setattr(masks, "fabric", lambda across, _, __: np.full((*across.shape, 3), 255, np.float32))
    monkeypatch.setattr(masks, "_light", lambda patch, *_: np.ones(patch.shape[:2], np.float32))
    monkeypatch.setattr(masks, "_shadow", lambda cover, _: np.zeros_like(cover))
    monkeypatch.setattr(masks, "LOOPS", 0.0)


@pytest.mark.parametrize("pose", FRAMES)
@pytest.mark.parametrize("wearing", COVERED)
def test_a_mask_covers_what_it_should_by_the_landmarks_and_leaves_the_rest_free(wearing, pose):
    frame = FaceFrame.of(FRAMES[pose])
    for seed in range(25):
        drawn = with_mask(GREY, frame, wearing, np.random.default_rng(seed))
        # where a mask is held too high, the tip of the nose may be just under its edge
        for place in (EYES, MOUTH) if wearing is Wearing.TOO_HIGH else (EYES, NOSE, MOUTH):
            assert covers(drawn, frame, place) is (place in COVERED[wearing]), (seed, place)
        assert wearing.protects is ({NOSE, MOUTH} <= COVERED[wearing])


def test_a_mask_on_the_chin_lies_there_and_a_scarf_never_reaches_the_nose():
    frame = FaceFrame.of(FRAMES["ahead"])
    for seed in range(25):
        random = np.random.default_rng(seed)
        assert covers(with_mask(GREY, frame, Wearing.CHIN, random), frame, 1.7)
        scarf = with_mask(GREY, frame, Wearing.SCARF, random)
        assert not covers(scarf, frame, NOSE)
        assert covers(scarf, frame, 2.0)


def test_right_and_wrong_masks_are_as_frequent_and_a_mask_is_never_drawn_between_them():
    assert sum(SHARES.values()) == pytest.approx(1)
    assert set(SHARES) == set(Wearing)
    assert 0.4 <= sum(share for wearing, share in SHARES.items() if wearing.protects) <= 0.6
    tops = {w: [outline(w, np.random.default_rng(n)).top for n in range(200)] for w in Wearing}
    assert max(tops[Wearing.RIGHT]) < NOSE < min(tops[Wearing.NOSE_BARE])


def test_a_donors_cloth_is_that_of_its_mask():
    frame = FaceFrame.of(FRAMES["ahead"])
    other = np.zeros((480, 440, 3), np.uint8)
    twice = frame.scaled(2)
    top, bottom = (round(twice.place(0, v)[1]) for v in (0.4, 1.5))
    other[top:bottom] = (0, 250, 0)
    for seed in range(10):
        drawn = with_mask(GREY, frame, Wearing.NOSE_BARE, np.random.default_rng(seed), Donor(other, twice))
        x, y = (round(value) for value in frame.place(0, 1.1))
        assert drawn[y, x].astype(float) == pytest.approx([0, 250, 0], abs=16)
        assert not covers(drawn, frame, NOSE)


def test_places_and_the_grid_agree_in_a_turned_mirrored_and_scaled_frame():
    frame = FaceFrame.of(FRAMES["turned right"])
    assert -frame.left > frame.right  # the side that the head turns to is shorter
    for each in (frame, frame.mirrored(220), frame.scaled(1.5)):
        u, v = each.grid(360, 330)
        for at in ((-0.7, 0.3), (0.0, 1.0), (0.8, 1.4)):
            x, y = (round(value) for value in each.place(*at))
            assert (u[y, x], v[y, x]) == pytest.approx(at, abs=0.06)
    x, y = frame.place(0.4, 0.8)
    assert frame.mirrored(220).place(-0.4, 0.8) == pytest.approx((219 - x, y), abs=0.01)


def test_points_that_can_be_no_face_give_the_usual_ones():
    usual = FaceFrame.of(face_frame.usual_points(BOX))
    for points in (
        np.full((5, 2), np.nan, np.float32),
        FRAMES["ahead"][::-1].copy(),  # upside down
        FRAMES["ahead"] * 0.1,
    ):
        assert FaceFrame.found(points, BOX).place(0.3, 1.2) == pytest.approx(usual.place(0.3, 1.2))
    leaning = FaceFrame.found(FRAMES["leaning"], BOX)
    assert leaning.place(0, 1) != pytest.approx(usual.place(0, 1), abs=3)


def test_the_frame_of_a_real_face_lies_on_it(bare):
    box = demo_clip.FACE
    (frame,) = face_frame.frames([(bare, box)])
    usual = FaceFrame.of(face_frame.usual_points(box))
    assert not np.array_equal(frame.eyes, usual.eyes)
    for v in (EYES, NOSE, MOUTH):
        x, y = frame.place(0, v)
        assert box.x1 + 0.25 * box.width < x < box.x2 - 0.25 * box.width
        assert box.y1 + 0.1 * box.height < y < box.y2 - 0.1 * box.height


def test_a_hand_lies_about_the_mouth_in_the_colour_of_the_skin():
    frame = FaceFrame.of(FRAMES["ahead"])
    face = np.full((240, 220, 3), (200, 150, 120), np.uint8)
    for seed in range(10):
        drawn = with_hand(face, frame, np.random.default_rng(seed))
        rows, columns = np.nonzero((drawn != face).any(axis=2))
        assert frame.place(0, 0.5)[1] < np.median(rows) < frame.place(0, 2)[1]
        colour = drawn[rows, columns].astype(float).mean(axis=0)
        assert colour[0] > colour[1] > colour[2]


def test_anothers_mask_covers_the_nose_or_leaves_it_free_and_is_labelled_so():
    face, box = np.full((200, 200, 3), 180, np.uint8), Box(50, 40, 150, 160)
    other = np.zeros((300, 300, 3), np.uint8)
    other[:, :, 2] = 250
    seen = set()
    for seed in range(30):
        drawn, right = with_anothers_mask(
            face, box, other, Box(90, 80, 210, 220), np.random.default_rng(seed)
        )
        nose, chin = (drawn[int(box.y1 + share * box.height), 100].astype(int) for share in (0.45, 0.95))
        assert chin[2] - chin[0] > 100
        assert bool(nose[2] - nose[0] > 100) is right
        assert (drawn[:60] == 180).all()
        seen.add(right)
    assert seen == {True, False}


def faces(label, count=1):
    random = np.random.default_rng(4)
    patches = (
        cv2.resize(random.integers(90, 160, (8, 8, 3)).astype(np.uint8), (220, 240)) for _ in range(count)
    )
    return framed([LabelledFace(patch, BOX, label, Split.TRAIN, "") for patch in patches])


def test_only_masks_that_are_drawn_right_make_a_bare_face_protected(monkeypatch):
    told = []

    def noted(patch, frame, wearing, random, donor=None):
        told.append(wearing)
        return patch

    monkeypatch.setattr(face_crops, "with_mask", noted)
    monkeypatch.setattr(face_crops, "DRAWN", 1.0)
    (bare,), donors = faces(FaceLabel.UNPROTECTED), faces(FaceLabel.PROTECTED)
    labels = [augmented_crop(bare, donors, Shape(), np.random.default_rng(n))[1] for n in range(60)]
    assert labels == [wearing is Wearing.RIGHT for wearing in told]
    assert set(told) == set(Wearing)


@pytest.mark.parametrize("label", [FaceLabel.PROTECTED, FaceLabel.WORN_WRONG])
def test_a_face_that_wears_a_mask_already_keeps_its_label(label):
    (face,), donors = faces(label), faces(FaceLabel.PROTECTED)
    said = {augmented_crop(face, donors, Shape(), np.random.default_rng(n))[1] for n in range(60)}
    assert said == {label.protected}


def test_the_same_seed_draws_the_same_crop_and_another_seed_another():
    (bare,), donors = faces(FaceLabel.UNPROTECTED), faces(FaceLabel.PROTECTED)
    one, same, other = (augmented_crop(bare, donors, Shape(), np.random.default_rng(n))[0] for n in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
