"""Fine-tuning the detector: what a box counts as, what is mined, the stages, the choice of the point, the command."""

import json
import signal
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from typer.testing import CliRunner

from maskwatch.cli import app
from maskwatch.core.errors import DataError, ModelError
from maskwatch.core.geometry import iou
from maskwatch.core.records import Box, Face
from maskwatch.datasets.faces import SeenImage
from maskwatch.datasets.labels import FaceLabel
from maskwatch.detect import boxes
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import (
    OperatingPoint,
    Weights,
    load_detector,
    load_stock,
    load_weights,
    save_detector,
)
from maskwatch.platform.tensor_files import save_tensors
from maskwatch.training import run_folder as journal
from maskwatch.training import targets
from maskwatch.training import thresholds as operating
from maskwatch.training.checkpoint import load_checkpoint, save_checkpoint
from maskwatch.training.detector import DetectorRecipe, Run, train
from maskwatch.training.mining import Kind, mine
from maskwatch.training.thresholds import choose_point

CPU = torch.device("cpu")
TINY = DetectorRecipe(
    pnet_steps=6,
    rnet_steps=(4,),
    onet_steps=(4,),
    views=8,
    pnet_batch=2,
    rnet_batch=32,
    onet_batch=16,
    min_face_px=30,  # the smallest face in these pictures has 40
    epoch=2,
)


@pytest.fixture(scope="module")
def stock():
    return load_stock()


@pytest.fixture(scope="module")
def images(street):
    made = (street(n, side=int(40 + n % 5 * 20)) for n in range(8))
    return [SeenImage(rgb, (box,)) for rgb, box in made]


def rows(*boxes_):
    return np.array(boxes_, np.float32).reshape(-1, 4)


def test_a_square_box_about_a_narrow_face_counts_by_its_overlap_with_the_faces_square():
    narrow = rows([10, 0, 20, 20])
    overlap, which = targets.fit(rows([5, 0, 25, 20], [10, 0, 20, 20], [60, 60, 80, 80]), narrow)
    assert overlap == pytest.approx([1, 1, 0])
    assert list(which) == [0, 0, 0]
    assert targets.fit(rows([0, 0, 9, 9]), rows())[0] == pytest.approx([0])


def test_offsets_move_a_box_to_its_truth():
    candidate, truth = rows([10, 10, 33, 33]), rows([12, 8, 30, 36])
    for extra in (0, 1):
        move = torch.from_numpy(targets.offsets(candidate, truth, extra))
        assert boxes.shifted(torch.from_numpy(candidate), move, extra).numpy() == pytest.approx(truth)


def test_mined_crops_show_the_face_parts_of_it_or_none_and_the_same_seed_mines_the_same(stock, images):
    detector = Mtcnn(TorchBackend(stock, CPU), Settings(thresholds=(0.3, 0.3, 0)), "x")
    samples, again = (mine(detector, images[:3], 48, (0,), 9) for _ in range(2))
    assert samples.crops.shape[1:] == (48, 48, 3)
    assert all(len(samples.of(kind)) for kind in Kind)
    assert np.array_equal(samples.crops, again.crops)
    assert not samples.offsets[samples.of(Kind.NEGATIVE)].any()
    with torch.inference_mode():
        probability = TorchBackend(stock, CPU).onet(torch.from_numpy(samples.crops))[:, 0].sigmoid().numpy()
    face, none = (probability[samples.of(kind)].mean() for kind in (Kind.POSITIVE, Kind.NEGATIVE))
    assert face > 0.7
    assert none < 0.3


def run_in(folder, recipe=TINY, on_epoch=lambda _: None):
    folder.mkdir(exist_ok=True)
    return Run(recipe, CPU, folder, on_epoch, lambda *_: None)


def test_a_training_that_was_stopped_goes_on_and_ends_as_one_that_was_not(stock, images, tmp_path):
    told = []
    whole = train(images[:6], images[6:], stock, run_in(tmp_path / "whole", on_epoch=told.append))
    stages = [epoch.stage for epoch in told]
    assert stages == ["P-Net"] * 3 + ["R-Net 1"] * 2 + ["O-Net 1"] * 2

    def stop_at(number):
        seen = []

        def told_of(epoch):
            seen.append(epoch)
            if len(seen) == number:
                raise KeyboardInterrupt

        return told_of

    for number in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            train(images[:6], images[6:], stock, run_in(tmp_path / "parts", on_epoch=stop_at(number)))
    rest = []
    parts = train(images[:6], images[6:], stock, run_in(tmp_path / "parts", on_epoch=rest.append))
    assert len(rest) < len(told)
    for name in ("pnet", "rnet", "onet"):
        ours, theirs = getattr(whole, name).state_dict(), getattr(parts, name).state_dict()
        assert all(torch.allclose(ours[key], theirs[key], atol=1e-4) for key in ours), name
        assert not torch.equal(ours["conv1.weight"], getattr(stock, name).conv1.weight), name


