"""The cameras' pictures with what the models see, drawn here: the service sends them clean, once for all who look."""

import asyncio
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass

import cv2

from maskwatch.console.context import CameraView
from maskwatch.console.service_client import ServiceClient
from maskwatch.console.shared_call import SharedCall
from maskwatch.console.texts import Texts
from maskwatch.core.errors import ServiceError, SourceError
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import FrameReport, Label
from maskwatch.output.draw import resized, scene
from maskwatch.output.places import Places, Segment
from maskwatch.output.style import Words
from maskwatch.sources.images import decoded

WIDTHS = (320, 480, 640, 960, 1280, 1920)
"""Pixels: few sizes, so that many people's screens share pictures."""
ENOUGH = 0.85  # of the width that a screen wants: less is not enlarged so that anybody sees it
QUALITY = 75
UNKNOWN_CAMERA = CameraView()


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG; `number` is another one for each frame, size and language, and grows."""

    number: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class _Drawn:
    seq: tuple[str, int, float]
    picture: Picture


class Pictures:
    """At most `fps` a second of each camera and size, drawn at most once a language, whatever the number of viewers."""

    def __init__(self, service: ServiceClient, cameras: Mapping[str, CameraView], fps: float) -> None:
        self._service = service
        self._cameras = cameras
        self._every_s = 1 / fps
        self._frames: dict[tuple[str, int], SharedCall[tuple[FrameReport, bytes]]] = {}
        self._shared: dict[tuple[str, int, str], SharedCall[Picture]] = {}
        self._drawn: dict[tuple[str, int, str], _Drawn] = {}
        self._numbers = itertools.count(time.time_ns() // 1_000_000)  # not begun anew with the process

    def may_show(self, camera: str) -> bool:
        """Whether there are pictures of it at all."""
        return self._cameras.get(camera, UNKNOWN_CAMERA).privacy is not Privacy.AGGREGATE

    async def get(self, camera: str, width: int, language: str) -> Picture | None:
        """The last one for a screen that wants `width` px; None where there is none, or none may be shown."""
        if not self.may_show(camera):
            return None
        key = camera, fitting(width), Texts(language).language
        if key not in self._shared:
            self._shared[key] = SharedCall(lambda: self._draw(*key), self._every_s)
        try:
            return await self._shared[key]()
        except ServiceError:
            return None

    async def _draw(self, camera: str, width: int, language: str) -> Picture:
        frame = self._frames.get((camera, width))
        if frame is None:
            frame = SharedCall(lambda: self._service.frame(camera, width), self._every_s)
            self._frames[camera, width] = frame
        report, jpeg = await frame()
        drawn = self._drawn.get((camera, width, language))
        seq = report.source, report.seq, report.at
        if drawn is None or drawn.seq != seq:
            view = self._cameras.get(camera, UNKNOWN_CAMERA)
            made = await asyncio.to_thread(annotated_jpeg, jpeg, report, view, words_of(Texts(language)))
            drawn = _Drawn(seq, Picture(next(self._numbers), made))
            self._drawn[camera, width, language] = drawn
        return drawn.picture


def fitting(width: int) -> int:
    """The one of `WIDTHS` for a screen that wants `width` px."""
    return next((each for each in WIDTHS if each >= ENOUGH * width), WIDTHS[-1])


def words_of(texts: Texts) -> Words:
    """What is written on pictures."""
    return Words({label: texts(f"live.label_{label.value}") for label in Label}, texts("live.label_hidden"))


def annotated_jpeg(jpeg: bytes, report: FrameReport, view: CameraView, words: Words) -> bytes:
    """The clean picture of a report, of any size, with people, zones, lines and what is ignored.

    Raises `ServiceError` for what is no picture.
    """
    try:
        rgb = decoded(jpeg, "the service's picture")
    except SourceError as e:
        raise ServiceError(str(e)) from e
    report = resized(report, (rgb.shape[1], rgb.shape[0]))
    drawn = scene(rgb, report, places=places_of(view), words=words)
    ok, made = cv2.imencode(
        ".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    assert ok
    return bytes(made)


def places_of(view: CameraView) -> Places:
    """What of a camera's settings is drawn."""
    lines = {name: Segment(line.start, line.end, line.leaving) for name, line in view.lines.items()}
    return Places(view.ignore, view.zones, lines)
