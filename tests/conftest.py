"""What the tests share: real pictures that installed packages ship, and clips made from them."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program has it; read when torch loads
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each command compiles the program anew

import av
import hypothesis
import numpy as np
import pytest

from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
from maskwatch.output import demo_clip as demo

# whoever runs the tests in the background may have them ignore Ctrl-C, and what they start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

# the same examples on every machine; `--hypothesis-profile default` looks for others
hypothesis.settings.load_profile("ci")

# folders and files whose tests start services, servers or browsers, or train, and fixtures that do
INTEGRATION = {"faults", "soak", "bench", "cli", "learning", "project", "training"}
INTEGRATION |= {"test_review_browser.py", "test_memory.py", "test_hot_swap.py", "test_config_values.py"}
INTEGRATION |= {"test_plugins.py", "test_service.py", "test_web.py", "test_console_process.py"}
INTEGRATION |= {
    "test_in_the_service.py",
    "test_hostile_inputs.py",
    "test_kill.py",
    "test_postgres.py",
    "test_events_kept.py",
}
SLOW_FIXTURES = {"person", "maskwatch", "rtsp_camera", "loudspeaker", "wheel", "shared", "demo_clip", "h264"}


def pytest_collection_modifyitems(config, items):
    """Marks what takes longer than a moment: `-m "not integration"` leaves it out."""
    for item in items:
        places = set(item.path.relative_to(Path(__file__).parent).parts)
        longer = any(item.get_closest_marker(name) for name in ("slow", "soak", "container"))
        if longer or places & INTEGRATION or SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker("integration")


SHARED = Path(os.environ.get("MASKWATCH_SHARED", "../shared"))


@pytest.fixture(scope="session")
def shared():
    """The folder with real pictures and footage; a test that needs it skips where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"{SHARED}: real pictures and footage are not here (MASKWATCH_SHARED says where)")
    return SHARED.resolve()


