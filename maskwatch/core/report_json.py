"""A frame's report as JSON and back, whole: what one process of the program tells another."""

import json
import math
from dataclasses import asdict
from typing import Any

from maskwatch.core.records import Box, Coverage, Face, FrameReport, Label, Person

FARTHEST = 1e6  # px, from a picture's corner
HEAD = 4  # bytes: how long the JSON before a picture is, big-endian


def packed(report: FrameReport, jpeg: bytes) -> bytes:
    """A report and its picture in one."""
    head = json.dumps(to_json(report)).encode()
    return len(head).to_bytes(HEAD, "big") + head + jpeg


def unpacked(body: bytes) -> tuple[FrameReport, bytes]:
    """What `packed` was given. Raises as `from_json`."""
    end = HEAD + int.from_bytes(body[:HEAD], "big")
    return from_json(json.loads(body[HEAD:end])), body[end:]


def to_json(report: FrameReport) -> dict[str, object]:
    """All of it but the versions of the models."""
    return {
        "camera": report.camera,
        "source": report.source,
        "seq": report.seq,
        "at": report.at,
        "size": list(report.size),
        "look": report.look.value,
        "faces": [_face(face) for face in report.faces],
        "near_misses": [_face(face) for face in report.near_misses],
        "moved": [list(box) for box in report.moved],
        "persons": None if report.persons is None else [_person(each) for each in report.persons],
    }


def from_json(data: Any) -> FrameReport:
    """What `to_json` gave. Raises one of `MALFORMED` when it is something else."""
    persons, (width, height) = data["persons"], data["size"]
    if min(width, height) <= 0:
        raise ValueError("no size of a picture")
    return FrameReport(
        str(data["camera"]),
        str(data["source"]),
        int(data["seq"]),
        _number(data["at"]),
        (int(width), int(height)),
        tuple(map(_to_face, data["faces"])),
        Coverage(data["look"]),
        near_misses=tuple(map(_to_face, data["near_misses"])),
        moved=tuple(map(_to_box, data["moved"])),
        persons=None if persons is None else tuple(map(_to_person, persons)),
    )


def _face(face: Face) -> dict[str, object]:
    return {
        "box": list(face.box),
        "score": face.score,
        "protected": face.protected,
        "label": face.label.value,
    }


def _to_face(data: Any) -> Face:
    protected = None if data["protected"] is None else _number(data["protected"])
    return Face(_to_box(data["box"]), _number(data["score"]), protected, Label(data["label"]))


def _to_box(data: Any) -> Box:
    x1, y1, x2, y2 = map(_number, data)
    if max(map(abs, (x1, y1, x2, y2))) > FARTHEST:
        raise ValueError("no box of a picture")
    return Box(x1, y1, x2, y2)


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("no number")
    return value


def _person(person: Person) -> dict[str, object]:
    return asdict(person) | {
        "box": list(person.box),
        "label": person.label.value,
        "zones": list(person.zones),
    }


def _to_person(data: Any) -> Person:
    made = dict(data) | {
        "box": _to_box(data["box"]),
        "label": Label(data["label"]),
        "zones": tuple(data["zones"]),
    }
    return Person(**made)
