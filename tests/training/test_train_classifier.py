"""Data sets, the split, training on pictures made here, and counting."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from maskwatch.classify.classifier import MaskClassifier
from maskwatch.classify.network import MaskNet, Shape, load_network, save_network
from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Face
from maskwatch.datasets import records as dataset
from maskwatch.datasets.faces import LabelledFace, gather
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.evaluation.classification import Confusion, evaluate
from maskwatch.training import classifier as train_classifier
from maskwatch.training.classifier import ClassifierRecipe, augmented_batches, train
from maskwatch.training.jobs import classifier as job

CPU = torch.device("cpu")
SHAPE = Shape(side_px=32, margin=0.1, widths=(8, 8, 16))


class WholeImage:
    """A detector that takes every picture for one face, unless it is dark."""

    version = "whole"

    def detect(self, frames):
        return [(Face(Box(0, 0, f.shape[1], f.shape[0]), 0.99),) if f.mean() > 10 else () for f in frames]


def noisy(seed, colour, side=48):
    """A picture like no other; masked ones are bluish below."""
    rgb = np.random.default_rng(seed).integers(60, 200, (6, 6, 3)).astype(np.uint8)
    rgb = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    rgb[side // 2 :] = rgb[side // 2 :] // 4 + np.array(colour, np.uint8)
    return rgb


def write(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])


@pytest.fixture
def classes(tmp_path):
    for n in range(60):
        write(tmp_path / f"protected/{n}.png", noisy(n, (40, 120, 190)))
        write(tmp_path / f"unprotected/{n}.png", noisy(1000 + n, (190, 120, 90)))
    return tmp_path


def test_class_folders_split_by_name_the_same_every_time(classes):
    first, notes = gather(read(classes).images, WholeImage(), list)
    again, _ = gather(list(reversed(read(classes).images)), WholeImage(), list)
    parts = {face.key: face.split for face in first}
    assert notes == []
    assert len(first) == 120
    assert parts == {face.key: face.split for face in again}
    assert 8 <= sum(part is Split.TEST for part in parts.values()) <= 40
    assert {"protected/0.png": True, "unprotected/0.png": False}.items() <= {
        f.key: f.protected for f in first
    }.items()


def test_near_duplicates_fall_on_one_side(tmp_path):
    for n in range(40):
        rgb = noisy(n, (40, 120, 190))
        write(tmp_path / f"protected/{n}.png", rgb)
        cv2.imwrite(str(tmp_path / f"protected/copy_of_{n}.jpg"), cv2.resize(rgb, (64, 64))[..., ::-1])
        write(tmp_path / f"unprotected/{n}.png", noisy(1000 + n, (190, 120, 90)))
    faces, _ = gather(read(tmp_path).images, WholeImage(), list)
    parts = {face.key: face.split for face in faces}
    assert all(parts[f"protected/{n}.png"] is parts[f"protected/copy_of_{n}.jpg"] for n in range(40))
    assert len(set(parts.values())) == 3


def test_train_and_test_folders_are_kept_but_a_repeat_of_a_test_picture_is_not_trained_on(tmp_path):
    for n in range(30):
        write(tmp_path / f"train/protected/{n}.png", noisy(n, (40, 120, 190)))
        write(tmp_path / f"train/unprotected/{n}.png", noisy(1000 + n, (190, 120, 90)))
    write(tmp_path / "test/protected/a.png", noisy(7, (40, 120, 190)))
    write(tmp_path / "test/unprotected/b.png", noisy(3000, (190, 120, 90)))
    faces, _ = gather(read(tmp_path).images, WholeImage(), list)
    test = {face.key for face in faces if face.split is Split.TEST}
    assert test == {"test/protected/a.png", "test/unprotected/b.png", "train/protected/7.png"}
    assert any(face.split is Split.VALIDATION for face in faces)


def test_coco_faces_take_the_label_of_the_true_box_and_worn_wrong_is_unprotected(tmp_path):
    write(tmp_path / "images/street.png", noisy(1, (40, 120, 190), side=100))
    categories = ["with_mask", "without_mask", "mask_weared_incorrect"]
    coco = {
        "images": [{"id": 1, "file_name": "street.png"}],
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories)],
        "annotations": [
            {"image_id": 1, "category_id": 2, "bbox": [2, 2, 96, 96]},
            {"image_id": 1, "category_id": 0, "bbox": [10, 10, 20, 20]},
            {"image_id": 1, "category_id": 0, "bbox": [50, 10, 5, 5]},
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    image = read(tmp_path).images[0]
    assert [truth.label for truth in image.truths] == ["worn_wrong", "protected", "protected"]
    faces, _ = gather([image], WholeImage(), list)
    found = [face for face in faces if face.box.width > 90]
    assert found
    assert not any(face.protected for face in found)


def test_pictures_that_are_broken_or_without_a_face_are_told(classes):
    (classes / "protected/broken.png").write_bytes(b"no picture")
    write(classes / "protected/dark.png", np.zeros((40, 40, 3), np.uint8))
    _, notes = gather(read(classes).images, WholeImage(), list)
    assert sorted(note.rsplit("/", 1)[-1] for note in notes) == [
        "broken.png: is not a picture that can be read",
        "dark.png: no face found",
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is no data set"),
        ({"annotations.json": "{"}, "is not COCO"),
        ({"protected/a.png": ""}, "unprotected: no pictures"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused_by_name(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path)
    assert str(tmp_path) in str(error.value)


def faces_of(count, part):
    return [
        LabelledFace(
            noisy(n, (40, 120, 190) if n % 2 else (190, 120, 90)),
            Box(4, 4, 44, 44),
            FaceLabel.PROTECTED if n % 2 else FaceLabel.UNPROTECTED,
            part,
            str(n),
        )
        for n in range(count)
    ]


def test_training_learns_what_it_never_saw_and_the_same_seed_gives_the_same_network():
    faces = faces_of(120, Split.TRAIN) + faces_of(20, Split.VALIDATION)
    unseen = [
        LabelledFace(
            noisy(9000 + n, (40, 120, 190) if n % 2 else (190, 120, 90)),
            Box(4, 4, 44, 44),
            FaceLabel.PROTECTED if n % 2 else FaceLabel.UNPROTECTED,
            Split.TEST,
            "",
        )
        for n in range(60)
    ]
    recipe = ClassifierRecipe(epochs=4, batch=16)
    epochs = []
    network = train(faces, SHAPE, recipe, CPU, epochs.append)
    counts = evaluate(MaskClassifier(network, SHAPE, CPU, "x"), unseen, protected_at=0.5)
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4]
    assert counts.accuracy > 0.85
    again = train(faces, SHAPE, recipe, CPU, epochs.append)
    assert all(
        torch.allclose(a, b, atol=1e-5)
        for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_augmentation_repeats_with_its_seed_and_epoch_and_varies_with_both():
    faces = faces_of(16, Split.TRAIN)

    def first(seed, epoch):
        return next(augmented_batches(faces, SHAPE, ClassifierRecipe(batch=16, seed=seed), epoch))

    rgb, labels = first(0, 1)
    same, same_labels = first(0, 1)
    assert rgb.shape == (16, 32, 32, 3)
    assert rgb.dtype == torch.uint8
    assert torch.equal(rgb, same)
    assert torch.equal(labels, same_labels)
    assert not torch.equal(rgb, first(0, 2)[0])
    assert not torch.equal(rgb, first(1, 1)[0])


def test_the_average_moves_towards_the_network_at_first_quickly_then_by_its_decay():
    torch.manual_seed(0)
    network = MaskNet(SHAPE)
    expected = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    average = train_classifier.moving_average(network, 0.8)
    for step in range(60):
        network(torch.randint(0, 256, (4, 3, 32, 32)))  # which moves the statistics of the normalisation
        with torch.no_grad():
            for tensor in network.parameters():
                tensor.add_(torch.randn_like(tensor))
        average.update_parameters(network)
        keep = min(0.8, (step + 1) / (step + 10))
        for name, tensor in network.state_dict().items():
            counts = not tensor.is_floating_point()
            expected[name] = tensor.clone() if counts else keep * expected[name] + (1 - keep) * tensor
    assert expected["convolutions.1.num_batches_tracked"] == 60
    for name, tensor in average.module.state_dict().items():
        assert torch.allclose(tensor, expected[name], rtol=1e-4, atol=1e-5), name


def test_training_needs_both_classes():
    faces = [face for face in faces_of(20, Split.TRAIN) + faces_of(20, Split.VALIDATION) if face.protected]
    with pytest.raises(DataError, match="2 are needed"):
        train(faces, SHAPE, ClassifierRecipe(epochs=1), CPU, lambda _: None)


def test_counts_and_shares():
    counts = Confusion(tp=6, fp=2, tn=10, fn=2)
    assert (counts.accuracy, counts.precision, counts.recall) == (16 / 20, 6 / 8, 6 / 8)
    empty = Confusion(0, 0, 0, 0)
    assert (empty.accuracy, empty.precision, empty.recall) == (None, None, None)


def test_split_decides_by_key_not_by_order():
    images = [LabelledImage(None, f"p{n}", (GroundTruth(FaceLabel.PROTECTED),)) for n in range(200)]
    hashes = np.random.default_rng(0).integers(0, 2**63, 200).astype(np.uint64)
    parts = {p.key: p.split for p in dataset.assign_splits(images, hashes)}
    back = {p.key: p.split for p in dataset.assign_splits(images[::-1], hashes[::-1])}
    assert parts == back


def test_train_and_evaluate_commands_end_to_end(tmp_path, bare, masked, maskwatch):
    """Real faces, found by the real detector: the portraits, moved, scaled and lit differently."""
    random = np.random.default_rng(0)

    def numbers(name, part, count):
        """Names that the hash puts into the part."""
        images = (LabelledImage(None, f"{name}/{n}.png", ()) for n in range(500))
        return [p.key for p in images if dataset._split_of(p, keep=None) is part][:count]

    for name, portrait in (("protected", masked), ("unprotected", bare)):
        keys = [
            key
            for part, count in ((Split.TRAIN, 8), (Split.VALIDATION, 3), (Split.TEST, 5))
            for key in numbers(name, part, count)
        ]
        for place, key in enumerate(keys):
            side = 240 + 12 * place
            x, y = 5 * (place % 4) + random.integers(0, 60), random.integers(0, 40)
            part = portrait[y : y + 420, x : x + 420][:, :: -1 if place % 2 else 1]
            lit = np.clip(part * random.uniform(0.5, 1.2) + random.uniform(-20, 30), 0, 255).astype(np.uint8)
            lit[:60] = noisy(place + len(name), (90, 90, 90), side=420)[
                :60, : lit.shape[1]
            ]  # no near duplicates
            lit[-90:] = noisy(900 + place + len(name), (90, 90, 90), side=420)[:90, : lit.shape[1]]
            write(tmp_path / key, cv2.resize(lit, (side, side)))
    weights = tmp_path / "out" / "mine.safetensors"
    searching = "--search", 2, "--search-epochs", 1, "--start", "shipped"
    trained = maskwatch("train", "classifier", "--data", tmp_path, "-o", weights, "--epochs", 2, *searching)
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.index("trial   2") < trained.stdout.index("epoch   2")
    assert "better than the default at the same effort" in " ".join(trained.stdout.split())
    assert weights.with_suffix(".search.html").exists()
    assert load_network(weights, CPU)[1] == Shape()
    card = weights.with_suffix(".md").read_text()
    assert "accuracy" in card
    assert "Went on from `classifier@" in card
    evaluated = maskwatch("evaluate", "classifier", "--data", tmp_path, "--weights", weights, "--json", "-")
    counts = json.loads(evaluated.stdout)["confusion"]
    assert counts["faces"] == counts["tp"] + counts["fp"] + counts["tn"] + counts["fn"]
    assert counts["faces"] >= 8


def test_half_of_what_is_drawn_is_protected_and_worn_wrong_faces_come_oftener():
    labels = [FaceLabel.PROTECTED] * 90 + [FaceLabel.UNPROTECTED] * 8 + [FaceLabel.WORN_WRONG] * 2
    faces = [LabelledFace(noisy(0, (0, 0, 0)), Box(4, 4, 44, 44), label, Split.TRAIN, "") for label in labels]
    shares = train_classifier._shares(faces, ClassifierRecipe(worn_wrong=4))
    assert shares[:90].sum() == pytest.approx(0.5)
    assert shares[98] == pytest.approx(4 * shares[90])
    assert shares.sum() == pytest.approx(1)


def test_a_training_goes_on_from_other_weights_at_half_the_rate_and_its_card_says_so(
    classes, tmp_path, monkeypatch
):
    monkeypatch.setattr(job, "ready_detector", lambda *_: WholeImage())
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    torch.manual_seed(5)
    save_network(MaskNet(SHAPE), SHAPE, old, {})
    _, _, version = load_network(old, CPU)
    still = replace(ClassifierRecipe(epochs=1, batch=16, seed=3), learning_rate=0.0, weight_decay=0.0)
    job.train_classifier([classes], new, recipe=still, start=old)
    before, after = (load_network(path, CPU) for path in (old, new))
    assert after[1] == SHAPE
    for name in ("convolutions.0.weight", "convolutions.4.weight"):
        assert torch.allclose(before[0].state_dict()[name], after[0].state_dict()[name])
    assert f"Went on from `{version}`" in new.with_suffix(".md").read_text()
    assert ClassifierRecipe().going_on().learning_rate == ClassifierRecipe().learning_rate / 2
    with pytest.raises(DataError, match="holds a training of other data or settings"):
        job.train_classifier([classes], new, recipe=still, shape=SHAPE)


def test_a_network_too_sure_of_itself_is_calibrated():
    faces = faces_of(40, Split.TRAIN) + faces_of(40, Split.VALIDATION)
    network = train(faces, SHAPE, ClassifierRecipe(epochs=2, batch=16), CPU, lambda _: None)
    held, last = list(faces_of(80, Split.VALIDATION)), network.dense[-1]

    def loss():
        return binary_cross_entropy_with_logits(*train_classifier._judged(network, held, SHAPE, CPU)).item()

    with torch.no_grad():
        last.weight.mul_(20)
        last.bias.mul_(20)
        last.bias.add_(6)
    too_sure = loss()
    train_classifier._calibrate(network, held, SHAPE, CPU)
    assert too_sure > loss()


def test_epochs_are_compared_by_what_they_know_and_not_by_how_sure_of_it_they_are():
    torch.manual_seed(1)
    logits = 2 * torch.randn(4000)
    truth = (torch.rand(4000) < torch.sigmoid(logits)).float()
    _, loss = train_classifier._best_temperature(logits, truth)
    temperature, too_sure = train_classifier._best_temperature(3 * logits, truth)
    assert temperature == pytest.approx(3, rel=0.1)
    assert too_sure == pytest.approx(loss, rel=0.01)


def test_a_classifiers_training_that_was_stopped_goes_on_and_ends_as_one_that_was_not(tmp_path):
    faces, recipe = (
        faces_of(64, Split.TRAIN) + faces_of(20, Split.VALIDATION),
        ClassifierRecipe(epochs=3, batch=16),
    )
    whole = train(faces, SHAPE, recipe, CPU, lambda _: None)

    def stop(epoch):
        if epoch.number == 3:
            raise KeyboardInterrupt

    path, rest = tmp_path / "c.safetensors", []
    with pytest.raises(KeyboardInterrupt):
        train(faces, SHAPE, recipe, CPU, stop, checkpoint=path)
    parts = train(faces, SHAPE, recipe, CPU, rest.append, checkpoint=path)
    assert [epoch.number for epoch in rest] == [3]
    assert all(
        torch.allclose(a, b, atol=1e-5)
        for a, b in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True)
    )
