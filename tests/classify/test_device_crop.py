"""The classifier's crops on a card: the same as the processor's, from frames that are there, without a wait."""

import cv2
import numpy as np
import pytest
import torch
from harness.card import CARD, pretended_card

from maskwatch.classify import classifier as judging
from maskwatch.classify import device_crop
from maskwatch.classify.crop import crop, square_about
from maskwatch.classify.device_crop import crops, placed
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.records import Box, Face
from maskwatch.datasets.formats.registry import read
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.images import choose
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.models.loading import Models
from maskwatch.output.demo_clip import FACE
from maskwatch.platform import device_frames
from maskwatch.platform.device_frames import DeviceFrames
from maskwatch.sources.images import read_rgb

SIDE_PX, MARGIN = 64, 0.15
CPU = torch.device("cpu")


@pytest.fixture
def card(monkeypatch):
    with pretended_card(monkeypatch) as card:
        yield card


@pytest.fixture
def frames():
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (2, 25, 35, 3), dtype=np.uint8)
    return [cv2.resize(each, (140, 100), interpolation=cv2.INTER_CUBIC) for each in noise]


def some_boxes(count):
    """Of all sizes, some partly or wholly beyond the frame of 140 x 100 pixels."""
    random = np.random.default_rng(1)
    for side in random.uniform(1, 140, count):
        x, y = random.uniform([-60, -60], [160, 120])
        yield Box(x, y, x + side, y + side * random.uniform(0.7, 1.3))


def cut_there(kept, faces):
    """The crop of each `(frame, box)`, by its number."""
    there = [placed(kept, rgb, square_about(box, MARGIN)) for rgb, box in faces]
    cut, order = crops(there, SIDE_PX)
    return dict(zip(order, cut.cpu().numpy(), strict=True))


def largest_difference(faces, cut):
    ours = [crop(rgb, box, side_px=SIDE_PX, margin=MARGIN).astype(int) for rgb, box in faces]
    return max(int(np.abs(each - cut[n]).max()) for n, each in enumerate(ours))


def test_crops_on_the_card_are_those_of_the_processor(frames, card):
    kept = DeviceFrames()
    kept.keep(frames, torch.from_numpy(np.stack(frames)).to(CARD))
    faces = [(frames[n % 2], box) for n, box in enumerate(some_boxes(40))]
    card.waits.clear()
    there = [placed(kept, rgb, square_about(box, MARGIN)) for rgb, box in faces]
    cut, order = crops(there, SIDE_PX)
    assert card.waits.total() == 0
    assert largest_difference(faces, dict(zip(order, cut.cpu().numpy(), strict=True))) <= 1


def test_as_many_faces_go_together_as_fit_into_memory(frames, card, monkeypatch):
    kept = DeviceFrames()
    kept.keep(frames, torch.from_numpy(np.stack(frames)).to(CARD))
    faces = [(frames[0], Box(n, n, n + 40, n + 40)) for n in range(7)]
    monkeypatch.setattr(device_crop, "PIXELS_AT_ONCE", 3 * 64**2)
    assert largest_difference(faces, cut_there(kept, faces)) <= 1


def test_of_a_part_that_went_up_only_what_is_wholly_in_it_is_cut_there(frames, card):
    rgb, kept = frames[0], DeviceFrames()
    part = rgb[30:100, 40:120]
    kept.keep([part], torch.from_numpy(part.copy())[None].to(CARD))
    inside = [(rgb, Box(60, 50, 90, 75)), (rgb, Box(60, 70, 90, 99))]  # at the frame's lower edge, too
    assert largest_difference(inside, cut_there(kept, inside)) <= 1
    for box in (Box(30, 50, 60, 75), Box(60, 20, 90, 45), Box(100, 50, 125, 75)):
        assert placed(kept, rgb, square_about(box, MARGIN)) is None
    other, coarse = frames[1], rgb[::2, ::2]
    kept.keep([other[::2, ::2]], torch.zeros((1, 50, 70, 3), dtype=torch.uint8).to(CARD))
    assert placed(kept, other, square_about(Box(10, 10, 30, 30), MARGIN)) is None
    assert placed(kept, coarse, square_about(Box(10, 10, 30, 30), MARGIN)) is None


def test_a_frame_is_kept_on_the_card_no_longer_than_here_and_not_too_many(card, monkeypatch):
    kept = DeviceFrames()
    whole = [np.zeros((10, 20, 3), np.uint8) for _ in range(3)]
    for rgb in whole:
        kept.keep([rgb[:]], torch.zeros((1, 10, 20, 3), dtype=torch.uint8).to(CARD))
    assert kept.find(whole[0], (0, 10), (0, 20)) is not None
    del rgb, whole[0]
    assert len(kept._kept) == 2
    monkeypatch.setattr(device_frames, "KEPT_PIXELS", 300)
    newest = np.zeros((10, 20, 3), np.uint8)
    kept.keep([newest], torch.zeros((1, 10, 20, 3), dtype=torch.uint8).to(CARD))
    assert kept.find(newest, (0, 10), (0, 20)) is not None
    assert all(kept.find(rgb, (0, 10), (0, 20)) is None for rgb in whole)


def test_the_classifier_cuts_what_the_detector_took_up_and_waits_once(bare, card, monkeypatch):
    models, small = Models(CARD), cv2.resize(bare, (128, 150), interpolation=cv2.INTER_AREA)
    detector, classifier = models.mtcnn(Settings()), models.classifier(ClassifySettings())
    (face,) = detector.detect([small[:, :]])[0]  # a part, as the engine gives them
    expected = Models(CPU).classifier(ClassifySettings()).classify([(small, face), (bare, Face(FACE, 1.0))])
    here = []
    monkeypatch.setattr(judging, "crop", lambda rgb, *_, **how: here.append(rgb) or crop(rgb, *_, **how))
    card.waits.clear()
    told = classifier.classify([(small, face)] * 3)
    assert (here, card.waits.total()) == ([], 1)
    assert told == pytest.approx([expected[0]] * 3, abs=0.01)
    card.waits.clear()
    told = classifier.classify([(small, face), (bare, Face(FACE, 1.0)), (small, face)])
    assert (len(here), card.waits.total()) == (1, 1)  # one that is not up
    assert told == pytest.approx([expected[0], expected[1], expected[0]], abs=0.01)


def test_of_street_photographs_no_label_changes(shared, monkeypatch):
    material = choose("faces", read(shared / "data" / "faces"), SplitChoice.TEST, list)
    here = Models(CPU).classifier(ClassifySettings())
    frames = [(read_rgb(image.path), image.truths) for image in material.images]
    faces = [(rgb, Face(truth.box, 1.0)) for rgb, truths in frames for truth in truths if truth.box]
    ours = np.array(here.classify(faces))
    with pretended_card(monkeypatch):
        kept = DeviceFrames()
        there = judging.MaskClassifier(here._network, here._shape, CARD, "x", kept)
        monkeypatch.setattr(
            here._network, "forward", lambda rgb, judge=here._network.forward: judge(rgb.cpu())
        )
        theirs = []
        for rgb, truths in frames:
            kept.keep([rgb], torch.from_numpy(rgb)[None].to(CARD))
            theirs += there.classify([(rgb, Face(truth.box, 1.0)) for truth in truths if truth.box])
    difference = np.abs(ours - np.array(theirs))
    print(
        f"{len(faces)} faces: probabilities differ by {difference.max():.4f} at most, {np.median(difference):.5f} (median)"
    )
    assert len(faces) > 300
    assert difference.max() < 0.02
    assert ((ours >= 0.5) == (np.array(theirs) >= 0.5)).all()
