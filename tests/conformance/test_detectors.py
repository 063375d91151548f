"""Every kind of detector that comes with maskwatch does what a detector must."""

import numpy as np
import pytest
import torch
from yunet import red_finder

from maskwatch.conformance.models import DetectorContract
from maskwatch.core.errors import ModelError
from maskwatch.core.records import Box
from maskwatch.detect.kinds import mtcnn, yunet
from maskwatch.detect.registry import DETECTORS
from maskwatch.models.loading import Models
from maskwatch.output import demo_clip


class TestMtcnn(DetectorContract):
    def settings(self):
        return mtcnn.Settings(backend="torch")

    def make(self):
        return Models(torch.device("cpu")).detector(self.settings())

    def sample(self):
        return demo_clip.portrait(), demo_clip.FACE


class TestYunet(DetectorContract):
    @pytest.fixture(autouse=True)
    def network(self, tmp_path):
        self.path = tmp_path / "red.onnx"
        self.path.write_bytes(red_finder())

    def settings(self, **changed):
        return yunet.Settings(weights=str(self.path), **changed)

    def make(self, **changed):
        return Models(torch.device("cpu")).detector(self.settings(**changed))

    def sample(self):
        rgb = np.zeros((200, 310, 3), np.uint8)
        rgb[96:128, 128:160, 0] = 255
        return rgb, Box(112, 80, 176, 144)

    def test_boxes_are_in_pixels_of_the_frame_however_it_was_enlarged(self):
        rgb, red = self.sample()
        (faces,) = self.make(enlarge=2).detect(
            [rgb]
        )  # where red fills four windows, two of which overlap too much
        assert [(face.box.width, face.box.height) for face in faces] == [(32, 32), (32, 32)]
        assert all(face.box.within(310, 200) == face.box for face in faces)
        assert all(
            abs(a - b) == 8 for face in faces for a, b in zip(face.box.centre, red.centre, strict=True)
        )

    def test_the_score_decides(self):
        rgb, _ = self.sample()
        dim = rgb // 255 * 150  # a score of 0.75
        assert self.make(score=0.8).detect([dim]) == [()]
        assert len(self.make(score=0.7).detect([dim])[0]) == 1

    def test_red_is_not_taken_for_blue(self):
        rgb, _ = self.sample()
        assert self.make().detect([rgb[..., ::-1].copy()]) == [()]

    def test_a_file_that_is_none_is_named(self, tmp_path):
        with pytest.raises(ModelError, match=r"no\.onnx: cannot be read"):
            Models(torch.device("cpu")).detector(yunet.Settings(weights=str(tmp_path / "no.onnx")))
        self.path.write_bytes(b"no network")
        with pytest.raises(ModelError, match=r"red\.onnx: is no YuNet"):
            self.make()


def test_every_kind_is_held_to_the_contract():
    tested = {kind.__name__.removeprefix("Test").lower() for kind in DetectorContract.__subclasses__()}
    assert tested >= {name for name, _ in DETECTORS.own()}
