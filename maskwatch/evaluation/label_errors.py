"""Labels that are probably wrong: where the models are surest of something else. A person decides; nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from maskwatch.core.errors import SourceError
from maskwatch.core.geometry import iou
from maskwatch.core.ports import Classifier, Detector
from maskwatch.core.records import Box, Face, Rgb
from maskwatch.datasets.faces import FOUND_IOU, NEAR_IOU
from maskwatch.datasets.records import GroundTruth, LabelledImage
from maskwatch.datasets.sets import Progress
from maskwatch.sources.images import read_rgb

MIN_DISAGREEMENT = 0.8  # the classifier's probability of the opposite, from which a label is asked about
MIN_SCORE = 0.9  # the detector's, from which a face that nobody labelled is asked about
MIN_MISSED_PX = 40  # a labelled face of this side is hardly ever missed; smaller ones are, and say nothing


class Doubt(StrEnum):
    """How the models contradict a label; the values are words in the report."""

    JUDGED = "labelled otherwise than it looks"
    UNLABELLED = "found, and not labelled"
    MISSED = "labelled, and no face found"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A face of which the label may be wrong.

    `strength` ranks the cases of one doubt: the probability of the opposite, the detector's score, or the longer side of the
    box in pixels. `label` is the data set's, empty where it has none.
    """

    doubt: Doubt
    image: LabelledImage
    box: Box
    strength: float
    label: str
    says: str


def suspects(
    images: Sequence[LabelledImage], detector: Detector, classifier: Classifier, progress: Progress
) -> list[Suspect]:
    """The doubtful labels grouped by doubt, the most doubtful first. Pictures removed meanwhile are skipped."""
    found: list[Suspect] = []
    for image in progress(images):
        try:
            rgb = read_rgb(image.path)
        except SourceError:
            continue
        found += _of_image(rgb, image, detector, classifier)
    order = list(Doubt)
    return sorted(found, key=lambda each: (order.index(each.doubt), -each.strength, each.image.key))


def _of_image(rgb: Rgb, image: LabelledImage, detector: Detector, classifier: Classifier) -> list[Suspect]:
    faces = detector.detect([rgb])[0]
    if len(image.truths) == 1 and image.truths[0].box is None:
        largest = max(faces, key=lambda face: face.box.width * face.box.height, default=None)
        return [] if largest is None else _judged(rgb, image, [(image.truths[0], largest)], classifier)
    boxed = [(truth, truth.box) for truth in image.truths if truth.box is not None]
    pairs = [(truth, _like(box, faces)) for truth, box in boxed]
    found = _judged(rgb, image, pairs, classifier)
    known = [*(box for _, box in boxed), *image.unclear]
    for face in faces:
        if face.score >= MIN_SCORE and all(iou(face.box, box) < NEAR_IOU for box in known):
            says = f"score {face.score:.2f}"
            found.append(Suspect(Doubt.UNLABELLED, image, face.box, face.score, "", says))
    for truth, box in boxed:
        side = max(box.width, box.height)
        if min(box.width, box.height) >= MIN_MISSED_PX and all(
            iou(face.box, box) < NEAR_IOU for face in faces
        ):
            says = f"{box.width:.0f} x {box.height:.0f} px"
            found.append(Suspect(Doubt.MISSED, image, box, side, str(truth.label), says))
    return found


def _like(box: Box, faces: Sequence[Face]) -> Face:
    """The found face that is labelled, by whose box it is judged live; the label's own box where none is found."""
    best = max(faces, key=lambda face: iou(face.box, box), default=None)
    return best if best is not None and iou(best.box, box) >= FOUND_IOU else Face(box, 1.0)


def _judged(
    rgb: Rgb, image: LabelledImage, pairs: Sequence[tuple[GroundTruth, Face]], classifier: Classifier
) -> list[Suspect]:
    if not pairs:
        return []
    found = []
    said = classifier.classify([(rgb, face) for _, face in pairs])
    for (truth, face), protected in zip(pairs, said, strict=True):
        opposite = 1 - protected if truth.label.protected else protected
        if opposite >= MIN_DISAGREEMENT:
            says = f"{'unprotected' if truth.label.protected else 'protected'} {opposite:.2f}"
            box = truth.box or face.box
            found.append(Suspect(Doubt.JUDGED, image, box, opposite, str(truth.label), says))
    return found
