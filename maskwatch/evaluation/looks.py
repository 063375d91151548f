"""The analysis of each picture of a measurement, spread over the workers.

A picture's result depends on that picture only, so the figures are the same whichever worker computes it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

from maskwatch.classify.settings import ClassifierSettings
from maskwatch.core.ports import Classifier, Detector
from maskwatch.core.records import Rgb
from maskwatch.datasets.batches import ImageBatch, batches
from maskwatch.datasets.records import LabelledImage
from maskwatch.datasets.sets import Progress
from maskwatch.evaluation.classification import JudgedFace, judged
from maskwatch.evaluation.conditions import under
from maskwatch.evaluation.detection import Searched, searched
from maskwatch.evaluation.images import EvaluationImages
from maskwatch.evaluation.system import Analyse, AnalysedImage, analysed
from maskwatch.parallel.workers import Workers, in_order
from maskwatch.plugins import KindSettings
from maskwatch.sources.images import read_rgb

Answer = TypeVar("Answer")
Look = Callable[[LabelledImage, Rgb], Answer]
Batch = ImageBatch[tuple[LabelledImage, str | None]]
"""Pictures, each with the condition that it is put under."""


class ModelSource(Protocol):
    """What loads models by their settings; a copy that is pickled loads them anew."""

    @property
    def detector(self) -> Callable[[KindSettings], Detector]:
        """Loads the detector of its settings. Raises `ModelError`, or `ConfigError` without its backend."""
        ...

    @property
    def classifier(self) -> Callable[[ClassifierSettings], Classifier]:
        """Loads the classifier of its settings. Raises `ModelError`, or `ConfigError` without its backend."""
        ...


@dataclass(frozen=True, slots=True)
class FindFaces:
    """What each of the detectors finds in a picture."""

    models: ModelSource
    detectors: tuple[KindSettings, ...]

    def __call__(self) -> Callable[[Batch], list[list[Searched]]]:
        """Load them, in the process that is to use them."""
        detectors = [self.models.detector(each) for each in self.detectors]
        return _of_batch(lambda image, rgb: [searched(image, rgb, each) for each in detectors])


@dataclass(frozen=True, slots=True)
class JudgeFaces:
    """How each of the classifiers judges the labelled faces that `finder` finds, from `protected_at` (0..1) on as protected."""

    models: ModelSource
    finder: KindSettings
    classifiers: tuple[ClassifierSettings, ...]
    protected_at: float

    def __call__(self) -> Callable[[Batch], list[list[list[JudgedFace]]]]:
        """Load them, in the process that is to use them."""
        finder = self.models.detector(self.finder)
        judges = [self.models.classifier(each) for each in self.classifiers]
        return _of_batch(
            lambda image, rgb: judged(image, rgb, finder, judges, protected_at=self.protected_at)
        )


@dataclass(frozen=True, slots=True)
class AnalyseImages:
    """What each of the systems says of a picture; `systems` load them."""

    systems: tuple[Callable[[], Analyse], ...]

    def __call__(self) -> Callable[[Batch], list[list[AnalysedImage]]]:
        """Load them, in the process that is to use them."""
        systems = [load() for load in self.systems]
        return _of_batch(lambda image, rgb: [analysed(image, rgb, analyse) for analyse in systems])


def answers(
    workers: Workers[Batch, list[Answer]], material: EvaluationImages, progress: Progress
) -> Iterator[Answer]:
    """Of each picture, in their order; each is read anew, as a large data set does not fit into memory."""
    asked = batches([(image, material.condition) for image in material.images])
    given = chain.from_iterable(in_order(workers, asked))
    for _, answer in zip(progress(material.images), given, strict=True):
        yield answer


def _of_batch(look: Look[Answer]) -> Callable[[Batch], list[Answer]]:
    return lambda batch: [
        look(image, under(condition, image.key, read_rgb(image.path))) for image, condition in batch.items
    ]
