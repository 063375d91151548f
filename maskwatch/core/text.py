"""Words that people read."""


def pluralize(number: int, noun: str) -> str:
    """`0 samples`, `1 sample`, `2 people`."""
    plural = "people" if noun == "person" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