def test_training_changes_neither_what_it_started_from_nor_its_landmarks_much(stock, images, tmp_path):
    before = {key: value.clone() for key, value in stock.onet.state_dict().items()}
    tuned = train(images[:6], images[6:], stock, run_in(tmp_path / "t"))
    assert all(torch.equal(before[key], value) for key, value in stock.onet.state_dict().items())
    moved = (tuned.onet.dense6_3.weight - stock.onet.dense6_3.weight).abs().max()
    assert 0 < moved < 0.05


def test_the_networks_end_as_a_mean_with_those_they_began_from_and_the_first_onet_is_kept(
    stock, images, tmp_path
):
    def trained(*kept):
        return train(images[:6], images[6:], stock, run_in(tmp_path / "t", replace(TINY, kept=kept)))

    alone, mean = trained(0, 0, 0), trained(0.5, 0.25, 0)  # the second from the first one's checkpoints
    for name, share in (("pnet", 0.5), ("rnet", 0.25), ("onet", 0)):
        own, before, now = (getattr(each, name).conv1.weight for each in (alone, stock, mean))
        assert not torch.equal(own, before)
        assert torch.allclose(now, share * before + (1 - share) * own, atol=1e-6), name
    assert mean.old_onet is stock.onet
    again = train(images[:6], images[6:], mean, run_in(tmp_path / "again"))
    assert again.old_onet is stock.onet  # that of before any training


def test_training_needs_faces_in_both_parts(stock, images, tmp_path):
    empty = [SeenImage(images[0].rgb, ())]
    for parts, name in (((empty, images), "training"), ((images, empty), "validation")):
        with pytest.raises(DataError, match=f"no picture of the {name} part"):
            train(*parts, stock, run_in(tmp_path / "t"))


def test_a_checkpoint_of_another_training_is_refused_by_name(stock, tmp_path):
    path = tmp_path / "x.safetensors"
    assert load_checkpoint(path, stock.pnet) is None
    save_checkpoint(path, stock.pnet, None, {"step": 3})
    assert load_checkpoint(path, load_stock().pnet) == {"step": 3}
    with pytest.raises(ModelError, match=r"x\.safetensors"):
        load_checkpoint(path, load_stock().rnet)


def test_a_folder_of_another_training_is_refused(tmp_path):
    assert journal.claim(tmp_path / "t", {"seed": 1}) is False
    assert journal.claim(tmp_path / "t", {"seed": 1}) is True
    (tmp_path / "t/p-net.safetensors").touch()
    with pytest.raises(DataError, match="other data or settings"):
        journal.claim(tmp_path / "t", {"seed": 2})


def test_the_point_is_chosen_for_the_wanted_precision(stock, images):
    """Half of the faces are labelled elsewhere, so the detector's own faces count as false alarms there."""
    elsewhere = [SeenImage(p.rgb, (Box(0, 0, 20, 20),)) for p in images[:4]]
    strict = choose_point(stock, images, precision=0.9, min_face_px=30, device=CPU)
    assert strict.recall > 0.8
    assert strict.precision >= 0.9
    mixed = choose_point(stock, images[4:] + elsewhere, precision=0.3, min_face_px=30, device=CPU)
    assert mixed.precision >= 0.3
    assert mixed.recall < 0.6


def test_every_data_set_and_label_weighs_the_same_when_the_point_is_chosen():
    """A crowd of masked faces that are found does not outweigh the one bare face that is not."""
    picture, faces = np.zeros((100, 400, 3), np.uint8), [Box(x, 0, x + 20, 20) for x in range(0, 360, 40)]
    bare, masked = FaceLabel.UNPROTECTED, FaceLabel.PROTECTED
    crowd = SeenImage(picture, tuple(faces), (), (bare, *(masked,) * 8), "crowd")
    lone = SeenImage(picture, (faces[0],), (), (bare,), "lone")
    found = [
        [Face(box, 0.99 - place / 100) for place, box in enumerate(faces[1:])],
        [Face(faces[0], 0.8), Face(faces[5], 0.7)],
    ]
    points = operating._curve(found, [crowd, lone])
    assert points.recall[7] == pytest.approx(1 / 3)  # all masked ones, of three groups
    assert points.recall[8] == pytest.approx(2 / 3)
    assert points.precision[-1] == pytest.approx((8 / 9 + 1) / (8 / 9 + 2))  # each set's faces weigh 1 in all


