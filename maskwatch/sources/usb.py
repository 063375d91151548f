"""A camera on this machine: `usb:0` or `/dev/video0`."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame, Rgb
from maskwatch.sources.decoding import Cadence

_DEVICE = re.compile(r"usb:(\d+)|/dev/video(\d+)")


def _as_rgb(bgr: NDArray[Any], name: str) -> Rgb:
    """Raises `SourceError` where the driver returned something other than a colour picture."""
    try:
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    except cv2.error as e:
        raise SourceError(f"{name}: gives no colour picture") from e


def _open_v4l2(index: int) -> cv2.VideoCapture:
    if not Path(f"/dev/video{index}").exists():
        return cv2.VideoCapture()  # not opened; else OpenCV warns on standard error, in words that tell less
    return cv2.VideoCapture(index, cv2.CAP_V4L2)


class UsbSource:
    """Frames stamped with the Unix time of their arrival."""

    live = True

    def __init__(
        self,
        camera: str,
        address: Address,
        *,
        fps: float | None = None,
        open_device: Callable[[int], cv2.VideoCapture] = _open_v4l2,
    ) -> None:
        device = _DEVICE.fullmatch(address.reveal())
        if device is None:
            raise SourceError(f"{address}: is not usb:N or /dev/videoN")
        self.name = f"usb:{device[1] or device[2]}"
        self._index = int(device[1] or device[2])
        self._camera = camera
        self._fps = fps
        self._open_device = open_device

    def frames(self) -> Frames:
        """The frames of one opening of the device. A camera has no end, so this always raises `SourceError`."""
        device = self._open_device(self._index)
        try:
            if not device.isOpened():
                raise SourceError(f"{self.name}: cannot be opened")
            cadence = Cadence(self._fps)
            seq = 0
            while device.grab():
                if cadence.is_due(time.monotonic()):
                    ok, bgr = device.retrieve()
                    if not ok:
                        break
                    yield Frame(self._camera, self.name, seq, time.time(), _as_rgb(bgr, self.name))
                seq += 1
            raise SourceError(f"{self.name}: gives no more frames")
        finally:
            device.release()

    def expected(self) -> int | None:
        return None
