"""Small pictures for the gallery and for quick looks, made when they are asked for and kept within a bound."""

import threading
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np

from maskwatch.core.errors import SourceError
from maskwatch.sources.images import read_rgb

WIDTH_PX = 400
HEIGHT_PX = 300
QUALITY = 78
MAX_BYTES = 32_000_000


def thumbnail(path: Path) -> bytes:
    """The picture as a JPEG of at most 400 x 300 px, in its own shape. Raises `SourceError`."""
    rgb = read_rgb(path)
    height, width = rgb.shape[:2]
    scale = min(1.0, WIDTH_PX / width, HEIGHT_PX / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not ok:
        raise SourceError(f"{path}: no small picture can be made of it")
    return np.asarray(data, np.uint8).tobytes()


class Thumbnails:
    """Keeps those that were asked for last, `max_bytes` of them in all; any thread may ask."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Path, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, path: Path) -> bytes:
        """A queue's frame never changes, so what was made once stays right, unless the frame is gone. Raises `SourceError`."""
        with self._lock:
            kept = self._kept.get(path)
            if kept is not None and not path.exists():
                self._bytes -= len(self._kept.pop(path))
                kept = None
            if kept is not None:
                self._kept.move_to_end(path)
                return kept
        made = thumbnail(path)
        with self._lock:
            self._bytes += len(made) - len(self._kept.pop(path, b""))
            self._kept[path] = made
            while self._bytes > self._max_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped)
        return made

    @property
    def kept_bytes(self) -> int:
        """The size of the JPEGs in memory, in bytes."""
        return self._bytes
