"""How much of a picture may be stored or shown."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from maskwatch.core.records import Box, Decision, Frame, FrameReport, Polygon, Rgb

CELLS = 5  # a side of a face is so many even squares, of which neither people nor programs know anybody
ROOM = 0.35  # of a face's longer side, around it: hair, ears and chin


class Privacy(StrEnum):
    """`FULL`: pictures unchanged. `BLUR`: every face is pixelated. `AGGREGATE`: no picture and no position, only counts."""

    FULL = "full"
    BLUR = "blur"
    AGGREGATE = "aggregate"


@dataclass(frozen=True, slots=True)
class CameraPrivacy:
    """What of a camera may be stored or shown: as in its configuration."""

    privacy: Privacy = Privacy.FULL
    ignore: tuple[Polygon, ...] = ()


def shown(
    frame: Frame, report: FrameReport, privacy: Privacy, ignore: Sequence[Polygon] = ()
) -> Frame | None:
    """As much of a frame as may be stored or shown; None where nothing of it may.

    With `BLUR`, these are pixelated: faces, near misses, expected positions of hidden faces, and everything in an `ignore`
    polygon, where faces are not searched.
    """
    if privacy is Privacy.FULL:
        return frame
    if privacy is Privacy.AGGREGATE:
        return None
    return replace(frame, rgb=coarse(frame.rgb, faces_in(report), ignore))


def as_shown(decision: Decision, privacy: Privacy, ignore: Sequence[Polygon] = ()) -> Decision:
    """The decision with as much of its frame as may be shown; where nothing may, that is a black one of its size."""
    frame = shown(decision.frame, decision.report, privacy, ignore)
    if frame is None:
        frame = replace(decision.frame, rgb=np.zeros_like(decision.frame.rgb))
    return replace(decision, frame=frame)


def faces_in(report: FrameReport) -> tuple[Box, ...]:
    """Wherever in the frame a face is, or may be."""
    found = [face.box for face in (*report.faces, *report.near_misses)]
    return (*found, *(person.box for person in report.persons or ()))


def coarse(rgb: Rgb, faces: Iterable[Box], areas: Sequence[Polygon] = ()) -> Rgb:
    """A copy in which each face, with room around it, is a few even squares, and so is the rectangle about each area.

    `faces` are boxes in pixels, `areas` polygons with corners as shares of width and height. Even means the squares' mean
    colour, so the original cannot be restored.
    """
    result = rgb.copy()
    height, width = rgb.shape[:2]
    for face in faces:
        side = max(face.width, face.height)
        room = ROOM * side
        box = Box(face.x1 - room, face.y1 - room, face.x2 + room, face.y2 + room)
        _make_coarse(result, box.within(width, height), max(1, math.ceil(side / CELLS)))
    for area in areas:
        x, y = ([corner[axis] * size for corner in area] for axis, size in ((0, width), (1, height)))
        box = Box(min(x), min(y), max(x), max(y)).within(width, height)
        _make_coarse(result, box, max(1, math.ceil(max(box.width, box.height) / CELLS)))
    return result


def _make_coarse(rgb: Rgb, box: Box, cell: int) -> None:
    """In place: squares of `cell` px take their mean colour."""
    x1, y1, x2, y2 = math.floor(box.x1), math.floor(box.y1), math.ceil(box.x2), math.ceil(box.y2)
    part = rgb[y1:y2, x1:x2]
    if not part.size:
        return
    rows, columns = np.arange(0, y2 - y1, cell), np.arange(0, x2 - x1, cell)
    sums = np.add.reduceat(np.add.reduceat(part, rows, axis=0, dtype=np.int64), columns, axis=1)
    tall, wide = np.diff(rows, append=y2 - y1), np.diff(columns, append=x2 - x1)
    means = (sums // (tall[:, None] * wide)[..., None]).astype(np.uint8)
    part[:] = means.repeat(tall, axis=0).repeat(wide, axis=1)
