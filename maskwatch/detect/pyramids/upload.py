"""Frames on their way to a card: through kept page-locked memory, beside what it computes."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from maskwatch.core.records import Rgb
from maskwatch.platform.device_frames import Image

BUFFERS = 2  # one is filled while the other goes up


class Uploader:
    """Takes frames to `device`, in the order of the calls; all but `begin` are for one thread.

    On a card this has a stream of its own, and page-locked memory that grows to the largest batch that it was given.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begun: tuple[tuple[int, ...], Future[Tensor]] | None = None
        self._turn = Lock()
        self._next = 0
        self._is_card = device.type == "cuda"
        if self._is_card:
            self._pinned = [torch.empty(0, dtype=torch.uint8) for _ in range(BUFFERS)]
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            self._gone_up = [torch.cuda.Event() for _ in range(BUFFERS)]  # type: ignore[no-untyped-call]
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="upload")

    def begin(self, frames: Sequence[Image]) -> None:
        """Take these up while the caller does something else: the next that `upload` will be asked for."""
        arrays = _arrays(frames)
        if self._is_card and arrays:
            self._begun = _identity(arrays), self._thread.submit(self._uploaded, arrays)

    def upload(self, images: Sequence[Image]) -> Tensor:
        """Frames of one size as `(N, H, W, 3)` uint8 on the device; nobody waits for them but the device.

        Either all are arrays, or all are tensors on the device. To be followed by `taken` when what is computed from
        the frames is under way.
        """
        frames = _arrays(images)
        if not frames:
            return torch.stack([image for image in images if isinstance(image, Tensor)])
        if not self._is_card:
            return torch.from_numpy(np.stack(frames)).to(self._device)
        begun, self._begun = self._begun, None
        there = None
        if begun is not None and begun[0] == _identity(frames):
            there = begun[1].result()
        if there is None:
            there = self._uploaded(frames)
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        return there

    def taken(self) -> None:
        """The memory of the last frames may be written over after what the caller has asked of the device so far."""
        if self._is_card:
            self._stream.wait_stream(torch.cuda.current_stream(self._device))

    @torch.inference_mode()
    def _uploaded(self, frames: Sequence[Rgb]) -> Tensor:
        with self._turn:
            number = self._next = (self._next + 1) % BUFFERS
            self._gone_up[number].synchronize()  # long ago, as a rule
            shape = (len(frames), *frames[0].shape)
            buffer = self._buffer(number, int(np.prod(shape))).view(shape)
            for place, rgb in zip(buffer, frames, strict=True):
                # torch takes none that it may not write to
                place.copy_(torch.from_numpy(rgb if rgb.flags.writeable else rgb.copy()))
            with torch.cuda.stream(self._stream):
                there = buffer.to(self._device, non_blocking=True)
                self._gone_up[number].record(self._stream)
            return there

    def _buffer(self, number: int, size: int) -> Tensor:
        if len(self._pinned[number]) < size:
            self._pinned[number] = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        return self._pinned[number][:size]


def _arrays(images: Sequence[Image]) -> list[Rgb]:
    return [image for image in images if not isinstance(image, Tensor)]


def _identity(frames: Sequence[Rgb]) -> tuple[int, ...]:
    return tuple(id(rgb) for rgb in frames)
