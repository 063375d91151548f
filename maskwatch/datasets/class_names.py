"""What data sets call their classes, and what a person says that a class of theirs means."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from maskwatch.core.errors import ConfigError
from maskwatch.datasets.labels import Meaning

_SPELLINGS = {
    Meaning.PROTECTED: """
        protected, mask, masked, with mask, face with mask, masked face, face masked, face mask, mask on,
        wearing mask, wears mask, wear mask, has mask, mask worn, mask worn correctly, mask worn correct,
        mask weared correct, correct mask, mask correct, correctly masked, proper mask, good mask, good,
        착용, 마스크, 마스크 착용, 정상 착용""",
    Meaning.UNPROTECTED: """
        unprotected, without mask, no mask, face without mask, face no mask, no face mask, unmasked,
        unmasked face, face unmasked, not masked, non mask, mask off, without, not wearing mask, bare face,
        bare, none, 미착용, 마스크 미착용, 노마스크""",
    Meaning.WORN_WRONG: """
        worn wrong, mask worn wrong, mask weared incorrect, mask worn incorrect, mask worn incorrectly,
        incorrect mask, mask incorrect, with incorrect mask, face with mask incorrect, incorrectly masked,
        incorrectly worn mask, incorrect, improper mask, mask improper, improper, wrong mask, mask wrong,
        bad mask, bad, 오착용, 잘못 착용, 부적절 착용, 불완전 착용, 턱스크, 코스크""",
    Meaning.UNKNOWN: "unknown, unclear, unsure, ignore, ignored, dont care, 모름",
    Meaning.NO_FACE: "no face, not a face, background",
}
FACE, MASKED = "face", "face mask"  # AIZOO's two: `face` is a bare one where `face_mask` stands beside it


def plain(name: str) -> str:
    """Without what spellings differ in: case, blanks, underscores, hyphens, and how Unicode composes letters."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


_USUAL: Mapping[str, Meaning] = {
    plain(name): meaning for meaning, names in _SPELLINGS.items() for name in names.split(",")
}


@dataclass(frozen=True, slots=True)
class ClassNames:
    """What classes mean: as a person `said` (by `plain` name), else by their usual spellings."""

    said: Mapping[str, Meaning] = field(default_factory=dict)

    def meaning(self, name: str, beside: Collection[str] = ()) -> Meaning | None:
        """None: nobody knows. `beside` are all the classes of the data set."""
        key = plain(name)
        if key in self.said:
            return self.said[key]
        if key == FACE and plain(MASKED) in map(plain, beside):
            return Meaning.UNPROTECTED
        return _USUAL.get(key)

    def is_said(self, name: str) -> bool:
        """Whether a person said it of this very class."""
        return plain(name) in self.said


def parse_classes(texts: Iterable[str]) -> ClassNames:
    """From `NAME=LABEL` each. Raises `ConfigError`."""
    said: dict[str, Meaning] = {}
    for text in texts:
        name, _, word = text.rpartition("=")
        meaning = _USUAL.get(plain(word))
        if not plain(name) or meaning is None:
            labels = ", ".join(Meaning)
            raise ConfigError(f"--class: must be NAME=LABEL with one of the labels {labels}, got {text!r}")
        if said.setdefault(plain(name), meaning) is not meaning:
            raise ConfigError(f"--class: gives two labels for {name!r}")
    return ClassNames(said)


USUAL_NAMES = ClassNames()
