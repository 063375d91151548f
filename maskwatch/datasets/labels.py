"""What people say of a face, and the names that data sets have for it."""

from enum import StrEnum


class FaceLabel(StrEnum):
    """A mask worn wrong leaves nose or mouth free: it does not protect, but is counted for itself."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"

    @property
    def protected(self) -> bool:
        return self is FaceLabel.PROTECTED


class AnnotationLabel(StrEnum):
    """The same, and that nobody can tell: such a face is neither learnt from nor counted, whatever it is."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"
    UNKNOWN = "unknown"

    @property
    def known(self) -> FaceLabel | None:
        return None if self is AnnotationLabel.UNKNOWN else FaceLabel(self.value)


NAMES = {
    "protected": FaceLabel.PROTECTED,
    "with_mask": FaceLabel.PROTECTED,
    "mask": FaceLabel.PROTECTED,
    "unprotected": FaceLabel.UNPROTECTED,
    "without_mask": FaceLabel.UNPROTECTED,
    "no_mask": FaceLabel.UNPROTECTED,
    "worn_wrong": FaceLabel.WORN_WRONG,
    "mask_weared_incorrect": FaceLabel.WORN_WRONG,
}


def label_of(name: str) -> FaceLabel | None:
    """What a data set means by a class's name; case, blanks and hyphens make no difference. None: unknown."""
    return NAMES.get(name.strip().lower().replace(" ", "_").replace("-", "_"))


def annotation_label_of(name: str) -> AnnotationLabel | None:
    """The same for a marked face, which may be one of which nobody can tell."""
    label = label_of(name)
    if label is None:
        return AnnotationLabel.UNKNOWN if name.strip().lower() == AnnotationLabel.UNKNOWN else None
    return AnnotationLabel(label.value)
