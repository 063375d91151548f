"""The one crop, the network's file, and a verdict on a real face."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from maskwatch.classify.classifier import MaskClassifier
from maskwatch.classify.crop import crop
from maskwatch.classify.network import MaskNet, Shape, load_network, save_network
from maskwatch.core.errors import ModelError
from maskwatch.core.records import Box, Face
from maskwatch.detect.settings import Settings
from maskwatch.models.loading import Models
from maskwatch.output.demo_clip import FACE
from maskwatch.platform.package_data import shipped

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def classifier():
    network, shape, version = load_network(shipped("models/classifier.safetensors"), CPU)
    return MaskClassifier(network, shape, CPU, version)


@pytest.fixture
def fresh(tmp_path):
    """A small untrained network in a file."""
    torch.manual_seed(0)
    shape = Shape(side_px=32, margin=0.2, widths=(4, 8, 8))
    network = MaskNet(shape).eval()
    path = tmp_path / "small.safetensors"
    save_network(network, shape, path, {"seed": 0})
    return network, shape, path


def test_shipped_models_tell_a_bare_face_from_a_masked_one(classifier, bare, masked):
    """As they run: the classifier knows the boxes of the detector that it was trained with."""
    detector = Models(CPU).detector(Settings())
    ((one,), (other,)) = (detector.detect([rgb])[0] for rgb in (bare, masked))
    without, with_mask = classifier.classify([(bare, one), (masked, other)])
    assert without < 0.1
    assert with_mask > 0.9


def test_a_mask_on_the_chin_is_unprotected(classifier, bare):
    from maskwatch.output.demo_clip import with_mask

    lowered = Box(FACE.x1, FACE.y1 + 0.42 * FACE.height, FACE.x2, FACE.y2 + 0.42 * FACE.height)
    (probability,) = classifier.classify([(with_mask(bare, lowered), Face(FACE, 1.0))])
    assert probability < 0.5


def test_a_batch_gives_what_single_faces_give(classifier, bare, masked):
    faces = [(bare if n % 2 else masked, Face(Box(150 + n % 9, 80, 340, 300), 1.0)) for n in range(300)]
    batched = classifier.classify(faces)
    assert len(batched) == 300
    assert batched[7:9] == pytest.approx([classifier.classify([face])[0] for face in faces[7:9]], abs=1e-4)
    assert classifier.classify([]) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_cuda_judges_as_the_processor_does(classifier, bare, masked):
    network, shape, version = load_network(shipped("models/classifier.safetensors"), torch.device("cuda"))
    faces = [(bare, Face(FACE, 1.0)), (masked, Face(FACE, 1.0))]
    there = MaskClassifier(network, shape, torch.device("cuda"), version).classify(faces)
    assert there == pytest.approx(classifier.classify(faces), abs=0.01)


def test_crop_is_the_square_about_the_box_with_its_margin():
    rgb = np.zeros((200, 300, 3), np.uint8)
    rgb[80:120, 100:120] = (255, 0, 0)  # 20 wide, 40 high: the square is 40 high, and 0.25 more on each side
    image = crop(rgb, Box(100, 80, 120, 120), side_px=60, margin=0.25)
    red = np.argwhere(image[..., 0] > 128)
    assert image.shape == (60, 60, 3)
    assert red.min(axis=0).tolist() == [10, 20]
    assert red.max(axis=0).tolist() == [49, 39]
    assert not image[..., 1:].any()


@pytest.mark.parametrize(
    "box", [Box(-40, -40, 10, 10), Box(280, 180, 400, 260), Box(500, 500, 520, 520), Box(5, 5, 5.2, 5.2)]
)
def test_crop_beyond_the_frame_goes_on_with_its_edge(box):
    rgb = np.full((200, 300, 3), 99, np.uint8)
    assert np.unique(crop(rgb, box, side_px=32, margin=0.1)).tolist() == [99]


def test_a_saved_network_comes_back_with_its_shape_and_its_answers(fresh):
    network, shape, path = fresh
    again, its_shape, version = load_network(path, CPU)
    batch = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    assert its_shape == shape
    assert version.startswith("small@")
    assert torch.allclose(network(batch), again(batch), atol=1e-5)


def test_the_network_has_two_convolutions_and_one_output(fresh):
    network, _, _ = fresh
    assert sum(isinstance(m, torch.nn.Conv2d) for m in network.modules()) == 2
    assert network(torch.zeros(5, 3, 32, 32, dtype=torch.uint8)).shape == (5,)


def test_damaged_files_are_refused_by_name(fresh, tmp_path):
    _, _, path = fresh
    whole = path.read_bytes()
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, other, {"architecture": "something-else"})
    cut, words = tmp_path / "cut.safetensors", tmp_path / "words.safetensors"
    cut.write_bytes(whole[: len(whole) // 2])
    words.write_text("these are no weights")
    for bad in (other, cut, words, tmp_path / "missing.safetensors"):
        with pytest.raises(ModelError, match=bad.name):
            load_network(bad, CPU)
