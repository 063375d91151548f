"""Which part of a data set to measure on. Importing this loads nothing heavy."""

from enum import StrEnum


class SplitChoice(StrEnum):
    """The pictures to measure on: those of one `Split`, or all of them."""

    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"
    ALL = "all"

    @property
    def held_out(self) -> bool:
        """Whether no training and no choice has seen these images: the test split alone."""
        return self is SplitChoice.TEST

    @property
    def meaning(self) -> str:
        """A sentence on how far figures on this split can be relied on."""
        return {
            SplitChoice.TEST: "Held out: `maskwatch train` keeps the test part from all training and choosing.",
            SplitChoice.VALIDATION: "NOT held out: early stops and thresholds are chosen on the validation part.",
            SplitChoice.TRAIN: "NOT held out: the models are trained on this part.",
            SplitChoice.ALL: "NOT held out: the part that the models are trained on is among these.",
        }[self]
