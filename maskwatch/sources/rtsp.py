"""An IP camera over RTSP, and whatever else FFmpeg reads from the network."""

import errno
import logging
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import av
from av.error import HTTPOtherClientError

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError, SourceRefused
from maskwatch.core.ports import Frames
from maskwatch.core.records import Frame
from maskwatch.sources.decoding import (
    JUMP_S,
    REFUSED,
    Cadence,
    CleanDecoder,
    FrameClock,
    is_playlist,
    open_container,
    pixel_aspect,
    reason,
    tells_times,
    upright,
    video_stream,
)
from maskwatch.sources.facts import StreamFacts
from maskwatch.sources.hardware import Decoding
from maskwatch.sources.paced import Pace
from maskwatch.sources.settings import Decode, RtspSettings

log = logging.getLogger(__name__)

BEHIND_S = 2.0  # what is looked at may be so old
GIVE_UP_S = 10.0
PLAYLIST_S = 20.0  # a playlist (HLS) brings nothing for as long as its pieces are, ten seconds mostly
DRIFT = 0.001  # a clock that is a thousandth too slow is a bad one
SUB_STREAM = "A stream of fewer pixels helps: most cameras have a second one"


class StreamSource:
    """A live stream that FFmpeg reads: frames stamped with the Unix time of their arrival."""

    live = True
    facts = StreamFacts()
    # a playlist may name other addresses: none of them may be a file here, or a program
    options: Mapping[str, str] = {"protocol_whitelist": "http,https,tcp,tls,crypto,rtmp,rtmps,srt,udp"}

    def __init__(
        self,
        camera: str,
        address: Address,
        *,
        fps: float | None = None,
        settings: RtspSettings | None = None,
        aspect: float | None = None,
        decode: Decode = Decode.SOFTWARE,
    ) -> None:
        self.name = str(address)
        self._camera = camera
        self._address = address
        self._fps = fps
        self._settings = settings or RtspSettings()
        self._aspect = aspect
        self._told_behind = False
        self._decoding = Decoding(camera, decode)

    def frames(self) -> Frames:
        """The frames of one connection. A camera has no end, so this always raises `SourceError`.

        `SourceRefused`, a subclass, says that the camera rejects this user and password.
        """
        error, is_open = SourceError, False
        try:
            with self._opened() as container:
                is_open = True
                yield from self._received(container)
            why = self._why_closed()
        except REFUSED:
            error, why = SourceRefused, "the camera refuses the user or the password"
        except SourceError:
            self._decoding.on_end()
            raise
        except (av.FFmpegError, OSError) as e:
            why = reason(e) if is_open else self._why_not_opened(e)
        self._decoding.on_end()
        raise error(f"{self.name}: {why}")  # out here, so that PyAV's error is not even its context

    def expected(self) -> int | None:
        return None

    def _opened(self) -> av.container.InputContainer:
        url = self._address.reveal()
        read_s = self._settings.read_s
        if urlsplit(url).path.lower().endswith(".m3u8"):
            read_s = max(read_s, PLAYLIST_S)
        return open_container(
            url,
            timeout_s=(self._settings.open_s, read_s),
            options=self._options(),
            accelerator=self._decoding.accelerator(),
        )

    def _options(self) -> dict[str, str]:
        """FFmpeg's."""
        return dict(self.options)

    def _why_not_opened(self, error: av.FFmpegError | OSError) -> str:
        """FFmpeg's error text, or a clearer one where FFmpeg's says little."""
        host = urlsplit(self._address.reveal()).hostname or ""
        if error.errno == errno.EIO and not _is_known(host):
            return f"no such host: {host}"
        if isinstance(error, av.ProtocolNotFoundError):
            scheme = urlsplit(self._address.reveal()).scheme
            return f"the installed PyAV reads no {scheme}://; go2rtc or MediaMTX make rtsp:// of it"
        if isinstance(error, av.InvalidDataError):
            return "what answers there is no camera of this kind, or has no video at this path"
        return reason(error)

    def _stale_s(self, *, is_playlist: bool) -> float:
        """Seconds without an intact picture after which the stream is opened again."""
        return max(self._settings.stale_s, PLAYLIST_S if is_playlist else 0.0)

    def _why_closed(self) -> str:
        return "the camera closed the stream"

    def _received(self, container: av.container.InputContainer) -> Frames:
        stream = video_stream(container, self.name)
        self._decoding.prepare(stream)
        cadence, decoder, backlog = Cadence(self._fps), CleanDecoder(stream, until_key=False), Backlog()
        pieces = _Pieces(stream) if is_playlist(container) else None
        stale_s = self._stale_s(is_playlist=pieces is not None)
        good_s, seq = time.monotonic(), -1
        # all streams: while sound goes on and the picture stands still, the loop must run to notice
        for packet in container.demux():
            now_s = time.monotonic()
            if now_s - good_s > stale_s:
                told = f" ({decoder.damage} came)" if str(decoder.damage) else ""
                raise SourceError(f"{self.name}: no frame for {now_s - good_s:.1f} s{told}")
            if not isinstance(packet.stream, av.VideoStream) or packet.stream.index != stream.index:
                continue
            self._decoding.on_packet()
            if pieces is None and tells_times(container):
                self._keep_up(stream, packet, backlog.behind_s(packet, now_s))
            for image in decoder.images(packet):
                self._decoding.on_picture()
                if pieces is not None:
                    pieces.wait(image)
                good_s, seq = time.monotonic(), seq + 1
                if cadence.is_due(good_s):
                    self.facts = decoder.facts
                    rgb = upright(image, pixel_aspect(stream, image, self._aspect))
                    yield Frame(self._camera, self.name, seq, time.time(), rgb)

    def _keep_up(self, stream: av.VideoStream, packet: "av.Packet[Any]", behind_s: float) -> None:
        """Decode key frames alone while decoding is behind the camera; raises `SourceError` where that does not help."""
        context = stream.codec_context
        if behind_s > GIVE_UP_S:
            raise SourceError(f"{self.name}: decoding is {behind_s:.0f} s behind the camera. {SUB_STREAM}")
        if behind_s > BEHIND_S and context.skip_frame != "NONKEY":
            context.skip_frame = "NONKEY"
            if not self._told_behind:
                log.warning(
                    "%s: decoding is slower than the camera: only key frames are looked at where it is "
                    "%.0f s behind. %s",
                    self._camera,
                    BEHIND_S,
                    SUB_STREAM,
                )
                self._told_behind = True
        elif behind_s < BEHIND_S / 4 and context.skip_frame == "NONKEY" and packet.is_keyframe:
            context.skip_frame = "DEFAULT"


