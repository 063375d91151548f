"""Standard input as a source: MPEG-TS, Matroska, MJPEG and what else FFmpeg reads from a pipe."""

import io
import math
import os
import sys
from dataclasses import replace
from typing import BinaryIO

import av

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.sources.decoding import open_container
from maskwatch.sources.file import FileSource
from maskwatch.sources.rtsp import StreamSource

NAME = "standard input"
HOW = "pipe a video into it: ffmpeg -i … -f matroska - | maskwatch replay -"
INDEX_AT_END = "is an MP4 with its index at the end, which cannot be read from a pipe; give the file itself"
MP4_HEAD = b"ftyp"  # from the fifth byte on, ISO/IEC 14496-12
NO_VIDEO = "is no video, or none that a pipe can carry; ffmpeg writes one with -f matroska or -f mpegts"


class _Pipe(io.RawIOBase):
    """Standard input as a file object for FFmpeg, without seeking back."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.count = 0
        self.is_mp4 = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = os.read(self._descriptor, size if size > 0 else io.DEFAULT_BUFFER_SIZE)
        if not self.count:
            self.is_mp4 = data[4:8] == MP4_HEAD
        self.count += len(data)
        return data


class _Input:
    """The standard input of this process, for one reader after the other. `descriptor` None: the current one."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._was_read = False

    def opened(self) -> tuple[BinaryIO | _Pipe, bool]:
        """What FFmpeg is to read, and whether it can be read again from its beginning. Raises `SourceError`."""
        try:
            descriptor = sys.stdin.fileno() if self._descriptor is None else self._descriptor
            if os.isatty(descriptor):
                raise SourceError(f"{NAME}: is a terminal; {HOW}")
            if os.path.isfile(f"/dev/fd/{descriptor}"):  # noqa: PTH113 - a redirected file
                os.lseek(descriptor, 0, os.SEEK_SET)
                return os.fdopen(descriptor, "rb", closefd=False), True
        except (AttributeError, ValueError, OSError) as e:  # None, or closed
            raise SourceError(f"{NAME}: is closed; {HOW}") from e
        return _Pipe(descriptor), False


class PipedFile(FileSource):
    """Footage from standard input, every frame as from a file. It can be read only once."""

    def __init__(
        self,
        camera: str,
        address: Address,
        *,
        fps: float | None = None,
        aspect: float | None = None,
        descriptor: int | None = None,
    ) -> None:
        super().__init__(camera, Address(NAME), fps=fps, aspect=aspect)
        self.address = address
        self._input = _Input(descriptor)
        self._is_over = False
        self._file: BinaryIO | _Pipe | None = None

    def frames(self) -> Frames:
        """The frames as of a file, but without bookmarks."""
        for frame in super().frames():
            yield replace(frame, bookmark=None)

    def expected(self) -> int | None:
        """Nobody knows."""
        return None

    def _why(self, error: av.FFmpegError | OSError) -> str:
        return _why_no_video(self._file) if isinstance(error, av.InvalidDataError) else super()._why(error)

    def _opened(self) -> av.container.InputContainer:
        if self._is_over:
            raise SourceError(f"{NAME}: was read already, and does not come again")
        self._file, is_again = self._input.opened()
        self._is_over = not is_again
        return _container(self._file)


class LivePipe(StreamSource):
    """A camera whose video another program writes to standard input: frames stamped with the Unix time of their arrival.

    A pause is not an error. After its end, and after a reload of the configuration, only formats that need no
    header, such as MPEG-TS, can be read on.
    """

    def __init__(
        self,
        camera: str,
        address: Address,
        *,
        fps: float | None = None,
        aspect: float | None = None,
        descriptor: int | None = None,
    ) -> None:
        super().__init__(camera, address, fps=fps, aspect=aspect)
        self.name = NAME
        self._input = _Input(descriptor)

    def _opened(self) -> av.container.InputContainer:
        return _container(self._input.opened()[0])

    def _stale_s(self, *, is_playlist: bool) -> float:  # noqa: ARG002 - as of other streams
        return math.inf

    def _why_closed(self) -> str:
        return "has come to its end"


def _container(file: BinaryIO | _Pipe) -> av.container.InputContainer:
    """Raises `SourceError` for what is no video."""
    try:
        return open_container(file)  # type: ignore[arg-type]
    except av.FFmpegError as e:
        is_empty = not (file.count if isinstance(file, _Pipe) else os.fstat(file.fileno()).st_size)
        raise SourceError(f"{NAME}: {'is empty' if is_empty else _why_no_video(file)}") from e


def _why_no_video(file: BinaryIO | _Pipe | None) -> str:
    return INDEX_AT_END if isinstance(file, _Pipe) and file.is_mp4 else NO_VIDEO
