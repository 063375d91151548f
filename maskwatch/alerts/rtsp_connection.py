"""A connection to an RTSP server (RFC 2326): requests, one after the other, and packets between them.

FFmpeg, which reads the cameras, can send nothing to them.
"""

import email
import socket
import ssl
import time
from dataclasses import dataclass
from email.message import Message
from urllib.parse import unquote, urlsplit

from maskwatch.alerts.rtsp_login import Login
from maskwatch.core.errors import AlertError

PORT, TLS_PORT = 554, 322  # registered by IANA
CHUNK = 65_536  # bytes, the longest packet
MAX_BODY = 2 * CHUNK  # of a message; no camera needs as much
MAX_READ = MAX_BODY + 2 * CHUNK  # that wait to be understood
PACKET = 0x24  # `$` begins a packet between the messages (RFC 2326, 10.12)


def number(text: str, most: int) -> int | None:
    """What the other side says, 0 to `most`; None when it is no such number."""
    digits = text.strip()
    plain = digits.isascii() and digits.isdecimal() and len(digits) < 10
    return int(digits) if plain and int(digits) <= most else None


class SpeakerError(AlertError):
    """The other side does not take what is said. `again`: a little later it may."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.again = again


class SilenceError(SpeakerError):
    """Nothing came. Who is silent for long is not asked again: a sentence is about now."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. The names of its headers stand in any case."""

    status: int
    headers: Message
    body: bytes


class Connection:
    """To the server of `url`, whose user and password are given to nobody else; `where` begins every error.

    Opening it takes at most `timeout_s`, and so does every answer. `context` is for TLS, None for rtsp://. `peer` is the
    server's IP address. Each method raises `SpeakerError`.
    """

    def __init__(self, where: str, url: str, timeout_s: float, context: ssl.SSLContext | None) -> None:
        self.where = where
        self._timeout_s = timeout_s
        parts = urlsplit(url)
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._login = Login(unquote(parts.username or ""), unquote(parts.password or ""))
        self._has_login = parts.username is not None
        self._number = 0
        self._read = bytearray()
        host = parts.hostname or ""
        try:
            port = parts.port or (PORT if context is None else TLS_PORT)
            self._socket = socket.create_connection((host, port), timeout_s)
            self.peer = str(self._socket.getpeername()[0])
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except (OSError, ValueError) as e:
            raise self._failed(e) from None

    def request(
        self, method: str, url: str, headers: dict[str, str], limit_s: float | None = None
    ) -> Response:
        """The answer, after the user and password were given if it asks for these."""
        until_s = time.monotonic() + (self._timeout_s if limit_s is None else limit_s)
        response = self._asked(method, url, headers, until_s)
        if response.status == 401:
            if not self._has_login:
                raise SpeakerError(f"{self.where}: asks for a user and a password, and the address has none")
            if not self._login.learn(response.headers.get_all("WWW-Authenticate", [])):
                raise SpeakerError(f"{self.where}: asks for a login that is neither Digest nor Basic")
            response = self._asked(method, url, headers, until_s)
        if response.status == 401:
            raise SpeakerError(f"{self.where}: refuses the user and password")
        return response

    def send_packet(self, channel: int, packet: bytes) -> None:
        """One packet of RTP, between the messages."""
        self._send(bytes([PACKET, channel]) + len(packet).to_bytes(2, "big") + packet)

    def wait(self, until_s: float) -> None:
        """Until this time of the monotonic clock; what comes meanwhile is read, so that the other side is not held up."""
        while time.monotonic() < until_s:
            try:
                self._receive(until_s)
            except SilenceError:
                return
            self._skip_packets()

    def close(self) -> None:
        """At once; may be called again."""
        self._socket.close()

    def _asked(self, method: str, url: str, headers: dict[str, str], until_s: float) -> Response:
        self._number += 1
        whole = {"CSeq": str(self._number), "User-Agent": "maskwatch", **headers}
        if (login := self._login.header(method, url)) is not None:
            whole["Authorization"] = login
        lines = [f"{method} {url} RTSP/1.0", *(f"{name}: {value}" for name, value in whole.items())]
        self._send("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        return self._answer(until_s)

    def _answer(self, until_s: float) -> Response:
        while True:
            start, headers = self._head(until_s)
            length = number(headers.get("Content-Length", "0"), MAX_BODY)
            if length is None:
                raise self._no_rtsp()
            while len(self._read) < length:
                self._receive(until_s)
            body = bytes(self._read[:length])
            del self._read[:length]
            version, _, rest = start.partition(" ")
            status = number(rest.partition(" ")[0], 999)
            if version.startswith("RTSP/") and status is not None:
                return Response(status, headers, body)
            if not rest.endswith("RTSP/1.0"):  # else it asks us something, which need not be answered
                raise self._no_rtsp()

    def _head(self, until_s: float) -> tuple[str, Message]:
        """The first line of the next message, and its headers."""
        while True:
            self._skip_packets()
            end = self._read.find(b"\r\n\r\n")
            if end >= 0 and self._read[0] != PACKET:
                break
            self._receive(until_s)
        start, _, rest = self._read[:end].decode("utf-8", "replace").partition("\r\n")
        del self._read[: end + 4]
        return start, email.message_from_string(rest)

    def _skip_packets(self) -> None:
        """Whole packets, and empty lines, before the next message."""
        while self._read:
            size = 1 if self._read[0] in b"\r\n" else 0
            if self._read[0] == PACKET and len(self._read) >= 4:
                size = 4 + int.from_bytes(self._read[2:4], "big")
            if not 0 < size <= len(self._read):
                return
            del self._read[:size]

    def _receive(self, until_s: float) -> None:
        try:
            self._socket.settimeout(max(0.001, until_s - time.monotonic()))
            data = self._socket.recv(CHUNK)
        except TimeoutError:
            raise SilenceError(f"{self.where}: no answer in time ({self._timeout_s:g} s)") from None
        except OSError as e:
            raise self._failed(e) from None
        if not data:
            raise SpeakerError(f"{self.where}: closed the connection", again=True)
        self._read += data
        if len(self._read) > MAX_READ:
            raise self._no_rtsp()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(data)
        except OSError as e:
            raise self._failed(e) from None

    def _failed(self, error: Exception) -> SpeakerError:
        """Without any address in it."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return SpeakerError(f"{self.where}: its certificate is not trusted: {error.verify_message}")
        if isinstance(error, TimeoutError):
            return SilenceError(f"{self.where}: no answer in time ({self._timeout_s:g} s)")
        why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        return SpeakerError(f"{self.where}: {why}", again=isinstance(error, OSError))

    def _no_rtsp(self) -> SpeakerError:
        return SpeakerError(f"{self.where}: answers, but not with RTSP")
