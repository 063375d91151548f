"""Colours and words of what is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

from maskwatch.core.records import Label
from maskwatch.output.text import Colour

# blue and orange stay apart for people who cannot tell green from red
COLOURS: dict[Label, Colour] = {
    Label.PROTECTED: (64, 160, 255),
    Label.UNPROTECTED: (255, 110, 40),
    Label.UNKNOWN: (170, 170, 170),
}
WORDS = {Label.PROTECTED: "mask", Label.UNPROTECTED: "no mask", Label.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class Words:
    """What stands beside people, in one language: the verdict on a face, and that a face is hidden."""

    labels: Mapping[Label, str]
    hidden: str


ENGLISH = Words(WORDS, "hidden")
ALERT_COLOUR: Colour = (200, 30, 30)
BANNER_COLOUR: Colour = (24, 24, 24)
PLACE_COLOUR: Colour = (225, 225, 210)  # zones, lines and what is ignored
HALO: Colour = (0, 0, 0)  # around thin lines, which would be lost on a bright picture


def hexadecimal(colour: Colour) -> str:
    """As charts and pages name it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