def test_of_a_large_data_set_some_pictures_are_enough_to_choose_the_point_on():
    picture = np.zeros((9, 9, 3), np.uint8)
    images = [SeenImage(picture, (), (), (), "large") for _ in range(400)]
    images += [SeenImage(picture, (), (), (), "small") for _ in range(3)]
    chosen = operating._some_of_each(images)
    assert [sum(each.source == name for each in chosen) for name in ("large", "small")] == [150, 3]
    assert len({id(each) for each in chosen}) == 153


def test_the_point_is_chosen_by_what_lies_in_the_picture(stock, monkeypatch):
    class Overshooting:
        def __init__(self, *_):
            pass

        def detect(self, frames):
            return [(Face(Box(20, 60, 60, 160), 0.9),) for _ in frames]

    monkeypatch.setattr(operating, "Mtcnn", Overshooting)
    cut_off = SeenImage(np.zeros((100, 200, 3), np.uint8), (Box(20, 62, 60, 100),))
    assert choose_point(stock, [cut_off], precision=0.9, min_face_px=30, device=CPU).recall == 1


def test_a_detector_file_keeps_the_networks_and_the_point(stock, tmp_path):
    path = tmp_path / "mine.safetensors"
    point = OperatingPoint((0.4, 0.3, 0.55), (0.5, 0.5, 1), mirrored=True)
    digest = save_detector(Weights(stock.pnet, stock.rnet, stock.onet, "x", point), path, {"data": "street"})
    loaded = load_weights(str(path))
    assert loaded.version == f"mine@{digest[:12]}"
    assert loaded.point == point
    assert torch.equal(loaded.onet.dense6_3.weight, stock.onet.dense6_3.weight)
    assert Mtcnn(TorchBackend(loaded, CPU), Settings(), "x", loaded.point).thresholds == point.thresholds


def test_a_detector_file_keeps_the_onet_of_before_the_training(stock, tmp_path):
    path, old = tmp_path / "mine.safetensors", deepcopy(stock.onet)
    torch.nn.init.constant_(old.conv1.bias, 0.25)
    save_detector(replace(stock, old_onet=old), path, {})
    loaded = load_detector(path).old_onet
    assert loaded is not None
    assert torch.equal(loaded.conv1.bias, torch.full((32,), 0.25))
    save_detector(stock, path, {})
    assert load_detector(path).old_onet is None


def test_a_file_of_an_earlier_release_has_a_fourth_network_and_says_nothing_of_mirrored_crops(
    stock, tmp_path
):
    path = tmp_path / "earlier.safetensors"
    save_detector(Weights(stock.pnet, stock.rnet, stock.onet, "x"), path, {})
    with safe_open(path, "pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    metadata["point"] = json.dumps({"thresholds": [0.4, 0.3, 0.55], "powers": [0.5, 0.5, 1]})
    save_tensors(path, tensors | {"scout.conv1.bias": torch.zeros(8)}, metadata)
    assert load_detector(path).point == OperatingPoint((0.4, 0.3, 0.55), (0.5, 0.5, 1), mirrored=False)
    assert torch.equal(load_detector(path).onet.conv1.weight, stock.onet.conv1.weight)


def test_a_scout_is_no_longer_trained_and_nothing_is_written(tmp_path):
    command = [
        "train",
        "scout",
        "--data",
        str(tmp_path),
        "-o",
        str(tmp_path / "s.safetensors"),
        "--keep",
        "0.9",
    ]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert "nothing to train" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_detector_is_refused_by_name(tmp_path):
    path = tmp_path / "mine.safetensors"
    with pytest.raises(ModelError, match=r"mine\.safetensors: cannot be read"):
        load_weights(str(path))
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"mine\.safetensors: is damaged or is no detector"):
        load_weights(str(path))


def test_a_score_is_the_product_of_the_stages_probabilities_to_their_powers(stock, images):
    backend, loose = TorchBackend(stock, CPU), Settings(thresholds=(0.6, 0.7, 0.0))
    plain, product = (
        max(
            Mtcnn(backend, loose, "x", OperatingPoint(powers=powers)).detect([images[1].rgb])[0],
            key=lambda f: f.score,
        )
        for powers in ((0, 0, 1), (0.5, 0.5, 1))
    )
    assert iou(plain.box, product.box) > 0.5
    assert plain.score * 0.6**0.5 * 0.7**0.5 < product.score < plain.score


