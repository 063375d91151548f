"""What people say of a face."""

from enum import StrEnum


class FaceLabel(StrEnum):
    """A mask worn wrong leaves nose or mouth free: it does not protect, but is counted for itself."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"

    @property
    def protected(self) -> bool:
        """True for `PROTECTED` alone: a mask worn wrong does not protect."""
        return self is FaceLabel.PROTECTED


class AnnotationLabel(StrEnum):
    """A `FaceLabel`, or unknown: such a face is neither learnt from nor counted, whatever it is."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"
    UNKNOWN = "unknown"

    @property
    def known(self) -> FaceLabel | None:
        """The label for training and evaluation; None for `UNKNOWN`."""
        return None if self is AnnotationLabel.UNKNOWN else FaceLabel(self.value)


class Meaning(StrEnum):
    """What the class of a box may mean: a label, or that there is no face in it."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"
    UNKNOWN = "unknown"
    NO_FACE = "no_face"

    @property
    def annotation_label(self) -> AnnotationLabel | None:
        """The label of a box of such a class; None for `NO_FACE`."""
        return None if self is Meaning.NO_FACE else AnnotationLabel(self.value)

    @property
    def known(self) -> FaceLabel | None:
        """The label for training and evaluation; None for `UNKNOWN` and `NO_FACE`."""
        return None if self.annotation_label is None else self.annotation_label.known
