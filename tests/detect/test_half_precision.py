"""Half precision, with the processor in the card's place: the shipped weights find the same faces."""

import cv2
import pytest
import torch
from harness.half_precision import RoundedBackend, detector

from maskwatch.core.geometry import iou
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.weights import load_stock

CPU = torch.device("cpu")


@pytest.fixture
def people(bare, masked):
    """One person a picture, bare and masked, of two sizes."""
    return [
        cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        for rgb in (bare, masked)
        for size in ((128, 150), (77, 90))
    ]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
def test_what_stands_in_a_cards_place_computes_as_torch_does_in_half_precision(kind):
    crops = torch.randint(0, 255, (8, 24, 24, 3), generator=torch.Generator().manual_seed(1)).float()
    weights = load_stock()
    rounded, own = RoundedBackend(weights, kind).rnet(crops), TorchBackend(weights, CPU, kind).rnet(crops)
    exact = TorchBackend(weights, CPU).rnet(crops)
    assert (rounded - own).abs().max() < 3 * (own - exact).abs().max()
    assert not torch.equal(rounded, exact)


def test_the_shipped_weights_find_the_same_faces_in_float16(people):
    half, exact = detector(torch.float16), detector(torch.float32)
    for rgb in people:
        ours, theirs = half.detect([rgb])[0], exact.detect([rgb])[0]
        assert len(ours) == len(theirs) == 1
        assert iou(ours[0].box, theirs[0].box) > 0.95
        assert ours[0].score == pytest.approx(theirs[0].score, abs=0.01)
