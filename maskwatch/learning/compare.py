"""Compares two models on the same pictures by the faces found and judged right; and finds labels that cannot be true."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Face, FrameReport, Label
from maskwatch.evaluation.bootstrap import Difference, Figures, differences, draws, interval, share
from maskwatch.evaluation.matching import match
from maskwatch.evaluation.system import Analyse
from maskwatch.learning.collect import SampleImage
from maskwatch.models.registry import ModelFiles

Floats = NDArray[np.float64]
Analysts = Callable[[ModelFiles, str], Analyse]
"""What some models say of a camera's pictures, with its settings; an unknown camera name uses the default settings."""

RECALL, PRECISION, F1 = "end-to-end recall", "end-to-end precision", "end-to-end F1"
MIN_FACES = 10  # of each kind, before labels are doubted


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """One picture's counts: the labelled faces, those of them found and judged right, and all judged faces.

    `agree` counts, for labels of no protection and of protection, judged faces and those judged alike.
    """

    camera: str
    truths: int
    right: int
    answers: int
    agree: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedImages:
    """A version's results on pictures. F1 = 2 * right / (labelled + judged)."""

    outcomes: tuple[ImageOutcome, ...]

    @property
    def images(self) -> int:
        """How many images were judged."""
        return len(self.outcomes)

    @property
    def faces(self) -> int:
        """How many faces are labelled in them."""
        return sum(outcome.truths for outcome in self.outcomes)

    def of(self, camera: str) -> "JudgedImages":
        """Those of one camera; none for a name that is not there."""
        return JudgedImages(tuple(outcome for outcome in self.outcomes if outcome.camera == camera))

    @property
    def cameras(self) -> list[str]:
        """The names of the cameras, sorted."""
        return sorted({outcome.camera for outcome in self.outcomes})

    def figures(self, weights: Floats) -> Figures:
        """Recall, precision and F1 (0..1) by name, a value for every row of `weights` `(rows, images)`.

        NaN where there is nothing to count.
        """
        table = np.array([(o.truths, o.right, o.answers) for o in self.outcomes], np.float64).reshape(-1, 3)
        truths, right, answers = (weights @ table).T
        return {
            RECALL: share(right, truths),
            PRECISION: share(right, answers),
            F1: share(2 * right, truths + answers),
        }


def judge(analyse: Analyse, images: Iterable[SampleImage]) -> JudgedImages:
    """Pictures that cannot be read are left out of both versions' figures."""
    opened = ((image, image.readable()) for image in images)
    return JudgedImages(tuple(_outcome(analyse(rgb), image) for image, rgb in opened if rgb is not None))


def judge_each(analyst_of: Callable[[str], Analyse], images: Iterable[SampleImage]) -> JudgedImages:
    """Like `judge`, with an analyst for each camera's name; each is made once, at the camera's first picture."""
    made = cache(analyst_of)
    return JudgedImages(tuple(out for image in images for out in judge(made(image.camera), [image]).outcomes))


def _outcome(report: FrameReport, image: SampleImage) -> ImageOutcome:
    known = [face for face in report.faces if face.label is not Label.UNKNOWN]
    if image.whole is not None:  # the label is the picture's: its largest face is meant
        largest = max(known, key=lambda face: face.box.width * face.box.height, default=None)
        pairs = [] if largest is None else [(largest, image.whole.protected)]
        return _counted(image.camera, 1, pairs, len(pairs))
    boxes = [truth.box for truth in image.truths if truth.box is not None]
    matching = match(known, boxes, image.labelled.unclear)
    found = [
        (face, image.truths[place].label.protected)
        for face, place in zip(matching.found, matching.truths, strict=True)
        if place is not None
    ]
    return _counted(image.camera, len(image.truths), found, len(matching.found))


def _counted(camera: str, truths: int, found: Sequence[tuple[Face, bool]], answers: int) -> ImageOutcome:
    said = [(face.label is Label.PROTECTED, protected) for face, protected in found]
    bare, masked = (
        (sum(true is kind for _, true in said), sum(mine is true is kind for mine, true in said))
        for kind in (False, True)
    )
    return ImageOutcome(camera, truths, bare[1] + masked[1], answers, (bare, masked))


def compared(before: JudgedImages, after: JudgedImages) -> dict[str, Difference]:
    """Every figure of two models on the same pictures, with the paired bootstrap's interval."""
    return differences(before, after, lambda _: False)


def contradicted(judged: JudgedImages) -> list[str]:
    """The cameras whose labels contradict the models on both kinds of face.

    A model may fail on one kind, masks of a new colour say; but a model that swaps both kinds is
    unknown, while swapped labels are not. Decided by the 95 % interval of Youden's J (W. J. Youden, Index for rating
    diagnostic tests, 1950): the share of one kind judged alike, and of the other, less 1.
    """
    doubtful = []
    for camera in judged.cameras:
        mine = judged.of(camera)
        table = np.array([o.agree for o in mine.outcomes], np.float64).reshape(-1, 4)
        bare, _, masked, _ = table.sum(axis=0)
        if min(bare, masked) < MIN_FACES:
            continue
        drawn = draws(mine.images, seed=0) @ table
        alike = share(drawn[:, 1], drawn[:, 0]) + share(drawn[:, 3], drawn[:, 2]) - 1
        _, high = interval(alike)
        if high is not None and high < 0:
            doubtful.append(camera)
    return doubtful
