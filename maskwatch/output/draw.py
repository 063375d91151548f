"""What people look at: a frame with boxes, verdicts and a banner."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from maskwatch.core.records import Alert, Box, Face, FrameReport, Label, Passage, Rgb, require_rgb
from maskwatch.output.labels import draw_labels
from maskwatch.output.people import Trails, draw_people
from maskwatch.output.places import Places, darkened, draw_lines, draw_zones
from maskwatch.output.style import ALERT_COLOUR, BANNER_COLOUR, COLOURS, ENGLISH, Words
from maskwatch.output.text import shortened, text_width, write

NOWHERE = Places()


def annotated(
    rgb: Rgb,
    report: FrameReport,
    alert: Alert | None = None,
    *,
    places: Places = NOWHERE,
    numbered: bool = False,
    trails: Trails | None = None,
    passages: Sequence[Passage] = (),
) -> Rgb:
    """A copy of the frame with a box and a verdict on everybody in view, and a banner under the picture.

    Where people are followed, each has her number, and `trails` is where they were just now, `passages` who has just
    crossed a line. Where nobody is, as in a single picture, faces are drawn, and `numbered` puts each face's number
    before the verdict, from 1. What is inside an `ignore` polygon of `places` is shown dark.
    """
    image = scene(rgb, report, places=places, numbered=numbered, trails=trails, passages=passages)
    return np.concatenate([image, _banner(rgb.shape[1], report, alert, _text_px(rgb))])


def scene(
    rgb: Rgb,
    report: FrameReport,
    *,
    places: Places = NOWHERE,
    numbered: bool = False,
    trails: Trails | None = None,
    passages: Sequence[Passage] = (),
    words: Words = ENGLISH,
) -> Rgb:
    """As `annotated`, without the banner; `words` are in the language of who looks."""
    require_rgb(rgb)
    image = darkened(rgb, places.ignore)
    if report.persons is None:
        for number, face in enumerate(report.faces, 1):
            _draw_face(image, face, _text_px(rgb), f"{number} " if numbered else "", words)
    else:
        _draw_scene(image, report, places, trails or {}, passages, words=words)
    return image


def resized(report: FrameReport, size: tuple[int, int]) -> FrameReport:
    """What was seen, by the pixels of the same frame in another `size` (width, height)."""
    across, down = size[0] / report.size[0], size[1] / report.size[1]

    def moved(box: Box) -> Box:
        return Box(box.x1 * across, box.y1 * down, box.x2 * across, box.y2 * down)

    persons = report.persons
    return replace(
        report,
        size=size,
        faces=tuple(replace(face, box=moved(face.box)) for face in report.faces),
        near_misses=tuple(replace(face, box=moved(face.box)) for face in report.near_misses),
        moved=tuple(map(moved, report.moved)),
        persons=None if persons is None else tuple(replace(p, box=moved(p.box)) for p in persons),
    )


def _text_px(rgb: Rgb) -> int:
    return max(12, int(rgb.shape[0]) // 32)


def _draw_scene(
    image: Rgb,
    report: FrameReport,
    places: Places,
    trails: Trails,
    passages: Sequence[Passage],
    *,
    words: Words,
) -> None:
    """Zones, lines and people; no label hides another."""
    label_px = max(12, image.shape[0] // 42)
    thickness = max(2, label_px // 8)
    named = draw_zones(image, places.zones, thickness)
    crossed = draw_lines(image, places.lines, passages, thickness)
    people = draw_people(image, report.persons or (), trails, thickness, words)
    draw_labels(image, [*people, *crossed, *named], label_px)


def _draw_face(image: Rgb, face: Face, text_px: int, number: str, words: Words) -> None:
    colour = COLOURS[face.label]
    x1, y1, x2, y2 = (round(v) for v in face.box)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, max(2, text_px // 8))
    word = number + words.labels[face.label]
    if face.protected is not None:
        sure = face.protected if face.label is Label.PROTECTED else 1 - face.protected
        word += f" {sure:.0%}"
    width = text_width(word, text_px)
    left = min(max(0, x1), max(0, image.shape[1] - width - 6))
    top = y1 - text_px - 8 if y1 >= text_px + 8 else y2
    cv2.rectangle(image, (left, top), (left + width + 6, top + text_px + 8), colour, cv2.FILLED)
    write(image, word, (left + 3, top + text_px), (0, 0, 0), text_px)


def _banner(width: int, report: FrameReport, alert: Alert | None, text_px: int) -> Rgb:
    height = 2 * (text_px + text_px // 2)
    banner = np.empty((height + height % 2, width, 3), np.uint8)
    banner[:] = ALERT_COLOUR if alert else BANNER_COLOUR
    white, line_px = (255, 255, 255), text_px + text_px // 2
    lines = [f"{report.camera}   {_clock(report.at)}   {_seen(report)}"]
    lines += [f"Alert: {alert.say}"] if alert else []
    for number, line in enumerate(lines, 1):
        shown = shortened(line, width - 16, text_px)
        write(banner, shown, (8, number * line_px - text_px // 3), white, text_px)
    return banner


def _seen(report: FrameReport) -> str:
    """How many are protected: of the people where they are followed, else of the faces."""
    ratio = report.protected_ratio
    if ratio is None:
        return "nobody to assess"
    people = (
        "" if report.persons is None else "1 person " if report.people == 1 else f"{report.people} people "
    )
    of = people or f"{report.people} "
    return f"{report.count(Label.PROTECTED)} of {of}protected, {ratio:.0%}"


def _clock(at: float) -> str:
    """Seconds of a clip as m:ss.t; Unix time as date and time in UTC."""
    if at < 1_000_000_000:
        return f"{int(at // 60)}:{at % 60:04.1f}"
    return f"{np.datetime64(int(at), 's')}Z".replace("T", " ")