class RtspSource(StreamSource):
    """An IP camera over RTSP."""

    def _options(self) -> dict[str, str]:
        return {"rtsp_transport": self._settings.transport}

    def _received(self, container: av.container.InputContainer) -> Frames:
        came = False
        try:
            for frame in super()._received(container):
                came = True
                yield frame
        except (av.ExitError, av.TimeoutError) as e:
            if came:
                raise
            raise SourceError(f"{self.name}: {self._why_not_opened(e)}") from None

    def _why_not_opened(self, error: av.FFmpegError | OSError) -> str:
        transport = self._settings.transport
        # 461 Unsupported Transport
        if isinstance(error, HTTPOtherClientError) or error.errno == errno.EPROTONOSUPPORT:
            other = "tcp" if transport == "udp" else "udp"
            return f"the camera refuses the stream; it may not do rtsp.transport: {transport}, try {other}"
        if transport == "udp" and isinstance(error, av.ExitError | av.TimeoutError):
            return f"{reason(error)}; a firewall may stop UDP: try rtsp.transport: tcp"
        return super()._why_not_opened(error)


def _is_known(host: str) -> bool:
    """Whether the host name can be resolved now."""
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


class _Pieces:
    """Shows the pictures of a playlist at their own speed, as they arrive in segments of some seconds."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._clock = FrameClock(1 / float(stream.guessed_rate or 25))
        self._pace = Pace()

    def wait(self, image: av.VideoFrame) -> None:
        """Wait until the picture is due."""
        self._pace.wait(self._clock.at(image.time))


class Backlog:
    """How far reading a stream lags behind the camera, in seconds, by the stream's own timestamps.

    As the camera's clock is unknown, the smallest recent delay counts as zero; it is forgotten slowly, as clocks drift.
    """

    def __init__(self) -> None:
        self._least_s: float | None = None
        self._last: tuple[float, float] | None = None

    def behind_s(self, packet: "av.Packet[Any]", now_s: float) -> float:
        """Seconds by which reading lags; 0 where the stream has no timestamps."""
        if packet.dts is None or packet.time_base is None:
            return 0.0
        stream_s = float(packet.dts * packet.time_base)
        if self._last is not None and not 0 <= stream_s - self._last[0] <= JUMP_S:  # another clock
            self._least_s = None
        passed_s = 0.0 if self._last is None else now_s - self._last[1]
        self._last = stream_s, now_s
        delay_s = now_s - stream_s
        known_s = delay_s if self._least_s is None else self._least_s + DRIFT * passed_s
        self._least_s = min(known_s, delay_s)
        return delay_s - self._least_s
