"""The whole learning loop on labelled pictures: how much a camera gains for which the models were not trained.

It starts with the published detector and a classifier trained on one data set, plays another one as a camera, labels what was
queued from the true labels, through the import, learns, and measures on pictures that none of this used. Then
the same with swapped labels, which must be refused.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from maskwatch.app.cameras import analyst, configured_models
from maskwatch.app.footage import ReplayPlan, replay_pipeline
from maskwatch.app.learning import learning_loop
from maskwatch.classify.network import Shape, save_network
from maskwatch.config import load as configuration
from maskwatch.config.load import Config
from maskwatch.core.address import Address
from maskwatch.core.errors import DataError
from maskwatch.core.evenly import evenly
from maskwatch.core.selection.reasons import is_miss
from maskwatch.datasets.faces import gather
from maskwatch.datasets.formats.registry import read, write
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.detect.weights import load_stock, save_detector
from maskwatch.evaluation.bootstrap import differences, estimates
from maskwatch.evaluation.images import choose, opened
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.evaluation.system import System, analyse_images
from maskwatch.learning.compare import RECALL
from maskwatch.learning.loop import learn
from maskwatch.learning.tune import Callbacks
from maskwatch.models.loading import Models, pick_device
from maskwatch.models.registry import CLASSIFIER, DETECTOR, ModelFiles, Registry, Version, shipped_files
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import write_atomically
from maskwatch.samples.imports import import_labels
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue
from maskwatch.training import classifier as train_classifier

START = "start"
CAMERA = "camera"
SEEN = (Split.TRAIN, Split.VALIDATION)  # what the camera shows; the test part is measured on
# a camera that the models were not made for gives much to look at
WATCHED: dict[str, Any] = {
    "max_per_hour": 100_000,
    "classifier_band": [0.1, 0.9],
    "detector_band": [0.0, 0.98],
    "audit_share": 0.25,
}
RECIPE: dict[str, Any] = {"patience": 8}  # of the first classifier

FLIPPED = {
    FaceLabel.PROTECTED: FaceLabel.UNPROTECTED,
    FaceLabel.UNPROTECTED: FaceLabel.PROTECTED,
    FaceLabel.WORN_WRONG: FaceLabel.PROTECTED,
}


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """`faces` have boxes; the first classifier is trained on `masks`. `folder` keeps everything, so that an interrupted run continues."""

    faces: Path
    masks: Path
    folder: Path
    samples: int = 200
    min_face_px: float = 12
    epochs: int = 20
    effort: float = 1.0
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """End-to-end recall on the unused part: before, after, and of the shipped models.

    `sabotaged` is the version that serves after swapped labels, and why.
    """

    labelled: int
    images: int
    before: float
    after: float
    shipped: float
    low: float | None
    high: float | None
    decision: str
    sabotaged: str
    sabotage_decision: str

    @property
    def closed(self) -> float | None:
        """The share of the gap to the shipped models that is closed; None where there is none."""
        gap = self.shipped - self.before
        return (self.after - self.before) / gap if gap > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it, with `closed`."""
        return {**asdict(self), "closed": self.closed}


