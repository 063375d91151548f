"""A camera that is asked over RTMP: as much of the protocol as FFmpeg needs to play one stream."""

import contextlib
import socket
import struct
import threading

import av

from harness.cameras import write_numbered

HANDSHAKE = 1536
MAX_CHUNK = 1 << 20  # so that every message is one chunk
CHUNK_SIZE, CONTROL, ACK_SIZE, BANDWIDTH, COMMAND = 1, 4, 5, 6, 20  # types of messages


def _text(value):
    return b"\2" + struct.pack(">H", len(value)) + value


def _number(value):
    return b"\0" + struct.pack(">d", value)


def _message(kind, payload, *, time_ms=0, stream=0):
    head = struct.pack(">I", time_ms)[1:] + struct.pack(">I", len(payload))[1:] + bytes([kind])
    return b"\3" + head + struct.pack("<I", stream) + payload


class _Tags:
    """A file to mux FLV into: each tag goes out as a message."""

    def __init__(self, connection):
        self._connection = connection
        self._waiting = b""
        self._is_begun = False

    def write(self, data):
        self._waiting += data
        if not self._is_begun and len(self._waiting) >= 13:
            self._waiting, self._is_begun = self._waiting[13:], True
        while self._is_begun and len(self._waiting) >= 11:
            size = int.from_bytes(self._waiting[1:4], "big")
            if len(self._waiting) < 15 + size:
                break
            time_ms = int.from_bytes(self._waiting[4:7], "big")
            payload = self._waiting[11 : 11 + size]
            self._connection.sendall(_message(self._waiting[0], payload, time_ms=time_ms, stream=1))
            self._waiting = self._waiting[15 + size :]
        return len(data)


def _until(connection, seen, what):
    while what not in seen:
        data = connection.recv(65_536)
        if not data:
            raise OSError("the player has gone")
        seen += data
    return seen


def _play(connection, rate):
    with contextlib.suppress(OSError, av.FFmpegError), connection:
        first = b""
        while len(first) < 1 + HANDSHAKE:
            first += connection.recv(65_536)
        connection.sendall(b"\3" + bytes(HANDSHAKE) + first[1 : 1 + HANDSHAKE])
        seen = _until(connection, b"", b"connect")
        connection.sendall(_message(CHUNK_SIZE, struct.pack(">I", MAX_CHUNK)))
        connection.sendall(_message(ACK_SIZE, struct.pack(">I", 1 << 24)))
        connection.sendall(_message(BANDWIDTH, struct.pack(">IB", 1 << 24, 2)))
        connection.sendall(_message(COMMAND, _text(b"_result") + _number(1) + b"\5\5"))
        seen = _until(connection, seen, b"createStream")
        connection.sendall(_message(COMMAND, _text(b"_result") + _number(2) + b"\5" + _number(1)))
        _until(connection, seen, b"play")
        connection.sendall(_message(CONTROL, struct.pack(">HI", 0, 1)))
        status = {b"level": b"status", b"code": b"NetStream.Play.Start"}
        told = b"".join(struct.pack(">H", len(key)) + key + _text(value) for key, value in status.items())
        begins = _text(b"onStatus") + _number(0) + b"\5\3" + told + b"\0\0\x09"
        connection.sendall(_message(COMMAND, begins, stream=1))
        write_numbered(_Tags(connection), "flv", rate, 60, paced=True)


@contextlib.contextmanager
def rtmp_camera(rate=25):
    """While the block runs, `rate` pictures a second with their numbers; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=_play, args=(connection, rate), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"rtmp://127.0.0.1:{server.getsockname()[1]}/live/door"
