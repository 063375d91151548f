"""What a second person says of a sample, who does not see what the first said, and what a reviewer decides.

Both stand in the sample's record beside its labels; a program that does not know them reads the record as before:

    "opinions": [{"faces": […], "by": "lee", "at": …, "revision": 1}]
    "verdict": {"accepted": false, "by": "park", "at": …, "revision": 1, "comment": "The mask is under the nose."}

`revision` is that of the labels beside which the opinion was given, or which the verdict is about: with the next
revision a verdict holds no more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maskwatch.core.geometry import iou
from maskwatch.samples.annotations import (
    Annotation,
    annotations_from_json,
    annotations_to_json,
    moment_from_json,
    moment_to_json,
)

MATCH_IOU = 0.5  # two people's boxes are of one face from this overlap on, as in the evaluation
LONGEST_COMMENT = 2000


@dataclass(frozen=True, slots=True)
class Opinion:
    """All faces of a frame, as a second person saw them."""

    faces: tuple[Annotation, ...]
    by: str
    at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Labels that a reviewer has accepted, or given back with a comment on what to mend."""

    accepted: bool
    by: str
    at: datetime
    revision: int
    comment: str = ""


def matched(first: Sequence[Annotation], second: Sequence[Annotation]) -> list[tuple[int, int]]:
    """The places of the boxes that are of one face, each once, those that overlap most first."""
    overlaps = [(iou(a.box, b.box), i, j) for i, a in enumerate(first) for j, b in enumerate(second)]
    pairs: list[tuple[int, int]] = []
    for overlap, i, j in sorted(overlaps, key=lambda each: (-each[0], each[1], each[2])):
        if overlap >= MATCH_IOU and all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def agree(first: Sequence[Annotation], second: Sequence[Annotation]) -> bool:
    """Whether two people marked the same faces and gave each the same label."""
    pairs = matched(first, second)
    return len(pairs) == len(first) == len(second) and all(
        first[i].label is second[j].label for i, j in pairs
    )


def opinions_to_json(opinions: Iterable[Opinion]) -> list[dict[str, object]]:
    """As a record writes them."""
    return [
        {
            "faces": annotations_to_json(each.faces),
            "by": each.by,
            "at": moment_to_json(each.at),
            "revision": each.revision,
        }
        for each in opinions
    ]


def opinions_from_json(data: Any) -> tuple[Opinion, ...]:
    """Raises `ValueError`, `KeyError` or `TypeError` for what is none."""
    return tuple(
        Opinion(
            annotations_from_json(each["faces"]),
            str(each["by"]),
            moment_from_json(each["at"]),
            int(each["revision"]),
        )
        for each in data or ()
    )


def verdict_to_json(verdict: Verdict) -> dict[str, object]:
    """As a record writes it."""
    return {
        "accepted": verdict.accepted,
        "by": verdict.by,
        "at": moment_to_json(verdict.at),
        "revision": verdict.revision,
        "comment": verdict.comment,
    }


def verdict_from_json(data: Any) -> Verdict | None:
    """None of None. Raises `ValueError`, `KeyError` or `TypeError` for what is none."""
    if data is None:
        return None
    return Verdict(
        bool(data["accepted"]),
        str(data["by"]),
        moment_from_json(data["at"]),
        int(data["revision"]),
        str(data.get("comment", "")),
    )