def rehearse(plan: LoopPlan, callbacks: Callbacks) -> RehearsalResult:
    """Raises `DataError` when the data does not do."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    _start_models(plan, callbacks)
    material = choose(str(plan.faces), read(plan.faces), SplitChoice.ALL, callbacks.bar("opening pictures"))
    shown = [image for image in material.images if image.split in SEEN]
    held = [image for image in material.images if image.split is Split.TEST and not image.faults]
    said, labelled, config = _learnt(plan, plan.folder / "honest", shown, callbacks, lambda label: label)
    refused, _, sabotaged = _learnt(plan, plan.folder / "sabotaged", shown, callbacks, FLIPPED.__getitem__)
    registry = Registry(config.models.dir)
    versions = [registry.files(START), registry.files(registry.state().serving), shipped_files()]
    systems = [_watched(config, files, held, callbacks) for files in versions]
    before, after, shipped = (estimates(system)[RECALL].value or 0.0 for system in systems)
    gain = differences(systems[0], systems[1], lambda _: False)[RECALL]
    result = RehearsalResult(
        labelled=labelled,
        images=len(held),
        before=before,
        after=after,
        shipped=shipped,
        low=gain.low,
        high=gain.high,
        decision=said,
        sabotaged=Registry(sabotaged.models.dir).state().serving,
        sabotage_decision=refused,
    )
    write_atomically(plan.folder / "loop.json", (json.dumps(result.as_dict(), indent=1) + "\n").encode())
    return result


def _start_models(plan: LoopPlan, callbacks: Callbacks) -> None:
    """The published detector, and a classifier that knows `masks` alone."""
    folder = plan.folder / START
    if (folder / CLASSIFIER).exists():
        return
    device = pick_device(plan.device)
    save_detector(load_stock(), folder / DETECTOR, {"start": "stock"})
    detector = Models(device).detector(DetectSettings(weights="stock"))
    faces, _ = gather(read(plan.masks).images, detector, callbacks.bar(f"finding faces in {plan.masks.name}"))
    recipe = train_classifier.ClassifierRecipe(epochs=plan.epochs, **RECIPE)

    def tell(epoch: train_classifier.Epoch) -> None:
        callbacks.stage("first classifier", epoch.number, plan.epochs)
        callbacks.say(f"first classifier  epoch {epoch.number}  validation loss {epoch.validation_loss:.4f}")

    checkpoint = folder / "checkpoint.safetensors"
    network = train_classifier.train(faces, Shape(), recipe, device, tell, checkpoint=checkpoint)
    save_network(network, Shape(), folder / CLASSIFIER, {"data": plan.masks.name})
    checkpoint.unlink()


def _learnt(
    plan: LoopPlan,
    folder: Path,
    shown: Sequence[LabelledImage],
    callbacks: Callbacks,
    said: Callable[[FaceLabel], FaceLabel],
) -> tuple[str, int, Config]:
    """Queue, label by `said` of the true labels, and learn; returns the outcome, the number of samples, the configuration."""
    config = _configured(plan, folder)
    registry = Registry(config.models.dir)
    if not any(version.id == START for version in registry.versions()):
        files = {name: plan.folder / START / name for name in (DETECTOR, CLASSIFIER)}
        registry.add(files, Version(START, None, utc_now()))
        registry.promote(START)
    note = folder / "labelled.json"
    if not note.exists():
        count = _queued_and_labelled(plan, folder, config, shown, callbacks, said)
        write_atomically(note, json.dumps({"samples": count}).encode())
    count = int(json.loads(note.read_text())["samples"])
    loop = learning_loop(config, callbacks)
    loop = replace(loop, settings=loop.settings.model_copy(update={"min_samples": max(1, count)}))
    done = loop.archive.batches()
    if done and done[-1].done:
        return "; ".join(done[-1].decision["reasons"]), count, config
    return learn(loop).said, count, config


def _configured(plan: LoopPlan, folder: Path) -> Config:
    """A service's configuration, with everything in the folder."""
    settings = {
        "queue": {"dir": str(folder / "queue"), **WATCHED},
        "models": {"dir": str(folder / "models")},
        "learn": {
            "archive": str(folder / "archive"),
            "base": [str(plan.masks)],
            "effort": plan.effort,
        },
        "detect": {"min_face_px": plan.min_face_px},
        "motion": {"gate": False},
        "device": plan.device,
    }
    return configuration.parse(json.dumps(settings), str(folder), {})


def _queued_and_labelled(  # noqa: PLR0917 - the steps of one thing
    plan: LoopPlan,
    folder: Path,
    config: Config,
    shown: Sequence[LabelledImage],
    callbacks: Callbacks,
    said: Callable[[FaceLabel], FaceLabel],
) -> int:
    """Play the pictures as a camera; of what was queued at most `samples`, misses first, get their labels."""
    by_name = {f"{number:05d}{image.path.suffix}": image for number, image in enumerate(shown)}
    footage = folder / "footage"
    footage.mkdir(parents=True, exist_ok=True)
    for name, image in by_name.items():
        if not (footage / name).exists():
            (footage / name).symlink_to(image.path.resolve())
    queue = Queue(config.queue.dir)
    queue.remove([sample.id for sample in queue.samples()], labelled=True)  # of a run that was stopped
    plan_ = ReplayPlan(CAMERA, Address(str(footage)), config.defaults, config.queue)
    count = 0

    def advance(_: object) -> None:
        nonlocal count
        count += 1
        callbacks.stage(f"watching, {folder.name}", count, len(by_name))

    with replay_pipeline(plan_, configured_models(config), advance) as pipeline:
        pipeline.run()
    samples = queue.samples()
    if not samples:
        raise DataError(f"{plan.faces}: nothing of it was queued")
    chosen = to_label(samples, plan.samples)
    queue.remove({s.id for s in samples} - {s.id for s in chosen}, labelled=True)
    images = []
    for sample in chosen:
        path = queue.image(sample.id)
        image = by_name[sample.report.source]
        marked = tuple(GroundTruth(said(truth.label), truth.box) for truth in image.truths)
        images.append(LabelledImage(path, path.name, marked, unclear=image.unclear))
    labels = folder / "labels"
    shutil.rmtree(labels, ignore_errors=True)  # of a run that was stopped
    write("coco", images, labels)
    imported = import_labels(queue, labels, "coco", "truth", force=True, accept_unchanged=True)
    for problem in imported.problems:
        callbacks.say(problem)
    return len(imported.labelled) + len(imported.unchanged)


def to_label(samples: Sequence[Sample], most: int) -> list[Sample]:
    """So many of them: those in which a face may have been missed first, evenly chosen where there are too many."""
    misses = evenly([sample for sample in samples if is_miss(sample.reasons)], most)
    others = evenly([sample for sample in samples if not is_miss(sample.reasons)], most - len(misses))
    return sorted([*misses, *others], key=lambda sample: sample.id)


def _watched(
    config: Config, files: ModelFiles, images: Sequence[LabelledImage], callbacks: Callbacks
) -> System:
    device: torch.device = pick_device(config.device)
    analyse = analyst(config.defaults, Models(device, files))
    bound = config.defaults.alert.protected_ratio
    return analyse_images(analyse, opened(images, callbacks.bar(f"measuring {files.version}")), bound=bound)
