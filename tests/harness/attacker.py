"""Requests as no browser and no library sends them, over plain sockets."""

import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

ANSWER_S = 60


class Attacker:
    """Speaks to the server at `url`, with headers of its own on every request; `source` is the address that it comes from."""

    def __init__(self, url, headers=None, source="127.0.0.1"):
        at = urlsplit(url)
        self._at, self._source = (at.hostname, at.port), source
        self.headers = {"Host": f"localhost:{at.port}"} | (headers or {})

    def connected(self, receives=None):
        """A socket; `receives` is how many bytes it takes in before somebody reads."""
        made = socket.socket()
        if receives:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        made.settimeout(ANSWER_S)
        made.bind((self._source, 0))
        made.connect(self._at)
        return made

    @contextmanager
    def many(self, count, said=b""):
        """So many connections at once, each of which says something, as far as it is heard."""
        with ExitStack() as stack:
            there = []
            for _ in range(count):
                there.append(stack.enter_context(self.connected()))
                with suppress(OSError):
                    there[-1].sendall(said)
            yield there

    def head(self, method, path, **headers):
        """The beginning of a request, with the names of `headers` as Python has them."""
        lines = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        return f"{method} {path} HTTP/1.1\r\n{told}\r\n".encode("latin-1")

    def ask(self, method, path, body=b"", **headers):
        """The answer's code, its headers in small letters, and what came of its body."""
        length = {"Content_Length": str(len(body))} if body else {}
        with self.connected() as there:
            with suppress(ConnectionError):  # refused before all of it was sent
                there.sendall(self.head(method, path, Connection="close", **length, **headers) + body)
            return answered(there)

    def pour(self, method, path, megabytes, **headers):
        """A body that does not say how long it is: the answer's code, and how many megabytes were taken."""
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        sent = 0
        with self.connected() as there:
            there.sendall(self.head(method, path, Transfer_Encoding="chunked", **headers))
            with suppress(OSError):
                while sent < megabytes * 1e6:
                    there.sendall(piece)
                    sent += len(piece)
            return answered(there)[0], sent / 1e6


def answered(there):
    """What a server said until it closed: code (0 where nothing came), headers, body."""
    said = b""
    with suppress(ConnectionError):
        while piece := there.recv(1 << 16):
            said += piece
            head, _, body = said.partition(b"\r\n\r\n")
            length = [
                line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            ]
            if length and len(body) >= int(length[0]):
                break
    head, _, body = said.partition(b"\r\n\r\n")
    code = int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else 0
    lines = (line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    return code, {name.decode().lower(): value.strip().decode("latin-1") for name, value in lines}, body


class Memory:
    """The most that a process held since, in megabytes above what it held then."""

    def __init__(self, pid):
        self._status = Path(f"/proc/{pid}/status")
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._before = self._peak()

    def _peak(self):
        line = next(each for each in self._status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1000

    def grown_mb(self):
        return self._peak() - self._before


def soon(condition, within_s=90):
    """Wait until it is so; gives how long it took, in seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it took too long"
        time.sleep(0.05)
    return time.monotonic() - began