@pytest.fixture
def coco(street, tmp_path):
    """A small data set with faults: 24 streets, a missing picture, a broken one, an unknown class."""
    folder = tmp_path / "streets"
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(24):
        rgb, box = street(100 + number, side=int(50 + number % 4 * 20))
        cv2.imwrite(str(folder / f"images/{number}.png"), rgb[..., ::-1])
        images.append({"id": number, "file_name": f"{number}.png", "width": 320, "height": 320})
        annotations.append(
            {"image_id": number, "category_id": number % 2, "bbox": [box.x1, box.y1, box.width, box.height]}
        )
    (folder / "images/broken.png").write_bytes(b"no picture")
    images += [
        {"id": 90, "file_name": "broken.png", "width": 320, "height": 320},
        {"id": 91, "file_name": "missing.png", "width": 320, "height": 320},
    ]
    annotations.append({"image_id": 0, "category_id": 2, "bbox": [1, 1, 30, 30]})
    names = ["with_mask", "without_mask", "helmet"]
    categories = [{"id": place, "name": name} for place, name in enumerate(names)]
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    (folder / "annotations.json").write_text(text)
    return folder


def test_the_command_tells_what_is_broken_uses_the_rest_and_writes_weights_and_card(
    coco, tmp_path, maskwatch
):
    output = tmp_path / "out" / "mine.safetensors"
    command = ("train", "detector", "--data", coco, "-o", output, "--effort", 0.002, "--min-face", 45)
    done = maskwatch(*command)
    assert done.returncode == 0, done.stderr
    for line in ("broken.png: is not a picture", "missing.png: is missing", "class 'helmet' is unknown"):
        assert line in done.stderr
    weights = load_weights(str(output))
    assert weights.point.thresholds != OperatingPoint().thresholds  # chosen anew
    assert weights.point.mirrored
    card = output.with_suffix(".md").read_text()
    assert "| `streets` | `stock@" in card
    assert "| `streets` | these |" in card
    assert "once more about each box that it gave, mirrored" in card
    assert "O-Net as it was before the training" in card
    assert "- kept: (0.3, 0.3, 0.0)" in card
    assert list(output.with_suffix(".training").glob("events.out.tfevents*"))
    other = maskwatch(*command, "--seed", 1)
    assert other.returncode == 1
    assert "mine.training: holds a training of other data or settings" in other.stderr


FROM_PYTHON = """
import sys
from pathlib import Path

import torch

from maskwatch.models.loading import Models
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.measure import measure_detectors
from maskwatch.training import Callbacks, train_classifier, train_detector
from maskwatch.training.classifier import ClassifierRecipe
from maskwatch.training.detector import DetectorRecipe
from maskwatch.training.fine_tune import TuningTarget

data, folder = Path(sys.argv[1]), Path(sys.argv[2])
said, problems, epochs = [], [], []
callbacks = Callbacks(said.append, problems.extend, epoch=epochs.append)
trained = train_detector(
    data=[data], output=folder / "detector.safetensors", target=TuningTarget(min_face_px=45),
    recipe=DetectorRecipe(pnet_batch=2, rnet_batch=32, onet_batch=16).scaled(0.002), callbacks=callbacks,
)
assert trained.output.exists() and trained.output.with_suffix(".md").exists()
assert list(trained.tested) == ["streets"]
assert {each.stage for each in epochs} >= {"P-Net", "R-Net 1", "O-Net 2"}
assert any("broken.png" in problem for problem in problems)
assert any(line.startswith("thresholds ") for line in said)
judge = train_classifier([data], folder / "classifier.safetensors", recipe=ClassifierRecipe(epochs=1, batch=4))
assert judge.output.exists() and judge.tested["streets"].total > 0
report = measure_detectors([data], [Settings(weights="stock")], Models(torch.device("cpu")))
assert report.facts["data"] == str(data)
loaded = {"typer", "rich"} & set(sys.modules)
assert not loaded, loaded
"""


def test_training_and_measuring_are_called_from_python_without_the_command_line(coco, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FROM_PYTHON, coco, tmp_path], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_the_command_stopped_by_ctrl_c_goes_on_where_it_was(coco, tmp_path):
    output = tmp_path / "mine.safetensors"
    command = [sys.executable, "-m", "maskwatch", "train", "detector", "--data", coco, "-o", output]
    command = [str(each) for each in (*command, "--effort", 0.02, "--min-face", 30)]
    training = tmp_path / "mine.training"
    # whoever runs the tests in the background may have them ignore SIGINT, and children inherit that
    listening = ["env", "--default-signal=INT", *command]
    first = subprocess.Popen(listening, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 200
    while not list(training.glob("p-net*.safetensors")) and time.monotonic() < until:
        assert first.poll() is None, first.communicate()
        time.sleep(0.2)
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "Traceback" not in errors
    second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = second.stdout.readline()
    second.kill()
    second.communicate()
    assert "goes on where it was" in said
