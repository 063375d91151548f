"""COCO's masks of runs: how many pixels off and on, in turns, column by column from the top left."""

from itertools import accumulate
from typing import Any

from maskwatch.core.records import Box

MAX_RUNS = 1_000_000


def box_of_runs(mask: dict[str, Any]) -> Box:
    """The box about the pixels of `{"size": [height, width], "counts": numbers or text}`.

    Raises `KeyError`, `TypeError` and `ValueError` for what is no such mask, or one without a pixel.
    """
    height, width = (int(v) for v in mask["size"])
    counts = mask["counts"]
    runs = _from_text(counts) if isinstance(counts, str) else [int(v) for v in counts]
    if min(runs, default=-1) < 0 or height <= 0 or sum(runs) > height * width:
        raise ValueError("a mask of runs that does not fit its size")
    ends = list(accumulate(runs))
    spans = [(start, end) for start, end in zip(ends[0::2], ends[1::2], strict=False) if end > start]
    if not spans:
        raise ValueError("a mask of no pixel")
    tall = any(
        start // height != (end - 1) // height for start, end in spans
    )  # from one column into the next
    top = 0 if tall else min(start % height for start, _ in spans)
    bottom = height if tall else max((end - 1) % height + 1 for _, end in spans)
    return Box(spans[0][0] // height, top, (spans[-1][1] - 1) // height + 1, bottom)


def _from_text(text: str) -> list[int]:
    """Runs as pycocotools packs them: five bits a letter, low ones first, from the third on the difference to the one before last."""
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60 or len(runs) > MAX_RUNS:
            raise ValueError("no text of a mask of runs")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            value -= (1 << shift) if bits & 0x10 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs
