"""Words that people read."""


def pluralize(number: int, noun: str) -> str:
    """`0 samples`, `1 sample`, `2 samples`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
