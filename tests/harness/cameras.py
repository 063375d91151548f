"""Real cameras on loopback that can be killed, frozen, exchanged, and made to talk rubbish."""

import base64
import contextlib
import functools
import http.server
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from maskwatch.output import demo_clip as demo

SERVER = Path(__file__).parent.parent / "rtsp_server.py"
GI = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
CHUNK = 4096
HANDSHAKE_BYTES = 20_000  # enough for the answers to DESCRIBE, SETUP and PLAY, and a key frame


def require_gstreamer():
    found = shutil.which("/usr/bin/python3") is not None
    if not found or subprocess.run(["/usr/bin/python3", "-c", GI], capture_output=True).returncode:
        pytest.skip("Debian's GStreamer RTSP server is not installed (the README's test command installs it)")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Clip:
    """What a camera plays: the demo's scene. `codec` is h264 or h265; a picture has so many slices."""

    codec: str = "h264"
    width: int = 480
    height: int = 270
    slices: int = 1

    def write(self, folder):
        """An Annex B stream for the test camera; kept once made."""
        path = folder / f"{self.width}x{self.height}-{self.slices}.{self.codec}"
        if not path.exists():
            self._encode(path)
        return path

    def _encode(self, path):
        if self.codec == "h264":
            own = {"x264-params": f"aud=1:slices={self.slices}:sliced-threads=0:threads=1"}
        else:
            own = {"x265-params": "aud=1:repeat-headers=1:log-level=none:pools=1:frame-threads=1:bframes=0"}
        options = {"bf": "0", "g": "25", "preset": "veryfast"} | own
        with av.open(str(path), "w", format="hevc" if self.codec == "h265" else "h264") as target:
            encoder = {"h264": "libx264", "h265": "libx265"}[self.codec]
            stream = target.add_stream(encoder, rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
            for number, rgb in enumerate(demo.frames()):
                small = cv2.resize(rgb, (self.width, self.height), interpolation=cv2.INTER_AREA)
                image = av.VideoFrame.from_ndarray(small, format="rgb24")
                image.pts = number
                target.mux(stream.encode(image))
            target.mux(stream.encode(None))


class Camera:
    """A camera's place in the network: its port stays, what answers there changes."""

    def __init__(self, name, password, folder):
        self.name = name
        self.port = free_port()
        self.password = password
        self.url = f"rtsp://viewer:{password}@127.0.0.1:{self.port}/cam"
        self._folder = folder
        self._process = None
        self._other = None

    def serve(self, clip, *, port=None, password=None):
        """Be a camera that plays `clip`, in the place of whatever was there."""
        self.gone()
        self._serve(clip, port or self.port, password or self.password)

    def mangle(self, clip, mode, seed=0):
        """Be a camera whose packets arrive broken: `garbage` or `truncated`."""
        self.gone()
        behind = free_port()
        self._serve(clip, behind, self.password)
        self._other = Mangler(self.port, behind, mode, seed)

    def silent(self):
        """Accept connections and say nothing."""
        self.gone()
        self._other = Silence(self.port)

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def gone(self):
        """Nothing answers any more, as when it is killed."""
        if self._other is not None:
            self._other.close()
            self._other = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def _serve(self, clip, port, password):
        command = ["/usr/bin/python3", str(SERVER), str(port), str(clip.write(self._folder))]
        self._process = subprocess.Popen(
            [*command, "--login", f"viewer:{password}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"


class Listener:
    """A TCP port whose connections each get a thread."""

    def __init__(self, port):
        self._open = {socket.create_server(("127.0.0.1", port), backlog=16)}
        self._lock = threading.Lock()
        (self._server,) = self._open
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def handle(self, connection):
        raise NotImplementedError

    def keep(self, connection):
        with self._lock:
            self._open.add(connection)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.keep(connection)
                threading.Thread(target=self.handle, args=[connection], daemon=True).start()


class Silence(Listener):
    def handle(self, connection):
        with contextlib.suppress(OSError):
            while connection.recv(CHUNK):
                pass


class Mangler(Listener):
    """Passes on what a camera behind it says, in pieces that arrive with wrong bytes or not whole."""

    def __init__(self, port, behind, mode, seed):
        self._behind = behind
        self._mode = mode
        self._random = random.Random(seed)
        super().__init__(port)

    def handle(self, connection):
        try:
            camera = socket.create_connection(("127.0.0.1", self._behind), timeout=5)
        except OSError:
            connection.close()
            return
        camera.settimeout(None)
        self.keep(camera)
        threading.Thread(target=self._pass, args=[connection, camera, bytes], daemon=True).start()
        self._pass(camera, connection, self._mangled)

    def _pass(self, source, target, change):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(data if passed < HANDSHAKE_BYTES else change(data))
                passed += len(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _mangled(self, data):
        if self._mode == "truncated":
            return data[: self._random.randrange(len(data) + 1)] if self._random.random() < 0.2 else data
        wrong = bytearray(data)
        for _ in range(1 + len(data) // 500):
            wrong[self._random.randrange(len(wrong))] = self._random.randrange(256)
        return bytes(wrong)


def sources(cameras):
    """Their entries in a configuration without passwords, and the environment that holds these."""
    variables = {camera: f"MASKWATCH_{camera.name.upper()}" for camera in cameras}
    entries = {c.name: {"source": c.url.replace(c.password, f"{{{v}}}")} for c, v in variables.items()}
    return entries, {variable: camera.password for camera, variable in variables.items()}


@contextlib.contextmanager
def mjpeg_camera(rate=25):
    """A camera that sends MJPEG over HTTP to who has the password `viewer:hunter2`, `rate` pictures a second; gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.headers.get("Authorization") != f"Basic {base64.b64encode(b'viewer:hunter2').decode()}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                for number in range(500):
                    _, jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), 40 + number % 200, np.uint8))
                    self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                    self.wfile.write(
                        f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg.tobytes() + b"\r\n"
                    )
                    time.sleep(1 / rate)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextlib.contextmanager
def hls_camera(folder, piece_s, *, rate=25, pieces=1):
    """A camera that writes a playlist of pieces of so many seconds, which an HTTP server gives; its address, once `pieces` are there."""
    playlist = folder / "live.m3u8"

    def write():
        with contextlib.suppress(av.FFmpegError, OSError):
            options = {"hls_time": str(piece_s), "hls_list_size": "4", "hls_flags": "delete_segments"}
            write_numbered(str(playlist), "hls", rate, 60, gop=rate, paced=True, **options)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    threading.Thread(target=write, daemon=True).start()
    until = time.monotonic() + 60
    while not playlist.exists() or playlist.read_text().count("#EXTINF") < pieces:
        assert time.monotonic() < until
        time.sleep(0.05)
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/live.m3u8"
        server.shutdown()


BITS = 12  # of the number of a picture, as black and white bars


@contextlib.contextmanager
def ts_camera(rate=25, *, seconds=60, gop=10):
    """A camera that sends H.264 in MPEG-TS over HTTP, `rate` pictures a second, each with its number in it.

    Gives its address; `number_of` reads the number.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            with contextlib.suppress(OSError, av.FFmpegError):
                write_numbered(self.wfile, "mpegts", rate, seconds, gop=gop, paced=True)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/live.ts"
        server.shutdown()


def write_numbered(target, form, rate, seconds, *, gop=10, paced=False, **options):
    """H.264 of pictures that show their number; `paced`: as time goes by, as a camera does."""
    with av.open(target, "w", format=form, options=options) as out:
        encoding = {"g": str(gop), "bf": "0", "preset": "ultrafast", "tune": "zerolatency"}
        stream = out.add_stream("libx264", rate=rate, options=encoding)
        stream.width, stream.height, stream.pix_fmt = 16 * BITS, 32, "yuv420p"
        begun_s = time.monotonic()
        for number in range(int(rate * seconds)):
            bars = [255 * (number >> bit & 1) for bit in range(BITS)]
            rgb = np.broadcast_to(np.repeat(np.uint8(bars), 16)[None, :, None], (32, 16 * BITS, 3))
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            image.pts = number
            if paced:
                time.sleep(max(0.0, begun_s + number / rate - time.monotonic()))
            out.mux(stream.encode(image))
        out.mux(stream.encode(None))


def number_of(rgb):
    """Which picture of `write_numbered` it is."""
    bars = rgb[rgb.shape[0] // 2, 8::16, 0] > 127
    return sum(int(bar) << bit for bit, bar in enumerate(bars))
