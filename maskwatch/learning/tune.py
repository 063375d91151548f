"""Fine-tunes detector and classifier from the serving weights, with fewer steps than training from scratch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from maskwatch.classify.network import load_network, save_network
from maskwatch.core.errors import DataError
from maskwatch.core.progress import Bar
from maskwatch.datasets.faces import LabelledFace, SeenImage
from maskwatch.datasets.records import Split
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import Weights, load_detector, save_detector
from maskwatch.learning.collect import LearningData, faces, seen
from maskwatch.models.registry import CLASSIFIER, DETECTOR, ModelFiles
from maskwatch.platform.files import write_atomically
from maskwatch.training import classifier as train_classifier
from maskwatch.training import detector as train_detector
from maskwatch.training.cards.listing import listed
from maskwatch.training.thresholds import choose_point

POINT_FACES = 60  # in the validation part, before the operating point is chosen anew
MIN_BASE = 20  # pictures of the base, where the cameras gave fewer
PRECISION = 0.95  # that the point is to keep


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a candidate is trained. `min_face_px` is the smallest face that it will look for."""

    detector: train_detector.DetectorRecipe
    classifier: train_classifier.ClassifierRecipe
    min_face_px: float
    device: torch.device


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Callbacks for progress: lines of text, progress bars around iterables, and stages with their steps."""

    say: Callable[[str], None]
    bar: Bar
    stage: Callable[[str, int, int], None]


def light_detector(effort: float) -> train_detector.DetectorRecipe:
    """A recipe with about a quarter of the steps of a training from the published weights, at a lower learning rate."""
    return train_detector.DetectorRecipe(
        pnet_steps=500,
        rnet_steps=(400, 300),
        onet_steps=(400, 700),
        views=1500,
        learning_rate=1.5e-3,
        epoch=100,
        patience=4,
        kept=(0.0, 0.0, 0.0),  # few steps forget little
    ).scaled(effort)


def light_classifier(effort: float) -> train_classifier.ClassifierRecipe:
    """A recipe for fine-tuning: 24 epochs times `effort`, at least one, with early stopping."""
    return train_classifier.ClassifierRecipe(
        epochs=max(1, round(24 * effort)), learning_rate=7e-4, average=0.99, patience=8
    )


def tune(
    material: LearningData, serving: ModelFiles, folder: Path, tuning: Tuning, callbacks: Callbacks
) -> dict[str, Path]:
    """The candidate's files by their names in a version; a model that cannot be trained stays the serving one.

    `folder` keeps the checkpoints, from which an interrupted training continues. Raises `DataError` when neither can be trained.
    """
    files: dict[str, Path] = {}
    try:
        files |= _tuned_detector(material, serving, folder, tuning, callbacks)
    except DataError as e:
        callbacks.say(f"the detector stays as it is: {e}")
    try:
        files |= _tuned_classifier(material, serving, folder, tuning, callbacks)
    except DataError as e:
        callbacks.say(f"the classifier stays as it is: {e}")
    if not files:
        raise DataError("neither detector nor classifier can be trained on these samples")
    return {DETECTOR: serving.detector, CLASSIFIER: serving.classifier} | files


def _tuned_detector(
    material: LearningData, serving: ModelFiles, folder: Path, tuning: Tuning, callbacks: Callbacks
) -> dict[str, Path]:
    start = load_detector(serving.detector)
    finder = _detector(start, tuning)
    opened: dict[Split, list[SeenImage]] = {}
    for split in (Split.TRAIN, Split.VALIDATION):
        own = material.cameras[split]
        # half of what is learnt from is new
        mixed = [*own, *material.base[split][: max(len(own), MIN_BASE)]]
        images = callbacks.bar(f"opening pictures, {split}")(mixed)
        opened[split] = [each for image in images if (each := seen(image, finder)) is not None]

    def tell(epoch: train_detector.Epoch) -> None:
        callbacks.say(
            f"{epoch.stage}  step {epoch.step}  loss {epoch.loss:.3f}  validation: loss {epoch.validation_loss:.3f}"
        )

    run = train_detector.Run(tuning.detector, tuning.device, folder, tell, callbacks.stage)
    weights = train_detector.train(opened[Split.TRAIN], opened[Split.VALIDATION], start, run)
    held = opened[Split.VALIDATION]
    if sum(len(image.faces) for image in held) >= POINT_FACES:
        callbacks.stage("thresholds", 0, 1)
        choice = choose_point(
            weights, held, precision=PRECISION, min_face_px=tuning.min_face_px, device=tuning.device
        )
        weights = replace(weights, point=choice.point)
        callbacks.stage("thresholds", 1, 1)
    path = folder / DETECTOR
    about: dict[str, object] = {"start": start.version, "recipe": asdict(tuning.detector)}
    digest = save_detector(weights, path, about)
    counts = {str(split): len(images) for split, images in opened.items()}
    card = _card(
        DETECTOR, start.version, digest, counts=counts, of="pictures", recipe=asdict(tuning.detector)
    )
    return {DETECTOR: path, card.name: _written(folder, card)}


def _tuned_classifier(
    material: LearningData,
    serving: ModelFiles,
    folder: Path,
    tuning: Tuning,
    callbacks: Callbacks,
) -> dict[str, Path]:
    """Train the classifier on faces of the detector in `folder` if there is one, else of the serving one."""
    tuned = folder / DETECTOR
    weights = load_detector(tuned if tuned.exists() else serving.detector)
    start, shape, version = load_network(serving.classifier, tuning.device)
    detector = _detector(weights, tuning)
    own: list[LabelledFace] = []
    for split in (Split.TRAIN, Split.VALIDATION):
        own += faces(callbacks.bar(f"finding faces, {split}")(material.of(split)), detector)

    def tell(epoch: train_classifier.Epoch) -> None:
        callbacks.stage("classifier", epoch.number, tuning.classifier.epochs)
        callbacks.say(
            f"classifier  epoch {epoch.number}  loss {epoch.loss:.4f}  validation loss {epoch.validation_loss:.4f}"
        )

    checkpoint = folder / "classifier.checkpoint.safetensors"
    network = train_classifier.train(
        own, shape, tuning.classifier, tuning.device, tell, start=start, checkpoint=checkpoint
    )
    path = folder / CLASSIFIER
    about: dict[str, object] = {"start": version, "recipe": asdict(tuning.classifier)}
    digest = save_network(network, shape, path, about)
    counts = {str(split): sum(f.split is split for f in own) for split in (Split.TRAIN, Split.VALIDATION)}
    card = _card(CLASSIFIER, version, digest, counts=counts, of="faces", recipe=asdict(tuning.classifier))
    return {CLASSIFIER: path, card.name: _written(folder, card)}


def _detector(weights: Weights, tuning: Tuning) -> Mtcnn:
    settings = Settings(min_face_px=tuning.min_face_px)
    return Mtcnn(choose("auto", weights, tuning.device), settings, weights.version, weights.point)


@dataclass(frozen=True, slots=True)
class _Card:
    name: str
    text: str


def _card(
    name: str, start: str, digest: str, *, counts: Mapping[str, int], of: str, recipe: Mapping[str, object]
) -> _Card:
    lines: Sequence[str] = [
        f"# {name}",
        "",
        f"Fine-tuned from `{start}` on the cameras' labelled samples and the base data.",
        "",
        f"SHA-256 `{digest}`",
        "",
        f"Trained on {counts['train']} {of}, compared on {counts['validation']}.",
        "Its figures, on pictures that are held out for good, stand in `meta.json` and in the batch's report.",
        "",
        *listed(recipe),
    ]
    return _Card(Path(name).with_suffix(".md").name, "\n".join(lines) + "\n")


def _written(folder: Path, card: _Card) -> Path:
    path = folder / card.name
    write_atomically(path, card.text.encode())
    return path