@pytest.fixture
def in_zone(monkeypatch):
    """Call it with the name of a time zone, in which this process then is until the test ends."""

    def be_in(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield be_in
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def bare():
    """A public-domain portrait, `(600, 512, 3)` uint8 RGB, one bare face."""
    return demo.portrait()


@pytest.fixture(scope="session")
def masked(bare):
    return demo.with_mask(bare, demo.FACE)


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory):
    """Two people who put masks on: 9 s, 15 fps, 960 x 540, H.264."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    demo.write_clip(path)
    return path


@pytest.fixture(scope="session")
def h264(demo_clip, tmp_path_factory):
    """The clip as the test camera wants it: Annex B, 25 fps, no B-frames, a delimiter before each frame."""
    path = tmp_path_factory.mktemp("h264") / "clip.h264"
    with av.open(str(demo_clip)) as source, av.open(str(path), "w", format="h264") as target:
        options = {
            "bf": "0",
            "g": "25",
            "preset": "veryfast",
            "x264-params": "aud=1:slices=1:sliced-threads=0",
        }
        stream = target.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            image = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
            image.pts = number
            target.mux(stream.encode(image))
        target.mux(stream.encode(None))
    return path


@pytest.fixture
def write_video(tmp_path):
    """Write frames (RGB) as a video; the suffix of the name tells the format. `at`: seconds of each frame."""

    def write(name, frames, at=None, codec="libx264", pix_fmt="yuv420p", rate=10):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pix_fmt
            if at is not None:
                from fractions import Fraction

                stream.codec_context.time_base = Fraction(1, 1000)
            for number, rgb in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                if at is not None:
                    frame.pts, frame.time_base = round(at[number] * 1000), Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


class RtspCamera:
    """The test camera as a process; `start` again after `kill` comes back on the same port."""

    def __init__(self, clip, credentials=None, fault=None, also=None, only=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        login = f"{credentials}@" if credentials else ""
        self.url = f"rtsp://{login}127.0.0.1:{self.port}/cam"
        server = Path(__file__).parent / "rtsp_server.py"
        self._command = ["/usr/bin/python3", str(server), str(self.port), str(clip)]
        self._command += ["--login", credentials] if credentials else []
        self._command += ["--fault", fault] if fault else []
        self._command += ["--only", only] if only else []
        self._command += [f"--also={path}={other}" for path, other in (also or {}).items()]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


@pytest.fixture
def rtsp_camera(h264):
    """Make RTSP cameras that end with the test: `rtsp_camera("user:password")` or without.

    `also`: other clips by their paths; `only`: the one transport that is taken, `tcp` or `udp`.
    """
    check = [
        "/usr/bin/python3",
        "-c",
        "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer",
    ]
    if shutil.which("/usr/bin/python3") is None or subprocess.run(check, capture_output=True).returncode:
        pytest.skip("Debian's GStreamer RTSP server is not installed (the README's test command installs it)")
    cameras = []

    def make(credentials=None, fault=None, **options):
        camera = RtspCamera(h264, credentials, fault, **options)
        camera.start()
        cameras.append(camera)
        return camera

    yield make
    for camera in cameras:
        camera.kill()


@pytest.fixture
def loudspeaker(tmp_path, monkeypatch):
    """A sound card that records: what is played to the default device is heard in the returned WAV file."""
    if shutil.which("aplay") is None or shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng and alsa-utils are not installed (the README's test command installs them)")
    spoken, config = tmp_path / "spoken.wav", tmp_path / "asound.conf"
    config.write_text(
        f'pcm.!default {{ type file slave.pcm "null" file "{spoken}" format "wav" }}\npcm.null {{ type null }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    return spoken


@pytest.fixture
def report():
    """Make a report of faces given by their classifier probabilities (None: not assessed)."""

    def make(at, *probabilities, camera="door", score=0.99, boxes=None):
        faces = []
        for number, probability in enumerate(probabilities):
            box = boxes[number] if boxes else Box(100 * number, 50, 100 * number + 60, 120)
            label = Label.UNKNOWN
            if probability is not None:
                label = Label.PROTECTED if probability >= 0.5 else Label.UNPROTECTED
            faces.append(Face(box, score, probability, label))
        return FrameReport(camera, "clip.mp4", round(at * 10), at, (640, 480), tuple(faces))

    return make


@pytest.fixture
def frame():
    def make(at=0.0, camera="door", rgb=None):
        rgb = np.full((48, 64, 3), 90, np.uint8) if rgb is None else rgb
        return Frame(camera, "clip.mp4", round(at * 10), at, rgb)

    return make


@pytest.fixture(scope="session")
def maskwatch():
    """Run the command line in a process of its own, as a person does."""

    def run(*arguments, timeout=240, **options):
        command = [sys.executable, "-m", "maskwatch", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)

    return run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The package as it is handed on."""
    folder = tmp_path_factory.mktemp("wheel")
    root = Path(__file__).parent.parent
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, root]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(autouse=True)
def no_errors_logged(caplog, request):
    """A test that logs an error fails, unless it says `@pytest.mark.logs_errors`."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    errors = [
        r.getMessage()
        for when in ("setup", "call")
        for r in caplog.get_records(when)
        if r.levelno >= logging.ERROR
    ]
    assert not errors


@pytest.fixture(scope="session")
def street():
    """Makes `(picture, box)`: a person somewhere in a coarse pattern, `(320, 320, 3)`, and the box of the face."""
    import cv2

    def make(seed, side=64):
        random = np.random.default_rng(seed)
        image = cv2.resize(random.uniform(30, 220, (20, 20, 3)).astype(np.float32), (320, 320))
        image = np.clip(image, 0, 255).astype(np.uint8)
        x1, y1, x2, y2 = (int(v) for v in demo.FACE)
        face = cv2.resize(demo.portrait()[y1:y2, x1:x2], (side, side), interpolation=cv2.INTER_AREA)
        left, top = (int(v) for v in random.integers(0, 320 - side, 2))
        image[top : top + side, left : left + side] = face
        return image, Box(left, top, left + side, top + side)

    return make
