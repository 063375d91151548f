"""Whole measurements: a labelled folder and models in, a report out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from maskwatch.classify.settings import ClassifierSettings
from maskwatch.core.errors import DataError
from maskwatch.core.ports import Detector
from maskwatch.core.progress import Bar, no_bar
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.records import DataSet, LabelledImage
from maskwatch.datasets.sets import named
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.evaluation.classification import Classification, gathered
from maskwatch.evaluation.conditions import CONDITIONS
from maskwatch.evaluation.detection import PRECISION, Detection, lowered, tally
from maskwatch.evaluation.document import Report
from maskwatch.evaluation.images import (
    EvaluationImages,
    choose,
    choose_of_several,
    need_boxes,
    without_faults,
    without_unlabelled,
)
from maskwatch.evaluation.looks import AnalyseImages, FindFaces, JudgeFaces, ModelSource, answers
from maskwatch.evaluation.reports import classifier as classifier_reports
from maskwatch.evaluation.reports import detector as detector_reports
from maskwatch.evaluation.reports import system as system_reports
from maskwatch.evaluation.reports.breakdown import break_down
from maskwatch.evaluation.reports.classifier import classifier_comparison, classifier_report
from maskwatch.evaluation.reports.common import Subject
from maskwatch.evaluation.reports.detector import detector_comparison, detector_report
from maskwatch.evaluation.reports.system import system_comparison, system_report
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.evaluation.system import Analyse, System
from maskwatch.parallel.settings import WorkerSettings, workers_of
from maskwatch.plugins import KindSettings

Result = TypeVar("Result")


class MeasuredModels(ModelSource, Protocol):
    """Loads models by their settings and names their versions; implemented by `maskwatch.models.loading.Models`."""

    def mtcnn(self, settings: DetectSettings, /) -> Mtcnn:
        """Like `detector`, for the cascade, whose thresholds can be read."""
        ...

    def computes_with(self, detect: KindSettings, /) -> str:
        """The name of the backend that runs the detector's networks; of other detectors, their kind."""
        ...


