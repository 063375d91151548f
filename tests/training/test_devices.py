"""Training, choosing, evaluating and learning run on the device given: nothing of the card meets the processor's."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from harness.card import CARD, DevicesMeet, OnCard, pretended_card
from typer.testing import CliRunner

from maskwatch.classify.network import Shape, load_network
from maskwatch.cli import app
from maskwatch.core.records import Box
from maskwatch.datasets.faces import LabelledFace, SeenImage
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.detect.weights import load_detector, load_stock
from maskwatch.learning.collect import LearningData, SampleImage
from maskwatch.learning.tune import Callbacks, Tuning, tune
from maskwatch.models.registry import CLASSIFIER, DETECTOR, shipped_files
from maskwatch.platform import threads
from maskwatch.platform.threads import in_threads
from maskwatch.training import classifier as train_classifier
from maskwatch.training import detector as train_detector
from maskwatch.training import thresholds
from maskwatch.training.batches import MinedBatches, PyramidBatches
from maskwatch.training.fine_tune import TuningTarget, fine_tune
from maskwatch.training.mining import MinedCrops

CPU = torch.device("cpu")
TINY = train_detector.DetectorRecipe(
    pnet_steps=4,
    rnet_steps=(3,),
    onet_steps=(3,),
    views=8,
    pnet_batch=2,
    rnet_batch=32,
    onet_batch=16,
    min_face_px=30,  # the smallest face in these pictures has 40
    epoch=2,
)


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    """What a recipe does not say: few views to mine from, and 7 operating points to compare in place of 22."""
    monkeypatch.setattr(train_detector, "MIN_VIEWS", TINY.views)
    monkeypatch.setattr(thresholds, "POWERS", thresholds.POWERS[:1])
    monkeypatch.setattr(thresholds, "TO_RNET", thresholds.TO_RNET[:2])
    monkeypatch.setattr(thresholds, "TO_ONET", thresholds.TO_ONET[:3])


@pytest.fixture
def card(monkeypatch):
    with pretended_card(monkeypatch) as card:
        yield card


@pytest.fixture(scope="module")
def seen(street):
    made = (street(n, side=int(40 + n % 5 * 20)) for n in range(8))
    return [SeenImage(rgb, (box,)) for rgb, box in made]


@pytest.fixture(scope="module")
def faces(bare, masked):
    def face(number, part):
        rgb = cv2.resize(masked if number % 2 else bare, (90, 100))
        light = np.random.default_rng(number).integers(-30, 30)
        patch = np.clip(rgb.astype(int) + light, 0, 255).astype(np.uint8)
        label = FaceLabel.PROTECTED if number % 2 else FaceLabel.UNPROTECTED
        return LabelledFace(patch, Box(20, 20, 70, 80), label, part, str(number))

    return [face(number, Split.VALIDATION if number >= 24 else Split.TRAIN) for number in range(32)]


def equal(one, other, atol=1e-5):
    ours, theirs = one.state_dict(), other.state_dict()
    assert {tensor.device for tensor in ours.values()} == {CPU}
    return all(torch.allclose(ours[key], theirs[key], atol=atol) for key in theirs)


# the guard itself


@pytest.mark.parametrize(
    "mix",
    [
        lambda on, off: on + off,
        lambda on, off: torch.cat([on, off]),
        lambda on, off: torch.where(off > 0, on, on),
        lambda on, off: off[on > 0],
        torch.nn.functional.linear,
        lambda on, off: on.add_(off),
        lambda on, off: torch.stack([on, off]),
    ],
)
def test_what_a_card_refuses_is_refused(card, mix):
    on, off = torch.ones(3, 3, device=CARD), torch.ones(3, 3)
    with pytest.raises(DevicesMeet, match="cuda:0 and of cpu"):
        mix(on, off)
    with pytest.raises(TypeError, match="can't convert"):
        on.numpy()
    with pytest.raises(TypeError, match="can't convert"):
        np.quantile(on, 0.5)


def test_what_a_card_takes_is_computed(card):
    on = torch.arange(6.0).reshape(2, 3).to("cuda")
    assert isinstance(on, OnCard)
    on[:, 1:] += 1
    on[torch.tensor([1])] = on[1] * 2  # places may be the processor's
    on.copy_(on.cpu() + torch.tensor(1.0))
    assert on.tolist() == [[1, 3, 4], [7, 11, 13]]
    assert (on * torch.tensor(2.0)).sum().item() == 78  # a number has no place
    layer = torch.nn.Linear(3, 1).to(CARD)
    layer(on).sum().backward()
    assert layer.weight.grad.device == CARD
    assert layer.weight.grad.cpu().tolist() == [[8, 14, 17]]
    assert layer.cpu().weight.device == CPU
    assert card.operations > 10


# trainings


def test_a_detector_is_fine_tuned_on_the_card_as_on_the_processor(seen, tmp_path, monkeypatch):
    parts = {Split.TRAIN: seen[:5], Split.VALIDATION: seen[5:7]}
    monkeypatch.setattr(train_detector, "_has_bfloat16", lambda _: False)

    def tuned(device):
        folder = tmp_path / device.type
        folder.mkdir()
        run = train_detector.Run(TINY, device, folder, lambda _: None, lambda *_: None)
        return fine_tune(parts, load_stock(), TuningTarget(0.9, 30), run)

    with pretended_card(monkeypatch) as card:
        on_card = tuned(CARD)
        again = train_detector.train(  # from its checkpoints
            parts[Split.TRAIN],
            parts[Split.VALIDATION],
            load_stock(),
            train_detector.Run(TINY, CARD, tmp_path / "cuda", lambda _: None, lambda *_: None),
        )
    assert card.operations > 5000
    on_host = tuned(CPU)
    for name in ("pnet", "rnet", "onet"):
        network = getattr(on_card.weights, name)
        assert {tensor.device for tensor in network.state_dict().values()} == {CPU}
        assert equal(getattr(again, name), network)
    assert equal(on_card.weights.pnet, on_host.weights.pnet, atol=1e-4)


def test_a_stopped_stage_goes_on_on_the_card(seen, tmp_path, card):
    def stop(_):
        raise KeyboardInterrupt

    tmp = tmp_path / "t"
    tmp.mkdir()
    for tell in (stop, stop):
        run = train_detector.Run(TINY, CARD, tmp, tell, lambda *_: None)
        try:
            train_detector.train(seen[:5], seen[5:], load_stock(), run)
        except KeyboardInterrupt:
            continue
    run = train_detector.Run(TINY, CARD, tmp, lambda _: None, lambda *_: None)
    train_detector.train(seen[:5], seen[5:], load_stock(), run)


def test_a_classifier_is_trained_on_the_card_as_on_the_processor_and_goes_on_there(
    faces, tmp_path, monkeypatch
):
    shape = Shape()

    def trained(device, epochs, path=None, start=None):
        recipe = train_classifier.ClassifierRecipe(epochs=epochs, batch=8)
        return train_classifier.train(
            faces, shape, recipe, device, lambda _: None, start=start, checkpoint=path
        )

    on_host = trained(CPU, 2)
    with pretended_card(monkeypatch) as card:
        on_card = trained(CARD, 2, tmp_path / "c.safetensors")
        trained(CARD, 3, tmp_path / "c.safetensors")
        trained(CARD, 1, start=on_card)
        assert all(isinstance(tensor, OnCard) for tensor in on_card.state_dict().values())
        on_card.cpu()
    assert card.operations > 500
    assert equal(on_card, on_host, atol=1e-3)


def test_the_loop_tunes_both_models_on_the_card(street, bare, masked, tmp_path, card):
    def images(count, first, part):
        made = []
        for number in range(first, first + count):
            rgb, box = street(number, side=80)
            if number % 2:
                x1, y1, x2, y2 = (int(v) for v in box)
                rgb[y1:y2, x1:x2] = cv2.resize(masked[150:420, 150:360], (x2 - x1, y2 - y1))
            path = tmp_path / f"{number}.png"
            cv2.imwrite(str(path), rgb[..., ::-1])
            label = FaceLabel.PROTECTED if number % 2 else FaceLabel.UNPROTECTED
            made.append(SampleImage("door", LabelledImage(path, path.name, (GroundTruth(label, box),), part)))
        return made

    cameras = {
        Split.TRAIN: images(8, 0, Split.TRAIN),
        Split.VALIDATION: images(8, 20, Split.VALIDATION),
        Split.TEST: [],
    }
    material = LearningData(cameras, {part: [] for part in Split})
    tuning = Tuning(TINY, train_classifier.ClassifierRecipe(epochs=1, batch=4), 30, CARD)
    callbacks = Callbacks(lambda _: None, lambda _: lambda items: items, lambda *_: None)
    files = tune(material, shipped_files(), tmp_path, tuning, callbacks)
    assert files[DETECTOR].parent == files[CLASSIFIER].parent == tmp_path
    assert load_detector(files[DETECTOR]).pnet.conv1.weight.device == CPU
    load_network(files[CLASSIFIER], CARD)
    assert card.operations > 5000


# the commands


@pytest.fixture(scope="module")
def coco(street, masked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("streets")
    (folder / "images").mkdir()
    images, annotations = [], []
    for number in range(16):
        rgb, box = street(100 + number, side=int(60 + number % 4 * 20))
        if number % 2:
            x1, y1, x2, y2 = (int(v) for v in box)
            rgb[y1:y2, x1:x2] = cv2.resize(masked[150:420, 150:360], (x2 - x1, y2 - y1))
        cv2.imwrite(str(folder / f"images/{number}.png"), rgb[..., ::-1])
        part = ("train", "train", "val", "test")[number // 2 % 4]
        images.append({"id": number, "file_name": f"{number}.png", "part": part})
        annotations.append(
            {"image_id": number, "category_id": number % 2, "bbox": [box.x1, box.y1, box.width, box.height]}
        )
    categories = [{"id": 0, "name": "without_mask"}, {"id": 1, "name": "with_mask"}]
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    (folder / "annotations.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train detector", ("--effort", 0.001, "--min-face", 30, "--device", "cuda")),
        ("train classifier", ("--epochs", 1, "--device", "cuda")),
        ("evaluate detector", ("--min-face", 30, "--device", "cuda")),
        ("evaluate classifier", ("--min-face", 30, "--device", "auto")),
        ("evaluate system", ("--min-face", 30)),
    ],
)
def test_every_command_runs_on_the_card(coco, tmp_path, card, monkeypatch, command, options):
    monkeypatch.setattr(train_detector.DetectorRecipe, "scaled", lambda *_: TINY)
    output = ("-o", tmp_path / "out.safetensors") if command.startswith("train") else ()
    arguments = [*command.split(), "--data", coco, *output, *options]
    done = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    assert card.operations > 300


def test_a_device_that_there_is_none_of_is_told(maskwatch, coco, tmp_path):
    for command in ("train detector", "train classifier", "evaluate system"):
        done = maskwatch(*command.split(), "--data", coco, "--device", "gpu", cwd=tmp_path)
        assert done.returncode == 2
        assert "device: must be auto, cpu, cuda, or cards like cuda:0,cuda:1, got gpu" in done.stderr
    assert list(tmp_path.iterdir()) == []


# threads


def test_as_many_threads_make_pictures_as_there_are_cores(monkeypatch):
    made = []

    class Noted(ThreadPoolExecutor):
        def __init__(self, workers, **options):
            made.append(workers)
            super().__init__(workers, **options)

    monkeypatch.setattr(threads, "ThreadPoolExecutor", Noted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    assert list(in_threads(str, range(3))) == ["0", "1", "2"]
    assert made == [7]


def test_results_come_in_order_few_ahead_and_an_error_where_it_belongs():
    begun = []

    def make(number):
        begun.append(number)
        if number == 30:
            raise ValueError(number)
        return number

    results = in_threads(make, range(1000), ahead=5, workers=2)
    assert [next(results) for _ in range(30)] == list(range(30))
    with pytest.raises(ValueError, match="30"):
        next(results)
    assert len(begun) < 40


@pytest.mark.parametrize("count", [1, 2, 5])
def test_batches_are_the_same_however_many_threads_make_them(seen, faces, count):
    def batches(workers=None):
        random = np.random.default_rng(0)
        crops = random.integers(0, 255, (60, 24, 24, 3)).astype(np.uint8)
        kinds = np.arange(60) % 3
        samples = MinedCrops(crops, kinds, random.normal(0, 1, (60, 4)).astype(np.float32), np.arange(60) % 2)
        made = [*PyramidBatches(seen, 2, 0, workers).batches(0, 4)]
        made += MinedBatches(samples, 16, (0,), workers).batches(0, 4)
        whole = [tensor for batch in made for tensor in (batch.rgb, batch.kinds, batch.offsets)]
        recipe = train_classifier.ClassifierRecipe(batch=8)
        augmented = train_classifier.augmented_batches(faces, Shape(), recipe, 1, workers)
        return whole + [tensor for batch in augmented for tensor in batch]

    expected = batches()
    found = batches(count)
    assert len(found) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
