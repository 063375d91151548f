"""Words that people read."""

import re

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def pluralize(number: int, noun: str) -> str:
    """`0 samples`, `1 sample`, `2 people`."""
    plural = "people" if noun == "person" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def one_line(text: str) -> str:
    """The text with line ends written out: a name with one in it makes no line of its own."""
    return text.replace("\r", "\\r").replace("\n", "\\n")


def terminal_safe(text: str) -> str:
    """The text with what a terminal would obey written out: escapes, carriage returns, turned reading direction.

    Line ends and tabs stay, and so do the bytes of a name that is no UTF-8 (surrogates).
    """
    return OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)
