"""Writes frames as a video file."""

from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np

from maskwatch.core.records import Rgb
from maskwatch.platform.files import replacing


class VideoWriter:
    """Writes frames as H.264 that a browser plays; use it in a `with`.

    The file, for its user alone, appears when the block ends well. All frames take the size of the first, or `size`
    (width, height), rounded to even numbers for the codec; a frame of another size is scaled to fit.
    """

    def __init__(self, path: Path, size: tuple[int, int] | None = None) -> None:
        self._replacing = replacing(path)
        self.size = size
        self._last_pts = -1

    def __enter__(self) -> Self:
        self._part = self._replacing.__enter__()
        self._part.touch(mode=0o600)
        self._container = av.open(str(self._part), "w", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream(
            "libx264", rate=25, options={"crf": "23", "preset": "veryfast"}
        )
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, 1000)
        return self

    def write(self, rgb: Rgb, at: float) -> None:
        """Add a frame to be shown at `at` seconds; times must rise."""
        if self.size is None:
            height, width = rgb.shape[:2]
            self.size = width + width % 2, height + height % 2
        if self._last_pts < 0:
            self._stream.width, self._stream.height = self.size
        frame = av.VideoFrame.from_ndarray(_fitted(rgb, self.size), format="rgb24")
        frame.pts = self._last_pts = max(self._last_pts + 1, round(at * 1000))
        frame.time_base = Fraction(1, 1000)
        self._container.mux(self._stream.encode(frame))

    def __exit__(self, *error: object) -> None:
        try:
            if self._last_pts >= 0:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        finally:
            self._replacing.__exit__(*error)  # type: ignore[arg-type]


def _fitted(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """The picture in a frame of `size` (width, height): scaled down when larger, the rest black."""
    width, height = size
    scale = min(1.0, width / rgb.shape[1], height / rgb.shape[0])
    if scale < 1:
        small = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
        rgb = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.uint8)
    if rgb.shape[:2] == (height, width):
        return np.ascontiguousarray(rgb)
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: rgb.shape[0], : rgb.shape[1]] = rgb
    return canvas
