"""Faces lent from portraits: whose they are, where they go, and what a training makes of them."""

import cv2
import numpy as np
import pytest
import torch

from maskwatch import demo
from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_stock
from maskwatch.learn import batches
from maskwatch.learn.averaging import follow
from maskwatch.learn.dataset import LabelledPicture, Truth
from maskwatch.learn.faces import SeenPicture, open_portraits
from maskwatch.learn.labels import FaceLabel
from maskwatch.learn.lending import lenders, with_lent_faces
from maskwatch.learn.mining import Kind, mine
from maskwatch.learn.train_detector import Recipe, Run, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def detector():
    return Mtcnn(TorchBackend(load_stock(), CPU), Settings(scout=False, thresholds=(0.6, 0.7, 0.8)), "x")


@pytest.fixture(scope="module")
def lent(bare):
    return [SeenPicture(bare, (Box(*demo.FACE),))]


def green(rgb, faces=()):
    """A picture in which nothing else is seen, so that a lent face shows."""
    picture = np.zeros_like(rgb)
    picture[..., 1] = 120
    return SeenPicture(picture, faces)


def test_a_portrait_lends_its_one_face_and_a_group_none(bare, detector):
    group = np.concatenate([bare, bare], axis=1)
    (lender,) = lenders([bare, group, np.zeros_like(bare)], detector)
    assert lender.rgb is bare
    assert iou(lender.faces[0], Box(*demo.FACE)) > 0.5


class NeedsRoom:
    """Finds a black rectangle only where something else is around it."""

    version = "x"

    def detect(self, frames):
        (rgb,) = frames
        rows, columns = np.nonzero(rgb[..., 0] == 0)
        box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return [(Face(box, 0.9),) if box.x1 > 20 else ()]


def test_a_face_that_fills_its_picture_is_found_with_room_around_it():
    portrait = np.full((120, 90, 3), 200, np.uint8)
    portrait[10:110, 10:80] = 0
    (lender,) = lenders([portrait], NeedsRoom())
    assert lender.rgb is portrait
    assert lender.faces == (Box(10, 10, 80, 110),)


def test_lent_faces_stand_where_their_boxes_say_and_cover_nobody(bare, lent):
    own = Box(200, 200, 330, 350)
    several = 0
    for seed in range(12):
        picture = with_lent_faces(green(bare, (own,)), lent, np.random.default_rng(seed))
        assert picture.faces[0] is own
        assert not picture.rgb[200:350, 200:330, (0, 2)].any()
        for box in picture.faces[1:]:
            x1, y1, x2, y2 = (round(v) for v in box)
            face = cv2.resize(picture.rgb[y1:y2, x1:x2], (32, 32)).astype(float)
            whole = cv2.resize(bare[slice(*_rows(demo.FACE)), slice(*_columns(demo.FACE))], (32, 32))
            likeness = [
                np.corrcoef(face[..., 0].ravel(), w[..., 0].ravel())[0, 1] for w in (whole, whole[:, ::-1])
            ]
            assert max(likeness) > 0.7
        several = max(several, len(picture.faces) - 1)
    assert several > 1


def _rows(box):
    return int(box[1]), int(box[3])


def _columns(box):
    return int(box[0]), int(box[2])


def test_without_lenders_or_room_a_picture_stays_as_it_is_and_the_same_seed_lends_the_same(bare, lent):
    random = np.random.default_rng(0)
    street, small = green(bare), SeenPicture(bare[:30, :30].copy(), ())
    assert with_lent_faces(street, (), random) is street
    assert with_lent_faces(small, lent, random) is small
    one, other = (with_lent_faces(street, lent, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.rgb, other.rgb)
    assert one.faces == other.faces


def test_a_portrait_that_repeats_a_held_out_picture_lends_nothing(bare, masked, tmp_path):
    pictures = []
    for number in range(30):
        random = np.random.default_rng(number)
        rgb = cv2.resize(random.integers(0, 255, (9, 9, 3)).astype(np.uint8), (90, 90))
        cv2.imwrite(str(tmp_path / f"{number}.png"), rgb[..., ::-1])
        pictures.append(
            LabelledPicture(tmp_path / f"{number}.png", f"{number}.png", (Truth(FaceLabel.PROTECTED),))
        )
    training, _ = open_portraits(pictures, [], list)
    assert 10 < len(training) < 30  # the rest is of the other parts
    held_out = SeenPicture(training[0] // 2 + 20, ())  # in another light
    fewer, notes = open_portraits(pictures, [held_out], list)
    assert len(fewer) == len(training) - 1
    assert not any(np.array_equal(rgb, training[0]) for rgb in fewer)
    assert notes == []


def test_the_second_round_sees_faces_that_the_training_pictures_do_not_show(bare, lent, street, tmp_path):
    pictures = [SeenPicture(green(bare).rgb, ())]
    detector = Mtcnn(TorchBackend(load_stock(), CPU), Settings(thresholds=(0.3, 0.3, 0), scout=False), "x")
    assert not len(mine(detector, pictures, 24, (0,), range(3)).of(Kind.POSITIVE))
    assert len(mine(detector, pictures, 24, (0,), range(3), lent=lent).of(Kind.POSITIVE))
    made = [SeenPicture(rgb, (box,)) for rgb, box in (street(n, side=60) for n in range(4))]
    told = []
    recipe = Recipe((2, 2), (2, 2), (2, 2), (1, 2), 2, 32, 16, epoch=1)
    run = Run(recipe, CPU, tmp_path, lambda epoch: told.append(epoch.stage), lambda *_: None)
    weights = train(made[:3], made[3:], load_stock(), run, portraits=[bare])
    assert list(dict.fromkeys(told)) == [f"{net}-Net {n}" for n in (1, 2) for net in "PRO"]
    assert all(p.isfinite().all() for p in weights.onet.parameters())


def test_a_shifted_crop_keeps_its_face_within_the_offsets():
    crops = torch.zeros(40, 48, 48, 3)
    crops[:, 12:36, 16:40] = 255
    face = torch.tensor([16.0, 12, 40, 36]) / 48
    offsets = (face - torch.tensor([0.0, 0, 1, 1])).repeat(40, 1)
    shifted, moved = batches._shifted(crops, offsets, np.random.default_rng(0))
    boxes = ((moved + torch.tensor([0.0, 0, 1, 1])) * 48).numpy()
    for crop, box in zip(shifted.numpy()[..., 0], boxes, strict=True):
        bright = crop > 127
        columns, rows = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
        assert box == pytest.approx([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], abs=1)
    assert np.ptp(boxes[:, 0]) > 2


def test_the_average_follows_what_the_network_becomes_quickly_at_first():
    network, average = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    with torch.no_grad():
        average.weight.fill_(0)
        network.weight.fill_(1)
    follow(average, network, keep=0.99, step=1)
    assert average.weight.item() == pytest.approx(1 - 2 / 11)
    before = average.weight.item()
    follow(average, network, keep=0.99, step=10_000)
    assert 1 - average.weight.item() == pytest.approx(0.99 * (1 - before))
