"""A camera's loudspeaker, as ONVIF has it: an audio track of its RTSP session that the client sends (the backchannel).

ONVIF Streaming Specification, section 5.3; the sound is G.711 in RTP packets of 20 ms (RFC 3551). A session lasts for
one sentence. One that is kept open would shut out whoever else talks through the camera, as many have room for one
alone, would have to be kept alive, and may be dead when it is needed. Opening costs three answers of the camera, and
a fourth where it asks for a password.
"""

import contextlib
import secrets
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from maskwatch.alerts.g711 import RATE_HZ, Law
from maskwatch.alerts.rtsp_connection import Connection, Response, SilenceError, SpeakerError, number
from maskwatch.alerts.sdp import Track, parsed

BACKCHANNEL = {"Require": "www.onvif.org/ver20/backchannel"}
PACKET_S = 0.02  # the usual time of a packet (RFC 3551, table 1)
PACKET_BYTES = round(PACKET_S * RATE_HZ)
LEAD_PACKETS = 5  # of silence, while an amplifier wakes up
TAIL_PACKETS = 25  # likewise, while what the camera has buffered is played
TEARDOWN_S = 0.5  # for the camera's last answer when the service stops
MAX_TOLD = 5  # encodings, in an error
BUSY = {453, 503}  # RTSP statuses that say that somebody else speaks, or that it is too much for now
OK, FORBIDDEN, UNSUPPORTED_TRANSPORT, OPTION_NOT_SUPPORTED = 200, 403, 461, 551

Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """What the camera takes: the track's URL, that of the session, and the payload type of the encoding."""

    track: str
    session: str
    law: Law
    payload_type: int


class Backchannel:
    """One session, from its `with` on; each method raises `SpeakerError`. `timeout_s` bounds each answer."""

    def __init__(self, where: str, url: str, timeout_s: float, context: ssl.SSLContext | None) -> None:
        self._where = where
        self._connection = Connection(where, url, timeout_s, context)
        self._datagrams: socket.socket | None = None
        self._session: dict[str, str] = {}  # the header that names it, once there is one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        if self._datagrams is not None:
            self._datagrams.close()

    def offer(self) -> Offer:
        """What the camera takes; nothing is set up for it."""
        url = self._connection.url
        response = self._ask("DESCRIBE", url, {"Accept": "application/sdp"})
        if response.status == OPTION_NOT_SUPPORTED:
            raise self._no_speaker()
        self._require_ok("DESCRIBE", response)
        base = response.headers.get("Content-Base") or response.headers.get("Content-Location") or url
        session = parsed(response.body.decode("utf-8", "replace"), base.strip())
        for law in Law:
            for track in session.tracks:
                for payload_type, encoding in track.formats.items():
                    if encoding == f"{law.name}/{RATE_HZ}":
                        return Offer(track.control, session.control, law, payload_type)
        raise self._not_ours(session.tracks)

    def say(self, offer: Offer, sound: bytes, stopped: threading.Event) -> None:
        """Play G.711 of the offer's law; returns when it is played, or soon after `stopped` is set."""
        send = self._set_up(offer)
        self._require_ok("PLAY", self._ask("PLAY", offer.session, {"Range": "npt=0.000-"}))
        self._send(send, offer, sound, stopped)
        try:
            self._ask("TEARDOWN", offer.session, {}, TEARDOWN_S if stopped.is_set() else None)
        except SpeakerError as e:  # some close the connection in place of an answer
            if isinstance(e, SilenceError) and not stopped.is_set():
                raise  # it took the packets, and nobody knows whether it is still alive

    def _send(self, send: Send, offer: Offer, sound: bytes, stopped: threading.Event) -> None:
        """Packet for packet, at the pace at which they are heard, and silence before and after."""
        quiet = offer.law.silence
        whole = quiet * (LEAD_PACKETS * PACKET_BYTES) + sound
        whole += quiet * (-len(whole) % PACKET_BYTES + TAIL_PACKETS * PACKET_BYTES)
        sequence, stamp, source = secrets.randbits(16), secrets.randbits(32), secrets.randbits(32)
        started_s = time.monotonic()
        for place in range(0, len(whole), PACKET_BYTES):
            if stopped.is_set():
                return
            marker = 0x80 if place == 0 else 0
            head = struct.pack(
                ">BBHII",
                0x80,  # version 2
                marker | offer.payload_type,
                (sequence + place // PACKET_BYTES) % 2**16,
                (stamp + place) % 2**32,
                source,
            )
            send(head + whole[place : place + PACKET_BYTES])
            self._connection.wait(started_s + (place + PACKET_BYTES) / RATE_HZ)

    def _set_up(self, offer: Offer) -> Send:
        """How a packet is sent: within the connection, or where the camera does not take it so, as a datagram."""
        response = self._ask("SETUP", offer.track, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        if response.status != UNSUPPORTED_TRANSPORT:
            channel = self._agreed(response, "interleaved", 255)
            return lambda packet: self._connection.send_packet(channel, packet)
        family = socket.AF_INET6 if ":" in self._connection.peer else socket.AF_INET
        self._datagrams = datagrams = socket.socket(family, socket.SOCK_DGRAM)
        datagrams.bind(("", 0))
        own = datagrams.getsockname()[1]
        response = self._ask(
            "SETUP", offer.track, {"Transport": f"RTP/AVP;unicast;client_port={own}-{own + 1}"}
        )
        address = self._connection.peer, self._agreed(response, "server_port", 65_535)

        def send(packet: bytes) -> None:
            # one that is lost is lost; the connection tells when the camera is gone
            with contextlib.suppress(OSError):
                datagrams.sendto(packet, address)

        return send

    def _agreed(self, response: Response, what: str, most: int) -> int:
        """The first number of a parameter of the transport that was agreed upon; the session is named from now on."""
        self._require_ok("SETUP", response)
        self._session = {"Session": response.headers.get("Session", "").partition(";")[0].strip()}
        pairs = (each.partition("=") for each in response.headers.get("Transport", "").split(";"))
        values = {key.strip().lower(): value.partition("-")[0].strip() for key, _, value in pairs}
        place = number(values.get(what, ""), most)
        if place is None:
            raise SpeakerError(f"{self._where}: does not say where to send the sound ({what})")
        return place

    def _ask(self, method: str, url: str, headers: dict[str, str], limit_s: float | None = None) -> Response:
        return self._connection.request(method, url, {**headers, **self._session, **BACKCHANNEL}, limit_s)

    def _require_ok(self, method: str, response: Response) -> None:
        """What the camera says beside the number is not repeated: it may hold an address."""
        if response.status in BUSY:
            raise SpeakerError(f"{self._where}: the speaker is busy ({response.status})", again=True)
        if response.status == FORBIDDEN:
            raise SpeakerError(f"{self._where}: this user may not use the speaker ({response.status})")
        if response.status != OK:
            raise SpeakerError(f"{self._where}: answers {method} with the status {response.status}")

    def _not_ours(self, tracks: Sequence[Track]) -> SpeakerError:
        if not tracks:
            return self._no_speaker()
        known = list(dict.fromkeys(encoding for track in tracks for encoding in track.formats.values()))
        told = ", ".join(known[:MAX_TOLD]) or "no encoding that is known"
        return SpeakerError(
            f"{self._where}: its speaker takes {told}, and not G.711 (PCMU/8000 or PCMA/8000)"
        )

    def _no_speaker(self) -> SpeakerError:
        return SpeakerError(f"{self._where}: the camera offers no speaker (no ONVIF audio backchannel)")
