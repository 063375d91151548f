"""The scout's training: what is a positive, that it learns where faces are, and the command."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from maskwatch.core.errors import DataError
from maskwatch.datasets.faces import SeenImage, gather_images
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.records import Split
from maskwatch.detect import scout as scouts
from maskwatch.detect.networks import normalise
from maskwatch.detect.weights import ARCHITECTURE, load_detector, load_stock, save_detector
from maskwatch.platform.tensor_files import opened
from maskwatch.training import scout as train_scout
from maskwatch.training.augmentation import level_view
from maskwatch.training.scout import ScoutRecipe, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images(street):
    made = (street(n, side=int(40 + n % 5 * 20)) for n in range(20))
    return [SeenImage(rgb, (box,)) for rgb, box in made]


def test_a_cell_is_near_a_face_when_its_window_overlaps_it():
    near = train_scout._nearness(np.array([[40.5, 60.5, 52.5, 72.5]], np.float32))
    assert near[30, 20] == pytest.approx(1.0)
    assert near[30, 21] == pytest.approx(10 / 14)
    assert near[0, 0] == 0
    assert (
        train_scout._nearness(np.array([[10, 10, 90, 90]], np.float32)).max() == 0
    )  # too large for the window


def test_a_training_picture_shows_a_face_at_the_size_that_the_window_sees(images):
    shown = 0
    for number in range(40):
        rgb, faces, _ = level_view(images[0], 190, (11, 19), np.random.default_rng(number))
        assert rgb.shape == (190, 190, 3)
        assert rgb.dtype == np.uint8
        sides = np.maximum(faces[:, 2] - faces[:, 0], faces[:, 3] - faces[:, 1])
        shown += bool(((sides > 10) & (sides < 20)).any())
    assert shown >= 20


def test_training_learns_to_look_where_faces_are_and_the_same_seed_gives_the_same_scout(images, street):
    weights, recipe, told = load_stock(), ScoutRecipe(steps=500, seed=3, keep=0.9), []
    scout, figures = train(images[:15], images[15:], weights, recipe, told.append, device=CPU)
    assert figures.kept >= 0.85
    assert figures.passed < 0.3
    assert told[-1].step == 500
    rgb, box = street(99, side=64)
    small = cv2.resize(rgb, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)  # the face is 16 px now
    with torch.inference_mode():
        logits = scout(normalise(torch.from_numpy(small)[None].permute(0, 3, 1, 2)))[0]
    down, across = np.unravel_index(int(logits.argmax()), logits.shape)
    x, y = (v / 4 for v in box.centre)
    assert abs(across * scouts.STRIDE + scouts.VIEW_PX / 2 - x) < 9
    assert abs(down * scouts.STRIDE + scouts.VIEW_PX / 2 - y) < 9


def test_the_same_seed_gives_the_same_scout(images):
    weights, recipe = load_stock(), ScoutRecipe(steps=6, seed=3)
    first, again = (
        train(images[:9], images[9:], weights, recipe, lambda _: None, device=CPU)[0] for _ in range(2)
    )
    for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_pictures_without_a_face_are_refused():
    empty = [SeenImage(np.zeros((50, 50, 3), np.uint8), ())]
    with pytest.raises(DataError, match="training part"):
        train(empty, empty, load_stock(), ScoutRecipe(steps=1), lambda _: None, device=CPU)


def test_nothing_of_the_test_part_is_kept(tmp_path):

    class Whole:
        version = "x"

        def detect(self, frames):
            return [() for _ in frames]

    for name, label in (
        ("train", "protected"),
        ("train", "unprotected"),
        ("test", "protected"),
        ("test", "unprotected"),
    ):
        folder = tmp_path / name / label
        folder.mkdir(parents=True)
        for n in range(8):
            random = np.random.default_rng([len(name), len(label), n])
            cv2.imwrite(str(folder / f"{n}.png"), random.integers(0, 255, (40, 40, 3)).astype(np.uint8))
    parts, notes = gather_images(read(tmp_path).images, Whole(), list)
    assert notes == []
    assert set(parts) == {Split.TRAIN, Split.VALIDATION}
    assert len(parts[Split.TRAIN]) + len(parts[Split.VALIDATION]) == 16


def test_train_scout_command_writes_weights_and_card(tmp_path, bare, masked, maskwatch):
    for n in range(24):
        for name, person in (("protected", masked), ("unprotected", bare)):
            folder = tmp_path / "data" / name
            folder.mkdir(parents=True, exist_ok=True)
            random = np.random.default_rng(n)
            image = cv2.resize(person, (200, 230))[:, :, ::-1].astype(float) * random.uniform(0.7, 1.1)
            image += cv2.resize(random.uniform(-40, 40, (5, 5, 3)), (200, 230))
            cv2.imwrite(str(folder / f"{n}.png"), np.clip(image, 0, 255))
    weights = tmp_path / "mine.safetensors"
    done = maskwatch("train", "scout", "--data", tmp_path / "data", "-o", weights, "--steps", 20)
    assert done.returncode == 0, done.stderr
    assert scouts.load_scout(weights, made_for=load_stock().version) is not None
    card = (tmp_path / "mine.md").read_text()
    assert "steps: 20" in card
    assert load_stock().version in card
    plain, whole = tmp_path / "plain.safetensors", tmp_path / "whole.safetensors"
    save_detector(replace(load_stock(), scout=None), plain, {"start": "of this"})
    options = ("--detector", plain, "--steps", 20, "--keep", 0.9)
    done = maskwatch("train", "scout", "--data", tmp_path / "data", "-o", whole, *options)
    assert done.returncode == 0, done.stderr
    assert load_detector(whole).scout is not None
    with opened(whole, ARCHITECTURE, "detector") as file:
        about = json.loads(file.metadata["about"])
    assert about["start"] == "of this"
    assert about["scout"]["recipe"]["keep"] == 0.9