@dataclass(frozen=True, slots=True)
class SystemUnderTest:
    """A detector and a classifier as they are set; `load` returns both together as they run."""

    detect: KindSettings
    classify: ClassifierSettings
    load: Callable[[], Analyse]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Which pictures are measured, and where progress is reported; `problems` gets a line for all data that cannot be used.

    `classes` maps the data's class names to labels. With `conditions` the pictures are measured once more under
    each of `conditions.CONDITIONS`. A detector's recall is also reported at `precision` (0..1). `worker_settings` say
    which workers analyse the pictures, None: this process. With workers, settings and models must be picklable.
    Where positions count, faces that the `teacher` finds and nobody labelled are left out.
    """

    part: SplitChoice = SplitChoice.TEST
    bar: Bar = no_bar
    problems: Callable[[Sequence[str]], None] = lambda _: None
    classes: ClassNames = USUAL_NAMES
    conditions: bool = False
    precision: float = PRECISION
    worker_settings: WorkerSettings | None = None
    teacher: Detector | None = None


USUAL = Measurement()


def measure_detectors(
    data: Sequence[Path], settings: Sequence[KindSettings], models: MeasuredModels, how: Measurement = USUAL
) -> Report:
    """Which of the labelled faces a detector finds, and what else; two are compared. Raises `DataError` or `ModelError`."""
    found = [models.detector(each) for each in settings]
    material = chosen_images(data, how, with_boxes=True)

    points = [_operating_point(models, each) for each in settings]
    look = FindFaces(models, tuple(each for each, _ in points))
    with workers_of(how.worker_settings, look) as workers:

        def measure(images: EvaluationImages) -> list[Detection]:
            found = answers(workers, images, how.bar(_doing("finding faces", images)))
            return [
                replace(tally(own, threshold), precision=how.precision)
                for own, (_, threshold) in zip(zip(*found, strict=True), points, strict=True)
            ]

        results, others = _under_conditions(material, how, measure)
    breakdown = break_down(material, results, others, detector_reports.layout(results[0]))
    told = _settings_told(models, found, settings) | _left_out(how)
    subject = Subject("detector", material, _roles({"detector": found}), told, breakdown)
    return detector_comparison(subject, *results) if len(results) == 2 else detector_report(subject, *results)


def measure_classifiers(
    data: Sequence[Path],
    settings: Sequence[ClassifierSettings],
    finder: KindSettings,
    models: MeasuredModels,
    *,
    protected_at: float,
    how: Measurement = USUAL,
) -> Report:
    """How the faces that `finder` finds are judged, from `protected_at` (0..1) on as protected; two are compared.

    Raises `DataError` or `ModelError`.
    """
    judges = [models.classifier(each) for each in settings]
    detector = models.detector(finder)
    material = chosen_images(data, how, with_boxes=False)

    look = JudgeFaces(models, finder, tuple(settings), protected_at)
    with workers_of(how.worker_settings, look) as workers:

        def measure(images: EvaluationImages) -> list[Classification]:
            judged = answers(workers, images, how.bar(_doing("judging faces", images)))
            return [gathered(own, protected_at=protected_at) for own in zip(*judged, strict=True)]

        results, others = _under_conditions(material, how, measure)
    if not results[0].judged:
        raise DataError(f"{material.name}: the detector finds no labelled face in its {how.part} part")
    told = _settings_told(models, [detector], [finder])
    told["protected from a probability of"] = f"{protected_at:g}"
    breakdown = break_down(material, results, others, classifier_reports.LAYOUT)
    roles = _roles({"classifier": judges, "detector": [detector]})
    subject = Subject("classifier", material, roles, told, breakdown)
    if len(results) == 2:
        return classifier_comparison(subject, *results)
    return classifier_report(subject, *results)


def measure_systems(
    data: Sequence[Path],
    systems: Sequence[SystemUnderTest],
    models: MeasuredModels,
    *,
    bound: float,
    how: Measurement = USUAL,
) -> Report:
    """What is decided at a protected ratio of `bound` (0..1), and who is found and judged right; two are compared.

    Raises `DataError` or `ModelError`.
    """
    finders = [models.detector(each.detect) for each in systems]
    judges = [models.classifier(each.classify) for each in systems]
    material = chosen_images(data, how, with_boxes=True)

    look = AnalyseImages(tuple(each.load for each in systems))
    with workers_of(how.worker_settings, look) as workers:

        def measure(images: EvaluationImages) -> list[System]:
            said = answers(workers, images, how.bar(_doing("finding and judging faces", images)))
            return [System(own, bound) for own in zip(*said, strict=True)]

        results, others = _under_conditions(material, how, measure)
    breakdown = break_down(material, results, others, system_reports.LAYOUT)
    judging = systems[0].classify
    told = _settings_told(models, finders, [each.detect for each in systems]) | _left_out(how)
    told |= {
        "protected from a probability of": f"{judging.protected_at:g}",
        "smallest face to judge": f"{judging.min_face_px:g} px",
        "protected ratio to alert under": f"{bound:.0%}",
    }
    roles = _roles({"detector": finders, "classifier": judges})
    subject = Subject("system", material, roles, told, breakdown)
    return system_comparison(subject, *results) if len(results) == 2 else system_report(subject, *results)


def chosen_images(data: Sequence[Path], how: Measurement, *, with_boxes: bool) -> EvaluationImages:
    """The images of one or several folders that count. Raises `DataError` when there are none."""
    folders = named(data)  # one that is given twice is there once
    sets = {name: _with_slices(read(folder, how.classes)) for name, folder in folders.items()}
    if with_boxes:  # told before thousands of pictures are opened
        for name, labelled in sets.items():
            need_boxes(str(folders[name]), labelled.images)
    progress = how.bar("opening pictures")
    if len(sets) == 1:
        ((name, labelled),) = sets.items()
        material = choose(str(data[0]), labelled, how.part, progress)
        material = replace(material, sources=(name,) * len(material.images))
    else:
        material = choose_of_several(sets, how.part, progress)
    if with_boxes:
        material = without_faults(material)
        need_boxes(material.name, material.images)
        if how.teacher is not None:
            material = without_unlabelled(material, how.teacher, how.bar("finding unlabelled faces"))
    how.problems(material.notes)
    return material


def _with_slices(data: DataSet) -> DataSet:
    """The class names of a set stay where it has more of them than labels: only there they tell more."""
    truths = {(truth.label, truth.class_name) for image in data.images for truth in image.truths}
    if len(truths) > len({label for label, _ in truths}):
        return data
    return replace(data, images=[_without_class_names(image) for image in data.images])


def _without_class_names(image: LabelledImage) -> LabelledImage:
    return replace(image, truths=tuple(replace(truth, class_name="") for truth in image.truths))


def _under_conditions(
    material: EvaluationImages, how: Measurement, measure: Callable[[EvaluationImages], list[Result]]
) -> tuple[list[Result], dict[str, list[Result]]]:
    """The measurement of the pictures as they are and, if wanted, under each condition."""
    conditions = CONDITIONS if how.conditions else ()
    plain = measure(material)
    return plain, {each: measure(replace(material, condition=each)) for each in conditions}


def _doing(what: str, images: EvaluationImages) -> str:
    return f"{what}, {images.condition}" if images.condition else what


def _left_out(how: Measurement) -> dict[str, object]:
    return {"unlabelled faces left out, as found by": how.teacher.version} if how.teacher else {}


def _operating_point(models: MeasuredModels, settings: KindSettings) -> tuple[KindSettings, float]:
    """The settings to search with, and the score above which a face counts; of a detector that is no cascade all do."""
    if not isinstance(settings, DetectSettings):
        return settings, 0.0
    thresholds = models.mtcnn(settings).thresholds
    return lowered(settings, thresholds), thresholds[-1]


def _roles(models: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """The version of each model by its role; of two in the same role, by A and B."""
    return {
        f"{role} {letter}" if len(found) > 1 else role: each.version
        for role, found in models.items()
        for letter, each in zip("AB", found, strict=False)
    }


def _settings_told(
    models: MeasuredModels, detectors: Sequence[Detector], settings: Sequence[KindSettings]
) -> dict[str, object]:
    first = settings[0]
    if not isinstance(first, DetectSettings):
        return {"detector": first.kind, **first.model_dump(mode="json", exclude={"kind"})}
    told: dict[str, object] = {"smallest face to look for": f"{first.min_face_px:g} px"}
    for letter, each in zip("AB", detectors, strict=False):
        name = f"thresholds {letter}" if len(detectors) > 1 else "thresholds"
        assert isinstance(each, Mtcnn)
        told[name] = ", ".join(f"{threshold:g}" for threshold in each.thresholds)
    return {**told, "computed with": models.computes_with(first)}
