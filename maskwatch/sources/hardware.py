"""Hardware video decoders: which this machine has, and which one decodes a camera's stream."""

import logging
from dataclasses import dataclass, field

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.stream import VideoStream

from maskwatch.platform.threads import cores
from maskwatch.sources.settings import Decode

log = logging.getLogger(__name__)

CODEC = "h264"  # what decodes at all decodes this
DEVICES = (Decode.CUDA, Decode.VAAPI)  # in the order in which `auto` asks for them
LARGE_PX = 1920 * 1088  # larger pictures are worth more than one core
MAX_THREADS = 4  # each holds a frame back


def why_missing(device: Decode) -> str | None:
    """Why this machine cannot decode with `device`; None where it can. Opens the device for a moment."""
    known = hwdevices_available()
    if device.value not in known:
        return f"is not in the installed PyAV, which has {', '.join(known) or 'none'}"
    try:
        HWAccel(device.value).create(av.Codec(CODEC, "r"))
    except (OSError, av.FFmpegError) as e:
        return f"cannot be opened ({e.strerror})"
    except NotImplementedError:
        return "decodes nothing in the installed PyAV"
    return None


def choose(wanted: Decode) -> tuple[Decode, str | None]:
    """The decoder to use for what the configuration wants, and, where that is software against its wish, why."""
    reasons = []
    for device in DEVICES if wanted is Decode.AUTO else (wanted,):
        if device is Decode.SOFTWARE:
            return device, None
        why = why_missing(device)
        if why is None:
            return device, None
        reasons.append(f"{device.value} {why}" if wanted is Decode.AUTO else why)
    return Decode.SOFTWARE, "; ".join(reasons)


@dataclass
class Decoding:
    """The decoder of one camera's stream. It is chosen at each connection, and logged when it changes.

    Hardware that got packets and returned no picture is not used again, so that no camera is lost because of it.
    """

    camera: str
    wanted: Decode
    _device: Decode = field(default=Decode.SOFTWARE, init=False)
    _is_given_up: bool = field(default=False, init=False)
    _was_asked: bool = field(default=False, init=False)
    _brought: bool = field(default=False, init=False)
    _told: str = field(default="", init=False)

    def accelerator(self) -> HWAccel | None:
        """The accelerator for `av.open`; None for software. To be called once for each connection."""
        self._was_asked = self._brought = False
        if self.wanted is Decode.SOFTWARE or self._is_given_up:
            self._device = Decode.SOFTWARE
            return None
        self._device, why = choose(self.wanted)
        if why is not None:
            level = logging.INFO if self.wanted is Decode.AUTO else logging.WARNING
            self._tell(level, f"decode: {self.wanted.value}: {why}; it is decoded in software")
            return None
        return HWAccel(self._device.value, allow_software_fallback=True)

    def prepare(self, stream: VideoStream) -> None:
        """Set the threads of a live stream opened with `accelerator`, and log its decoder.

        Frame threads hold as many frames back, so they are for large pictures alone; slice threads tear frames of
        several slices apart.
        """
        by_hardware = stream.codec_context.is_hwaccel
        if self._device is not Decode.SOFTWARE:
            how = f"decoded by {self._device.value}" if by_hardware else "no codec of it; decoded in software"
            self._tell(logging.INFO, f"decode: {self.wanted.value}: {how}")
        count = decoding_threads(stream.width * stream.height)
        stream.thread_type = "FRAME" if count > 1 and not by_hardware else "NONE"
        stream.codec_context.thread_count = count

    def on_packet(self) -> None:
        """Note that the decoder got a packet."""
        self._was_asked = True

    def on_picture(self) -> None:
        """Note that the decoder returned a picture."""
        self._brought = True

    def on_end(self) -> None:
        """Note that the connection ended."""
        if self._device is not Decode.SOFTWARE and self._was_asked and not self._brought:
            self._is_given_up = True
            why = "brings no picture; from now on it is decoded in software"
            self._tell(logging.WARNING, f"decode: {self.wanted.value}: {self._device.value} {why}")

    def _tell(self, level: int, text: str) -> None:
        if text != self._told:
            log.log(level, "%s: %s", self.camera, text)
        self._told = text


def decoding_threads(pixels: int) -> int:
    """How many threads decode a live stream with pictures of so many pixels, by the cores that this process may use."""
    return min(MAX_THREADS, cores()) if pixels > LARGE_PX else 1
