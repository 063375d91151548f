"""What is asked of faces, and what became of each."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from maskwatch.core.records import Box
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import LabelledImage, Split


@dataclass(frozen=True, slots=True)
class Criteria:
    """`min_sharpness` is in units of `measures.sharpness`, `max_turn` in degrees of yaw or roll.

    `margin` is the share of the box's longer side that is kept on each side of it; `one_face` leaves out
    pictures with more than one; `balance` makes protected and unprotected as many in training, by a choice
    that `seed` decides.
    """

    one_face: bool = False
    min_px: float = 20
    min_sharpness: float = 50
    max_turn: float = 50
    margin: float = 0.6
    balance: bool = True
    seed: int = 0


class FaceStatus(StrEnum):
    """What became of a picture or a face; the words stand in the list and the summary."""

    KEPT = "kept"
    UNUSABLE = "not usable"
    BROKEN = "cannot be read"
    SAME_FILE = "same file again"
    CONTRADICTED = "labelled otherwise elsewhere"
    BACKGROUND = "no face is marked"
    NO_FACE = "no face found"
    MANY_FACES = "more than one face"
    UNMARKED = "found, but not marked"
    MISSED = "marked, but not found"
    SMALL = "too small"
    BLURRED = "too blurred"
    TURNED = "too turned"
    NEAR_DUPLICATE = "near duplicate"
    SURPLUS = "surplus of its class"


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A labelled face and its measures. `hash` is of its crop, which `staged` holds as a JPEG once that is written.

    `set_name` and the picture's key name it in all data sets; `number` counts the faces of a picture from 1.
    """

    set_name: str
    image: LabelledImage
    number: int
    box: Box
    label: FaceLabel
    px: float
    sharpness: float
    turn: float
    hash: int
    image_hash: int
    sha256: str
    staged: Path = Path()

    @property
    def order(self) -> tuple[str, str, int]:
        """A sort key, the same in every run: data set, image, face."""
        return self.set_name, self.image.key, self.number


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """A line of the list: what became of a file, or of face `number` in it, and the particulars."""

    status: FaceStatus
    file: str
    detail: str = ""
    number: int | None = None
    box: Box | None = None
    label: FaceLabel | None = None
    split: Split | None = None
    to: str = ""
    measures: tuple[float, float, float] | None = None
    """Shorter side in pixels, sharpness, turn in degrees."""


def outcome_of(
    face: FoundFace, status: FaceStatus, detail: str = "", split: Split | None = None, to: str = ""
) -> ScanOutcome:
    """A found face's line of the list, with its measures; `to` is the path of its crop in the result."""
    measures = (face.px, face.sharpness, face.turn)
    file = str(face.image.path)
    return ScanOutcome(status, file, detail, face.number, face.box, face.label, split, to, measures)
