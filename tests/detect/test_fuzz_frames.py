"""Frames of any kind through everything that looks at frames: a verdict, or an error that says what is wrong."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from maskwatch.app import cameras as app
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config.sections import Defaults
from maskwatch.core.errors import ImageError
from maskwatch.core.ports import Source
from maskwatch.core.records import Box, Face, Frame, FrameReport
from maskwatch.detect.motion import MotionGate
from maskwatch.detect.settings import MotionSettings, Settings
from maskwatch.output import draw as render
from maskwatch.pipeline.engine import Engine

SIDES = st.one_of(st.integers(1, 40), st.sampled_from([64, 131, 257]), st.sampled_from([1, 2, 1999]))


class NoSource(Source):
    name, live = "none", False


@pytest.fixture(scope="module")
def models():
    return app.Models(torch.device("cpu"))


@pytest.fixture(scope="module")
def camera(models):
    """With the shipped models, the gate, and something ignored; on torch, which compiles no shape."""
    chosen = Defaults(detect=Settings(backend="torch"), ignore=(((0, 0), (0.1, 0), (0.1, 0.1)),))
    return app.bench_camera("door", NoSource, chosen, models)


def every_second(rgb):
    height, width = rgb.shape[:2]
    wide = np.zeros((2 * height, 3 * width, 3), np.uint8)
    wide[::2, ::3] = rgb
    return wide[::2, ::3]


def read_only(rgb):
    copy = rgb.copy()
    copy.setflags(write=False)
    return copy


# the same picture, otherwise in memory
LAYOUTS = {
    "plain": lambda rgb: rgb,
    "columns first": np.asfortranarray,
    "every second": every_second,
    "upside down": lambda rgb: np.ascontiguousarray(rgb[::-1, ::-1])[::-1, ::-1],
    "BGR turned": lambda rgb: np.ascontiguousarray(rgb[:, :, ::-1])[:, :, ::-1],
    "planes": lambda rgb: np.ascontiguousarray(rgb.transpose(2, 0, 1)).transpose(1, 2, 0),
    "part of a larger one": lambda rgb: np.pad(rgb, ((3, 5), (7, 1), (0, 0)))[3:-5, 7:-1],
    "read-only": read_only,
}


def look(camera, frames):
    """All of it, as the service does: reports whose faces make sense, and pictures of them."""
    fresh = MotionGate("door", MotionSettings())  # which else remembers the frames of another test
    engine = Engine({"door": replace(camera, gate=fresh)})
    reports = engine.analyse([Frame("door", "x", seq, seq / 5, rgb) for seq, rgb in enumerate(frames)])
    for rgb, report in zip(frames, reports, strict=True):
        height, width = rgb.shape[:2]
        assert report.size == (width, height)
        assert all(np.isfinite(face.box).all() and 0 <= face.score <= 1 for face in report.faces)
        assert all(face.protected is None or 0 <= face.protected <= 1 for face in report.faces)
        image = render.annotated(rgb, report)
        assert image.shape[1:] == (width, 3)
        assert image.shape[0] > height
    return reports


@given(
    width=SIDES, height=SIDES, how=st.sampled_from(list(LAYOUTS)), seed=st.integers(0, 9), flat=st.booleans()
)
@example(width=1, height=1, how="plain", seed=0, flat=False)
@example(width=1, height=4000, how="planes", seed=0, flat=False)
@example(width=4000, height=1, how="upside down", seed=0, flat=False)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_frame_of_any_size_and_layout_is_looked_at(camera, width, height, how, seed, flat):
    random = np.random.default_rng(seed)
    rgb = random.integers(0, 256, (height, width, 3), np.uint8)
    if flat:
        rgb[:] = seed * 28
    moved = rgb.copy()
    moved[: height // 3, : width // 3] ^= 128
    look(camera, [LAYOUTS[how](rgb), LAYOUTS[how](moved)])


@pytest.mark.parametrize("how", LAYOUTS)
def test_how_a_frame_lies_in_memory_changes_nothing(camera, bare, how):
    (plain,), (report,) = look(camera, [bare]), look(camera, [LAYOUTS[how](bare)])
    assert plain.faces
    assert report == plain


@pytest.mark.parametrize("size", [(7680, 4320), (4320, 7680)])
def test_a_face_is_found_in_an_8k_frame(camera, bare, size):
    rgb = cv2.resize(bare, size, interpolation=cv2.INTER_LINEAR)
    rgb[:] = 90
    rgb[-900:-300, -1000:-488] = bare
    (report,) = look(camera, [rgb])
    width, height = size
    (x, y) = max(report.faces, key=lambda face: face.score).box.centre
    assert width - 1000 < x < width - 488
    assert height - 900 < y < height - 300


@given(box=st.tuples(*[st.floats(-1e5, 1e5)] * 4), width=SIDES, height=SIDES)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_box_anywhere_is_judged_and_drawn(models, box, width, height):
    x1, y1, right, down = box
    face = Face(Box(x1, y1, x1 + min(abs(right), 600), y1 + min(abs(down), 600)), 0.9)
    rgb = np.full((height, width, 3), 77, np.uint8)
    (probability,) = models.classifier(ClassifySettings()).classify([(rgb, face)])
    assert 0 <= probability <= 1
    render.annotated(rgb, FrameReport("door", "x", 0, 0.0, (width, height), (face,)))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((50, 50), np.uint8), r"not \(50, 50\) of uint8"),
        (np.zeros((50, 50, 1), np.uint8), r"not \(50, 50, 1\) of uint8"),
        (np.zeros((50, 50, 4), np.uint8), r"not \(50, 50, 4\) of uint8"),
        (np.zeros((3, 50, 50), np.uint8), r"not \(3, 50, 50\) of uint8"),
        (np.zeros((2, 50, 50, 3), np.uint8), r"not \(2, 50, 50, 3\) of uint8"),
        (np.zeros((50, 50, 3), np.float32), r"not \(50, 50, 3\) of float32"),
        (np.zeros((50, 50, 3), np.uint16), r"not \(50, 50, 3\) of uint16"),
        (np.zeros((50, 50, 3), np.int8), r"not \(50, 50, 3\) of int8"),
        (np.zeros((50, 50, 3), bool), r"not \(50, 50, 3\) of bool"),
        (np.zeros((0, 50, 3), np.uint8), "not 50 x 0"),
        (np.zeros((50, 0, 3), np.uint8), "not 0 x 50"),
        (np.zeros((1, 40_000, 3), np.uint8), "not 40000 x 1"),
        (None, "must be an array, not NoneType"),
        ([[1, 2, 3]], "must be an array, not list"),
    ],
    ids=str,
)
def test_what_is_no_picture_is_refused_by_everything_with_what_it_is(models, image, told):
    detector, classifier = models.detector(Settings(backend="torch")), models.classifier(ClassifySettings())
    face = Face(Box(0, 0, 9, 9), 0.9)
    report = FrameReport("door", "x", 0, 0.0, (50, 50), (face,))
    for refuse in (
        lambda: Frame("door", "x", 0, 0.0, image),
        lambda: detector.detect([image]),
        lambda: classifier.classify([(image, face)]),
        lambda: render.annotated(image, report),
    ):
        with pytest.raises(ImageError, match=told):
            refuse()
