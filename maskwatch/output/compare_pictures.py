"""A frame as two runs saw it, side by side."""

import cv2
import numpy as np

from maskwatch.core.geometry import enclosing_box
from maskwatch.core.records import Alert, Box, FrameReport, Rgb
from maskwatch.output.compare import Difference, Run
from maskwatch.output.draw import annotated
from maskwatch.output.places import Places
from maskwatch.output.style import BANNER_COLOUR
from maskwatch.output.text import write

SIDE_PX = (480, 320)  # at most: width and height of a half
GAP_PX, HEAD_PX = 6, 22
MIN_CUT_PX = 320  # of the frame's width, that is shown at least around a person
FACES = 3  # so many faces go beside each other into what is shown
ALERT_SHOWN_S = 2.0


def side_by_side(
    rgb: Rgb, difference: Difference, runs: tuple[Run, Run], places: tuple[Places, Places]
) -> Rgb:
    """The frame of a difference, A left and B right, cut about those whom it is about, if it is about people."""
    reports = [run.trace.report(difference.place) for run in runs]
    about = _around(reports, (difference.people_a, difference.people_b))
    halves = [
        _half(rgb, report, _alert(run, report.at), where, about)
        for report, run, where in zip(reports, runs, places, strict=True)
    ]
    named = [_headed(half, name) for half, name in zip(halves, ("A", "B"), strict=True)]
    gap = np.full((named[0].shape[0], GAP_PX, 3), 255, np.uint8)
    return np.concatenate([named[0], gap, named[1]], axis=1)


def _half(rgb: Rgb, report: FrameReport, alert: Alert | None, places: Places, about: Box | None) -> Rgb:
    whole = annotated(rgb, report, alert, places=places)
    if about is None:
        return _fitted(whole)
    x1, y1, x2, y2 = _cut(about, report.size)
    return _fitted(whole[y1:y2, x1:x2])


def _fitted(rgb: Rgb) -> Rgb:
    """In its shape, as large as the half allows."""
    height, width = rgb.shape[:2]
    scale = min(SIDE_PX[0] / width, SIDE_PX[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(rgb), size, interpolation=way), np.uint8)


def _around(reports: list[FrameReport], tracks: tuple[tuple[int, ...], tuple[int, ...]]) -> Box | None:
    """What holds all of those people in both runs; None where it is about nobody."""
    boxes = [
        person.box
        for report, wanted in zip(reports, tracks, strict=True)
        for person in report.persons or ()
        if person.track in wanted
    ]
    if not boxes:
        return None
    whole = boxes[0]
    for box in boxes[1:]:
        whole = enclosing_box(whole, box)
    return whole


def _cut(about: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A part of the frame of the half's shape with room around, in whole pixels; moved where the frame ends."""
    width = max(MIN_CUT_PX, FACES * about.width, FACES * about.height * SIDE_PX[0] / SIDE_PX[1], size[0] / 3)
    width = min(width, size[0], size[1] * SIDE_PX[0] / SIDE_PX[1])
    height = width * SIDE_PX[1] / SIDE_PX[0]
    x, y = about.centre
    left = min(max(0.0, x - width / 2), size[0] - width)
    top = min(max(0.0, y - height / 2), size[1] - height)
    return round(left), round(top), round(left + width), round(top + height)


def _alert(run: Run, at: float) -> Alert | None:
    """The one that has just been given."""
    standing = (each for each in run.alerts if each.ended_at is None or at < each.ended_at)
    return next((each for each in standing if 0 <= at - each.at < ALERT_SHOWN_S), None)


def _headed(half: Rgb, name: str) -> Rgb:
    head = np.empty((HEAD_PX, half.shape[1], 3), np.uint8)
    head[:] = BANNER_COLOUR
    write(head, name, (6, HEAD_PX - 6), (255, 255, 255), 15)
    return np.concatenate([head, half])
