"""Pictures that people bring themselves: samples of a camera called `uploads`."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from maskwatch.core.errors import ImageError, MaskwatchError, SourceError
from maskwatch.core.records import Face, Frame, FrameReport, Rgb
from maskwatch.samples.store import Queue
from maskwatch.sources.images import JPEG, PNG, decoded

log = logging.getLogger(__name__)

CAMERA = "uploads"
REASON = "upload"
SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_BYTES = 25_000_000
LONGEST_NAME = 120


class Refusal(StrEnum):
    """Why a picture is not taken."""

    TOO_LARGE = "too_large"
    NO_PICTURE = "no_picture"
    TOO_MANY_PIXELS = "too_many_pixels"


class UploadRefused(SourceError):  # noqa: N818 - a refusal is not a fault
    """It is no picture that can be used, for this reason."""

    def __init__(self, reason: Refusal, said: str) -> None:
        super().__init__(said)
        self.reason = reason


Proposer = Callable[[Rgb], tuple[Face, ...]]
"""Finds and judges the faces of a picture, for people to correct."""


@dataclass(frozen=True, slots=True)
class Upload:
    """`proposed` is False where no faces could be looked for."""

    sample_id: str
    faces: int
    proposed: bool


class Uploads:
    """Adds uploaded images to the queue, with the faces that `propose` finds. Thread-safe; one at a time."""

    def __init__(self, queue: Queue, propose: Proposer) -> None:
        self._queue = queue
        self._propose = propose
        self._lock = threading.Lock()  # one at a time: looking for faces takes all the processor there is
        self._count = 0

    def store(self, name: str, data: bytes) -> Upload:
        """Keep a picture. Raises `UploadRefused` when it is none that can be used, `QueueError` when it cannot be kept."""
        name = PurePath(name.replace("\\", "/")).name[-LONGEST_NAME:] or "picture"
        if len(data) > MAX_BYTES:
            raise UploadRefused(Refusal.TOO_LARGE, f"{name}: is larger than {MAX_BYTES // 1_000_000} MB")
        if not data.startswith((JPEG, PNG)):
            raise UploadRefused(Refusal.NO_PICTURE, f"{name}: is no JPEG or PNG")
        with self._lock:
            rgb = _decoded(data, name)
            faces = self._faces(rgb)
            frame = Frame(CAMERA, name, self._count, time.time(), rgb)
            report = FrameReport(CAMERA, name, frame.seq, frame.at, frame.size, faces or ())
            self._count += 1
            return Upload(self._queue.add(frame, report, (REASON,)), len(faces or ()), faces is not None)

    def _faces(self, rgb: Rgb) -> tuple[Face, ...] | None:
        try:
            return self._propose(rgb)
        except MaskwatchError as e:
            log.warning("review: no faces are proposed: %s", e)
            return None


def _decoded(data: bytes, name: str) -> Rgb:
    try:
        return decoded(data, name)
    except ImageError as e:
        raise UploadRefused(Refusal.TOO_MANY_PIXELS, str(e)) from e
    except SourceError as e:
        raise UploadRefused(Refusal.NO_PICTURE, str(e)) from e
