"""O-Net's further looks: a head that leans is turned upright for them."""

import math

import cv2
import pytest
import torch

from maskwatch.core.geometry import iou
from maskwatch.detect import boxes, looks, weights
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.networks import normalise
from maskwatch.detect.pyramids.device import DevicePyramid
from maskwatch.detect.pyramids.host import HostPyramid
from maskwatch.detect.settings import Settings
from maskwatch.output.demo_clip import FACE

CPU = torch.device("cpu")
FIRST = torch.zeros(1, dtype=torch.int64)


@pytest.fixture(scope="module")
def shipped():
    return weights.load_weights(None)


def leaning(rgb, degrees):
    """The picture turned about the face's middle, by degrees clockwise, and the face's box as before."""
    centre = ((FACE.x1 + FACE.x2) / 2, (FACE.y1 + FACE.y2) / 2)
    turn = cv2.getRotationMatrix2D(centre, -degrees, 1)
    return cv2.warpAffine(rgb, turn, rgb.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def crop_of(pyramid):
    square = boxes.squared(torch.tensor([tuple(FACE)]))
    return square, pyramid.cut(FIRST, square, looks.ONET_PX)


@pytest.mark.parametrize("kind", ["torch", "openvino"])
def test_onet_tells_the_line_through_the_eyes(shipped, bare, kind):
    if kind == "openvino":
        pytest.importorskip("openvino")
    _, crop = crop_of(HostPyramid([bare], 20))
    points = torch.nn.Sequential(*shipped.onet.layers(), shipped.onet.dense6_3)
    with torch.inference_mode():
        x, y = points(normalise(crop.permute(0, 3, 1, 2)))[0].reshape(2, 5)
        told = choose(kind, shipped, CPU, exact=True).onet(crop)[0, 5:]
    assert told.tolist() == pytest.approx([float(x[1] - x[0]), float(y[1] - y[0])], abs=1e-3)


@pytest.mark.parametrize("degrees", [-50, -35, -20, 20, 35, 50])
def test_the_angle_of_a_leaning_head_is_measured(bare, degrees):
    _, crop = crop_of(HostPyramid([leaning(bare, degrees)], 20))
    told = TorchBackend(weights.load_stock(), CPU).onet(crop)[:, 5:]
    assert math.degrees(looks.roll(told).item()) == pytest.approx(degrees, abs=6)


def test_what_is_nearly_upright_or_stands_on_its_side_is_not_turned():
    def roll(degrees):
        return looks.roll(
            torch.tensor([[math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]])
        ).item()

    assert [math.degrees(roll(degrees)) for degrees in (0, 9, -9, 70, 180, -110)] == [0] * 6
    assert math.degrees(roll(20)) == pytest.approx(20)
    assert math.degrees(roll(-50)) == pytest.approx(-50)


@pytest.mark.parametrize("kind", [HostPyramid, DevicePyramid])
@pytest.mark.parametrize("degrees", [-40, 25])
def test_a_crop_is_turned_until_the_head_is_upright(bare, kind, degrees):
    def pyramid(rgb):
        return (
            HostPyramid([rgb], 20) if kind is HostPyramid else DevicePyramid(torch.from_numpy(rgb)[None], 20)
        )

    square, upright = crop_of(pyramid(bare))
    there = pyramid(leaning(bare, degrees))
    wide = there.cut(FIRST, looks._wider(square), looks.WIDE_PX)

    def difference(angle):
        turned = looks.turned(wide, torch.tensor([math.radians(angle)]))
        return (turned - upright.float()).abs().mean().item()

    assert difference(degrees) < 9  # of 255; what is left is the blur of turning the picture, too
    assert min(difference(0), difference(-degrees)) > 5 * difference(degrees)


def test_a_crop_that_is_not_turned_is_the_middle_of_the_wide_one(bare):
    pyramid = HostPyramid([bare], 20)
    square, upright = crop_of(pyramid)
    wide = pyramid.cut(FIRST, looks._wider(square), looks.WIDE_PX)
    assert (looks.turned(wide, torch.zeros(1)) - upright.float()).abs().max() <= 1


def test_a_box_in_a_turned_crop_moves_along_with_the_head():
    squares, moved = torch.tensor([[10.0, 10, 30, 30]]), torch.tensor([[14.0, 8, 32, 32]])
    angle = torch.tensor(
        [math.pi / 2]
    )  # what is right of the middle in the turned crop is below it in the frame
    assert looks._turned_back(squares, moved, angle)[0].tolist() == pytest.approx([11, 11, 29, 35], abs=1e-4)
    assert torch.equal(looks._turned_back(squares, moved, torch.zeros(1)), moved)


@pytest.mark.parametrize("degrees", [-30, 35])
def test_a_head_that_leans_is_surer_to_be_found_where_it_is(shipped, bare, degrees, monkeypatch):
    rgb = leaning(cv2.GaussianBlur(bare, (0, 0), 3), degrees)
    detector = Mtcnn(choose("auto", shipped, CPU), Settings(thresholds=(0.3, 0.2, 0.05)), "x", shipped.point)

    def found():
        faces = [face for face in detector.detect([rgb])[0] if iou(face.box, FACE) > 0.3]
        return max(faces, key=lambda face: face.score)

    upright = found()
    assert iou(upright.box, FACE) > 0.5
    monkeypatch.setattr(looks, "LEANS_FROM", math.pi)
    assert upright.score > found().score
