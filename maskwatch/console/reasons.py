"""What the service says of itself, in English, in the words of the page."""

import re
from functools import cache

from maskwatch.console.texts import Texts, catalogue

WHY = "why"  # a place that another reason fills


def in_words(reason: str, t: Texts) -> str:
    """The reason in the language of `t`, as far as the catalogue `reasons` has it; `WHO: ` before it stays.

    One that it does not have is returned as it is.
    """
    if t.language == "en":
        return reason
    who, rest = "", reason
    while True:
        for key, pattern in _patterns():
            found = pattern.fullmatch(rest)
            if found:
                said = found.groupdict()
                return who + t(key, **said | ({WHY: in_words(said[WHY], t)} if WHY in said else {}))
        head, colon, rest = rest.partition(": ")
        if not colon:
            return reason
        who += head + colon


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each key with what its English text matches; those with more words of their own first."""
    texts = {key: each["en"] for key, each in catalogue().items() if key.startswith("reasons.")}
    ordered = sorted(texts, key=lambda key: -len(re.sub(r"\{\w+\}", "", texts[key])))
    return tuple((key, re.compile(_pattern(texts[key]))) for key in ordered)


def _pattern(text: str) -> str:
    pieces = re.split(r"\{(\w+)\}", text)  # every second is a name
    return "".join(f"(?P<{each}>.+?)" if n % 2 else re.escape(each) for n, each in enumerate(pieces))
