"""An IP camera over RTSP."""

import time
from collections.abc import Iterator

import av

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame
from maskwatch.sources.decoding import Cadence, open_container, reason, upright, video_stream
from maskwatch.sources.settings import RtspSettings


class RtspSource:
    """Frames stamped with the Unix time of their arrival."""

    live = True

    def __init__(
        self, camera: str, address: Address, *, fps: float | None = None, settings: RtspSettings | None = None
    ) -> None:
        self.name = str(address)
        self._camera = camera
        self._address = address
        self._fps = fps
        self._settings = settings or RtspSettings()

    def frames(self) -> Frames:
        """One connection. Its end is never the camera's end, so this always ends with `SourceError`."""
        limits = (self._settings.open_s, self._settings.read_s)
        options: dict[str, str] = {"rtsp_transport": self._settings.transport}
        try:
            with open_container(self._address.reveal(), timeout_s=limits, options=options) as container:
                yield from self._received(container)
            why = "the camera closed the stream"
        except (av.FFmpegError, OSError) as e:
            why = reason(e)
        raise SourceError(f"{self.name}: {why}")  # out here, so that PyAV's error is not even its context

    def expected(self) -> int | None:
        return None

    def _received(self, container: av.container.InputContainer) -> Frames:
        stream = video_stream(container, self.name)
        # frame threads would hold frames back, and slice threads tear frames of several slices apart
        stream.thread_type = "NONE"
        cadence = Cadence(self._fps)
        last_s = time.monotonic()
        for seq, image in enumerate(_images(container, stream)):
            now_s = time.monotonic()
            if seq and now_s - last_s > self._settings.stale_s:
                raise SourceError(f"{self.name}: no frame for {now_s - last_s:.1f} s")
            if not image.is_corrupt and cadence.is_due(now_s):  # a torn picture is judged wrongly
                yield Frame(self._camera, self.name, seq, time.time(), upright(image))
            last_s = time.monotonic()


def _images(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """What can be decoded; a packet that was damaged on its way is left out, and the next key frame mends the rest."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue
