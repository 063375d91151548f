"""Cameras with a loudspeaker: a real RTSP server in a process of its own, and one that says what a test wants it to."""

import contextlib
import itertools
import json
import signal
import ssl
import subprocess
from pathlib import Path

import av
import numpy as np

from harness.cameras import CHUNK, Listener, free_port, require_gstreamer

SERVER = Path(__file__).parent.parent / "speaker_server.py"
RATE_HZ = 8000


class SpeakerCamera:
    """Debian's GStreamer as the camera; `options` stand at the head of `speaker_server.py`."""

    def __init__(self, folder, **options):
        require_gstreamer()
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self._folder = folder
        login = f"{options['credentials']}@" if "credentials" in options else ""
        self.url = f"rtsp://{login}127.0.0.1:{self.port}/cam"
        self._command = ["/usr/bin/python3", str(SERVER), str(self.port), str(folder), json.dumps(options)]
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout.readline() == "ready\n"

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def heard(self):
        """Of each session that said something: when its pieces came (Unix times), and the sound, -1..1 at 8 kHz."""
        heard = self._folder / "heard"
        lines = [line.split() for line in heard.read_text().splitlines()] if heard.exists() else []
        numbers = dict.fromkeys(number for _, number, __ in lines)
        return {
            number: (
                [float(at) for at, of, _ in lines if of == number],
                np.frombuffer((self._folder / f"{number}.raw").read_bytes(), "<i2") / 2**15,
            )
            for number in numbers
        }


def rendered(path):
    """A rendered sentence, -1..1, at the rate of the loudspeaker."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
    with av.open(str(path)) as sound:
        frames = [resampler.resample(frame) for frame in itertools.chain(sound.decode(audio=0), [None])]
    return np.concatenate([frame.to_ndarray()[0] for frame in itertools.chain(*frames)])


def likeness(sound, other):
    """The greatest correlation (-1..1) of a sound with another that stands somewhere in it, or begins up to 0.1 s before."""
    sound = np.pad(sound, RATE_HZ // 10 + len(other))
    size = 2 ** int(np.ceil(np.log2(len(sound) + len(other))))
    products = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(other, size)), size)
    place = int(np.argmax(products[: len(sound) - len(other)]))
    part = sound[place : place + len(other)]
    return float(part @ other / (np.linalg.norm(part) * np.linalg.norm(other) + 1e-9))


SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=camera
t=0 0
a=control:*
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:trackID=0
a=recvonly
m=audio 0 RTP/AVP 0
a=control:trackID=1
a=recvonly
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=control:trackID=5
a=sendonly
"""


class ScriptedSpeaker(Listener):
    """Answers like a camera, but for what a test sets.

    `answers`: by method, a list of (status, headers) to give first. `sdp`: what it describes. `says`: bytes, given in
    place of any answer; `change` makes something else of an answer's bytes. `hangs_up_after`: so many packets, each time. It keeps all `requests`, and each session's
    `packets`, in `sessions`.
    """

    def __init__(self, sdp=SDP, *, says=None, change=bytes, hangs_up_after=None, context=None):
        self.answers, self.sdp, self.says, self._change = {}, sdp, says, change
        self.hangs_up_after, self._context = hangs_up_after, context
        self.requests, self.sessions = [], []
        self.port = free_port()
        scheme = "rtsp" if context is None else "rtsps"
        self.url = f"{scheme}://door:s3cret@127.0.0.1:{self.port}/cam"
        super().__init__(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def handle(self, connection):
        with contextlib.suppress(OSError, ssl.SSLError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self.keep(connection)
            self._talk(connection)
        connection.close()

    def _talk(self, connection):
        read, packets = b"", []
        while data := connection.recv(CHUNK):
            if self.says is not None:
                connection.sendall(self.says)
                continue
            read += data
            while read:
                if read[0] == 0x24:
                    size = 4 + int.from_bytes(read[2:4], "big")
                    if len(read) < size:
                        break
                    packets.append((read[1], read[4:size]))
                    read = read[size:]
                    if len(packets) == self.hangs_up_after:
                        return
                    continue
                request, end, rest = read.partition(b"\r\n\r\n")
                if not end:
                    break
                read = rest
                if request.startswith(b"PLAY"):
                    self.sessions.append(packets := [])
                self._answer(connection, request.decode())

    def _answer(self, connection, request):
        self.requests.append(request)
        method = request.partition(" ")[0]
        number = next(line for line in request.splitlines() if line.startswith("CSeq"))
        queued = self.answers.get(method)
        status, headers = queued.pop(0) if queued else (200, {})
        body = ""
        if status == 200:
            usual = {
                "DESCRIBE": {"Content-Base": f"{self.url.replace('door:s3cret@', '')}/"},
                "SETUP": {"Session": "a1;timeout=60", "Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"},
            }
            headers = usual.get(method, {}) | headers
            body = self.sdp if method == "DESCRIBE" else ""
        lines = [f"RTSP/1.0 {status} Said so", number, *(f"{k}: {v}" for k, v in headers.items())]
        lines.append(f"Content-Length: {len(body.encode())}")
        connection.sendall(self._change(("\r\n".join(lines) + "\r\n\r\n" + body).encode()))
