"""Stills and clips of alerts: each camera's last seconds are kept, so that what led to an alert can be seen."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from av import FFmpegError
from cv2.typing import MatLike

from maskwatch.alerts.picture import draw_boxes
from maskwatch.core.privacy import CameraPrivacy, Privacy, coarse, faces_in, shown
from maskwatch.core.records import Alert, AlertKind, Box, Coverage, Decision, Face, FrameReport, Rgb
from maskwatch.events.media import Media
from maskwatch.events.ring import Recording, Ring, Shot
from maskwatch.pipeline.worker import Worker
from maskwatch.sources.video_writer import VideoWriter

log = logging.getLogger(__name__)

WIDTH_PX = 640  # of a clip, at most: with 960 px it took half as much time again
STILL_PX = 1920
QUALITY, STILL_QUALITY = 75, 85
MAX_FPS = 10.0  # of a clip: the pictures of 5 s take about 3 MB a camera then
SAME_S = 1.0  # a picture in which nothing moved stands for so long
FRAMES_WAITING = 8  # megabytes each; with more, frames are left out
ALERTS_WAITING = 64
WRITES_WAITING = 16
LATE_S = 2.0  # after its last moment, a clip waits so long for a camera that gives no frames
PAUSE_S = 0.25
CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    event_id: str
    camera: str
    alert: Alert


class Clips:
    """Writes a still and a clip of each alert, from `clip_s` before it to as long after; with 0 a still alone.

    `update` and `on_alert` never wait, in whatever order they come; both are one thread's, the engine's. The work is
    done on a thread that looks at each frame, and on one that writes. Of a camera with privacy `AGGREGATE` nothing is
    kept, and with `BLUR` nothing sharp. Stills and clips together take at most `max_mb` (10^6 bytes). A file that cannot be
    written is logged once, until one can be. `on_crash` is told what ended a thread. Use it in a `with`.
    """

    def __init__(
        self,
        media: Media,
        cameras: Mapping[str, CameraPrivacy],
        *,
        clip_s: float,
        max_mb: float,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._media = media
        self._cameras = {
            name: each for name, each in cameras.items() if each.privacy is not Privacy.AGGREGATE
        }
        self._clip_s = clip_s
        self._max_bytes = round(max_mb * 1e6)
        self._on_crash = on_crash
        self._jobs: queue.SimpleQueue[Decision | _Wanted | None] = queue.SimpleQueue()
        self._rings = {name: Ring(clip_s) for name in self._cameras}
        self._stills: dict[str, tuple[float, bytes]] = {}  # each camera's last frame with an alert
        self._open: list[Recording] = []
        self._is_failing = False

    def __enter__(self) -> Self:
        self._writer = Worker("clip writer", capacity=WRITES_WAITING, on_crash=self._on_crash)
        self._writer.submit(self._tidy)
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what is begun within a second, with the frames that came so far."""
        deadline = time.monotonic() + CLOSE_S
        self._jobs.put(None)
        self._thread.join(CLOSE_S)
        self._writer.close(max(0.0, deadline - time.monotonic()))

    def update(self, decision: Decision) -> None:
        """Take note of a frame that was decided; left out where too many wait."""
        if decision.report.camera in self._cameras and self._jobs.qsize() < FRAMES_WAITING:
            self._jobs.put(decision)

    def on_alert(self, event_id: str, camera: str, alert: Alert) -> None:
        """A still and a clip are wanted under that id. A camera that gives no frames has none."""
        if camera not in self._cameras or alert.kind is AlertKind.CAMERA_DEAD:
            return
        if self._jobs.qsize() < ALERTS_WAITING:
            self._jobs.put(_Wanted(event_id, camera, alert))
        else:
            log.warning("%s: an alert has no clip, as too many came at once", camera)

    def _run(self) -> None:
        try:
            while True:
                try:
                    job = self._jobs.get(timeout=PAUSE_S)
                except queue.Empty:
                    self._close_late()
                    continue
                if job is None:
                    break
                if isinstance(job, Decision):
                    self._keep(job)
                else:
                    self._begin(job)
                self._close_late()
            for each in self._open:
                self._write(each)
        except BaseException as e:  # noqa: BLE001 - handed to the owner, who ends the process with it
            self._on_crash(e)

    def _keep(self, decision: Decision) -> None:
        camera, at = decision.report.camera, decision.report.at
        if decision.alerts:
            self._stills[camera] = at, self._still(decision)
            for each in self._open:
                self._write_still(each)
        if not self._clip_s:
            self._open = [each for each in self._open if not each.has_still]
            return
        last = self._rings[camera].last
        is_soon = last is not None and 0 <= at - last.at < 0.9 / MAX_FPS
        if is_soon and not decision.alerts:
            return
        shot = self._shot(decision, last)
        self._rings[camera].add(shot)
        for each in self._open:
            if each.camera == camera:
                each.add(shot)

    def _shot(self, decision: Decision, last: Shot | None) -> Shot:
        report = decision.report
        size = _fitted(report.size, WIDTH_PX)
        faces = _judged(report, size[0] / report.size[0])
        is_same = report.look is Coverage.CARRIED and last is not None
        if is_same and last is not None and 0 <= report.at - last.drawn_at < SAME_S:
            return Shot(report.at, last.jpeg, faces, last.drawn_at)
        about = self._cameras[report.camera]
        small = _small(decision.frame.rgb, size, cv2.INTER_LINEAR)  # by area it takes three times as long
        if about.privacy is Privacy.BLUR:  # of the small picture: the same few squares, for less time
            small = coarse(
                small, [_scaled(box, size[0] / report.size[0]) for box in faces_in(report)], about.ignore
            )
        return Shot(report.at, _jpeg(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), QUALITY), faces, report.at)

    def _still(self, decision: Decision) -> bytes:
        """As sharp as the camera and its privacy have it, with the faces' boxes."""
        about, report = self._cameras[decision.report.camera], decision.report
        frame = shown(decision.frame, report, about.privacy, about.ignore)
        assert frame is not None  # it is not aggregate
        size = _fitted(report.size, STILL_PX)
        bgr = cv2.cvtColor(_small(frame.rgb, size, cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        draw_boxes(bgr, _judged(report, size[0] / report.size[0]))
        return _jpeg(bgr, STILL_QUALITY)

    def _begin(self, wanted: _Wanted) -> None:
        at = wanted.alert.at
        deadline_s = time.monotonic() + self._clip_s + LATE_S
        shots = self._rings[wanted.camera].between(at - self._clip_s, at + self._clip_s)
        made = Recording(wanted.event_id, wanted.camera, at, at + self._clip_s, deadline_s, shots)
        self._write_still(made)
        if self._clip_s or not made.has_still:
            self._open.append(made)

    def _close_late(self) -> None:
        now_s = time.monotonic()
        for each in self._open:
            if each.is_over or now_s >= each.deadline_s:
                each.is_over = True
                self._write(each)
        self._open = [each for each in self._open if not each.is_over]

    def _write_still(self, recording: Recording) -> None:
        at, jpeg = self._stills.get(recording.camera, (None, b""))
        if not recording.has_still and at == recording.alert_at:
            recording.has_still = True
            self._submit(partial(self._media.write_still, recording.event_id, jpeg), recording.camera)

    def _write(self, recording: Recording) -> None:
        if recording.shots and self._clip_s:
            path = self._media.clip(recording.event_id)
            self._submit(partial(write_clip, path, recording.shots), recording.camera)

    def _submit(self, write: Callable[[], None], camera: str) -> None:
        if not self._writer.submit(partial(self._written, write)):
            log.warning("%s: an alert has no picture, as too many came at once", camera)

    def _written(self, write: Callable[[], None]) -> None:
        try:
            write()
            self._tidy()
        except (OSError, FFmpegError, MemoryError) as e:  # nothing of these is worth a watch that ends
            if not self._is_failing:
                where = getattr(e, "filename", None) or self._media.folder
                why = getattr(e, "strerror", None) or str(e) or type(e).__name__
                log.warning("events: no pictures of alerts are written: %s: %s", where, why)
            self._is_failing = True
            return
        if self._is_failing:
            log.info("events: pictures of alerts are written again")
        self._is_failing = False

    def _tidy(self) -> None:
        self._media.keep_within(self._max_bytes)


def write_clip(path: Path, shots: Sequence[Shot]) -> None:
    """Write shots, at least one, as an H.264 video with the faces' boxes, each shown at its own time. Raises `OSError`."""
    with VideoWriter(path) as video:
        for shot in shots:
            bgr = cv2.imdecode(np.frombuffer(shot.jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert bgr is not None  # it was encoded here
            draw_boxes(bgr, shot.faces)
            video.write(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), shot.at - shots[0].at)


def _fitted(size: tuple[int, int], width: int) -> tuple[int, int]:
    """That size, or with its shape a smaller one of even sides, so wide at most."""
    if size[0] <= width:
        return size
    return width, max(2, round(size[1] * width / size[0] / 2) * 2)


def _small(rgb: Rgb, size: tuple[int, int], how: int) -> Rgb:
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    return np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)


def _jpeg(bgr: MatLike, quality: int) -> bytes:
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok  # a frame's sides fit a JPEG
    return bytes(data)


def _judged(report: FrameReport, scale: float) -> tuple[Face, ...]:
    """The faces in a picture `scale` times as large, each with the verdict on its person where she is followed."""
    verdicts = {person.face: person.label for person in report.persons or () if person.face is not None}
    return tuple(
        replace(face, box=_scaled(face.box, scale), label=verdicts.get(number, face.label))
        for number, face in enumerate(report.faces)
    )


def _scaled(box: Box, scale: float) -> Box:
    return Box(*(side * scale for side in box))
