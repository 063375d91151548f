"""Where camera makers put the smaller streams of a camera, given the address of its main one. Opens nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from maskwatch.core.address import Address

MAX_GUESSES = 3
UNIFI_PORTS = {7441, 7447}  # of UniFi Protect, rtsps:// and rtsp://


@dataclass(frozen=True, slots=True)
class SubStream:
    """A possible address of a smaller stream, and what was changed for it, such as `subtype=1 in place of subtype=0`."""

    address: Address
    change: str


# Of what stands behind the host: the main stream, and in its place the others. Where each is described:
PATTERNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Hikvision, HiLook, EZVIZ: channel, then 01 main, 02 sub, 03 third
    # https://securitycamcenter.com/rtsp-url-address-format-hikvision/
    (r"(?i:(?<=/Streaming/Channels/))(\d+)01(?!\d)", (r"\g<1>02", r"\g<1>03")),
    # Hikvision before that, /h264/ch1/main/av_stream https://www.cnblogs.com/lidabo/p/4103227.html
    (r"(?<=/)main(?=/av_stream)", ("sub",)),
    # Dahua, Amcrest, Lorex: 0 main, 1 sub, 2 third https://blog.csdn.net/mtl1994/article/details/121977722
    (r"(?<=[?&])subtype=0", ("subtype=1", "subtype=2")),
    # Axis: the resolution is a parameter
    # https://developer.axis.com/video-streaming-and-recording/video-streaming/reference/rtsp-endpoints/
    (r"(?<=[?&])resolution=\d+x\d+", ("resolution=1280x720", "resolution=640x360")),
    (r"(?<=/axis-media/)media\.amp$", ("media.amp?resolution=1280x720", "media.amp?resolution=640x360")),
    # Reolink: Preview_01_main, h264Preview_01_main
    # https://support.reolink.com/hc/en-us/articles/900000630706-Introduction-to-RTSP/
    (r"(?<=Preview_)(\d\d)_main", (r"\g<1>_sub",)),
    # Hanwha (Wisenet): a profile each; the first ones are MJPEG and the main one by default
    # https://support.hanwhavision.eu/hc/en-gb/articles/4414178841746-RTSP-URLs
    (r"(?<=/)profile2(?=/media\.smp)", ("profile3", "profile4")),
    # Uniview: cameras video1, video2; recorders s0, s1, as in
    # https://blog.router-switch.com/2020/10/an-article-tells-you-rtsp-formats-of-hot-brands-network-cameras/
    (r"(?<=/)video1(?=$|[/?])", ("video2", "video3")),
    (r"(?<=/unicast/)(c\d+)/s0(?=/live)", (r"\g<1>/s1", r"\g<1>/s2")),
    # TP-Link (Tapo): stream1, stream2; Foscam: videoMain, videoSub: VisioForge's directory of camera brands,
    # pages tp-link and foscam
    (r"(?<=/)stream1$", ("stream2",)),
    (r"(?<=/)videoMain$", ("videoSub",)),
    # Yoosee and others that number their ONVIF profiles so
    (r"(?<=/)onvif1$", ("onvif2",)),
    # CamHi ch0_0.264 https://kadymay.com/newsinfo/11195179.html, Yi's ch0_0.h264
    # https://github.com/alienatedsec/yi-hack-v5/wiki/Integrating-with-Frigate
    (r"(?<=/)ch(\d+)_0(?=\.h?264$)", (r"ch\g<1>_1",)),
    # XMeye: user=…&channel=1&stream=0.sdp, as Strix's list of cameras has it
    # https://github.com/eduard256/Strix/blob/main/data/brands/xmeye.json
    (r"(?<=[?&_/])stream=0(?=\.sdp)", ("stream=1",)),
    # Avycon and others: /main, /sub, and /profile1, /profile2
    # https://avycon.freshdesk.com/support/solutions/articles/36000328602-autotracking-and-panoramic-180-rtsp-syntax
    (r"(?<=/)main$", ("sub", "third")),
    (r"(?<=/)profile1$", ("profile2", "profile3")),
)


def candidates(address: Address) -> tuple[SubStream, ...]:
    """Addresses of the same camera, with the same login, that may be smaller streams; at most `MAX_GUESSES`.

    Empty where the address is not RTSP, fits no known maker, or is that of a smaller stream already.
    """
    whole = address.reveal()
    try:
        parts = urlsplit(whole)
    except ValueError:
        return ()
    if parts.scheme.lower() not in {"rtsp", "rtsps"}:
        return ()
    start = whole.index(parts.netloc) + len(parts.netloc)
    found = _changed(whole[start:])
    return tuple(SubStream(Address(whole[:start] + rest), change) for rest, change in found)[:MAX_GUESSES]


def has_own_addresses(address: Address) -> bool:
    """Whether each quality has an unguessable address of its own, as with UniFi Protect (known by its ports and token)."""
    try:
        parts = urlsplit(address.reveal())
        return parts.port in UNIFI_PORTS and re.fullmatch(r"/\w{12,}", parts.path) is not None
    except ValueError:
        return False


def _changed(rest: str) -> Iterator[tuple[str, str]]:
    """Path and query after each change of the first pattern that fits, with what was changed."""
    for pattern, others in PATTERNS:
        if main := re.search(pattern, rest):
            for other in map(main.expand, others):
                if other != main[0]:
                    yield rest[: main.start()] + other + rest[main.end() :], f"{other} in place of {main[0]}"
            return
