"""One service for all gentle faults, cameras that fall sick, and what is checked after every test."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness.cameras import Camera, Clip, require_gstreamer, sources
from harness.mounts import tmpfs
from harness.service import Service, samples

from maskwatch.pipeline.capture import SHORT_ONES, SHORT_S

PASSWORD = "f4ult-pa55word"
USUAL = Clip()
# an aplay that does what the file says: play, fail, hang, or slow
PLAYER = """#!/bin/sh
case $(/bin/cat {mode}) in
    fail) echo "audio open error: no sound card" >&2; exit 1 ;;
    hang) exec /bin/sleep 60 ;;
    slow) /bin/sleep 2.5 ;;
esac
exec /usr/bin/aplay "$@"
"""
# the same for the speech engine, which the child process imports
ENGINE = """
import importlib.util, pathlib, sys, time
mode = pathlib.Path({mode!r}).read_text()
if mode == "engine hangs":
    time.sleep(60)
if mode == "engine fails":
    raise RuntimeError("no speech engine on this machine")
sys.path.remove({folder!r})
del sys.modules["pyttsx3"]
import pyttsx3
"""


@dataclass
class Watched:
    """The service with its two cameras: `sick` is there to fall ill, `well` must never notice."""

    service: Service
    sick: Camera
    well: Camera
    config: dict
    queue: Path
    disk: Path | None
    folder: Path
    mode: Path = field(init=False)
    outages: int = 0
    may_end: bool = False  # the service, of what a test does to it

    def __post_init__(self):
        self.mode = self.folder / "mode"

    def well_goes_on(self, frames=6):
        """Wait until so many more frames of the well camera have been analysed: it has 2 a second."""
        before = self.service.status().analysed("well")
        self.service.until(lambda: self.service.status().analysed("well") >= before + frames)

    def speaks(self):
        """Whether its voice works: the sentence is rendered, and what failed before works again."""
        log = self.service.log
        rendered = any((self.service.folder / "cache").rglob("[!.]*.wav"))
        return rendered and log.count("ERROR voice: ") == log.count("voice: works again")

    def is_steady(self):
        """Wait until the camera's next outage is news again, as it is not after several in short time."""
        self.outages += 1
        if self.outages % (SHORT_ONES - 1) == 0:
            time.sleep(SHORT_S + 1)

    def reconfigured(self, **changed):
        """Read the configuration again with other values, and wait until it runs."""
        mark = self.service.mark()
        self.service.write(self.config | changed)
        self.service.reload()
        self.service.until_logged("the configuration is reloaded", after=mark)
        self.service.until(lambda: self.service.status().up == 2)


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    require_gstreamer()
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def cameras(clips):
    """Two cameras, for a service of the test's own."""
    made = [Camera(name, f"{PASSWORD}-{name}", clips) for name in ("sick", "well")]
    for camera in made:
        camera.serve(USUAL)
    yield made
    for camera in made:
        camera.gone()


@pytest.fixture(scope="session")
def small_disk(tmp_path_factory):
    with tmpfs(tmp_path_factory.mktemp("small") / "disk", 48) as folder:
        yield folder


@pytest.fixture(scope="module")
def _kept():
    """The service that the tests of a file share, until one of them ends it: those of other files need the cores."""
    kept = []
    yield kept
    for each in kept:
        _let_go(each)


def _let_go(watched):
    watched.service.__exit__()
    watched.sick.gone()
    watched.well.gone()


@pytest.fixture
def watched(_kept, clips, small_disk, tmp_path_factory):
    """The running service, both cameras up; checked afterwards for what must hold after any fault."""
    if not _kept:
        _kept.append(_started(clips, small_disk, tmp_path_factory.mktemp("watched")))
    (one,) = _kept
    try:
        one.service.until(lambda: one.service.url() and one.service.status().up == 2)
        one.service.until(one.speaks)
        yield one
        one.service.must_keep_secret(PASSWORD, one.queue)
        assert samples(one.queue)[1] == [], "a sample is broken"
        if not one.may_end:
            assert one.service.process.poll() is None
            one.service.until(lambda: one.service.status().up == 2, 15)
    except BaseException:
        one.may_end = True
        raise
    finally:
        if one.may_end:  # the next test gets a fresh one
            _kept.clear()
            _let_go(one)


def _started(clips, disk, folder):
    sick, well = (Camera(name, f"{PASSWORD}-{name}", clips) for name in ("sick", "well"))
    queue = (disk or folder) / "queue"
    for camera in (sick, well):
        camera.serve(USUAL)
    (folder / "mode").write_text("play")
    for name, text in (("aplay", PLAYER), ("pyttsx3.py", ENGINE)):
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(mode=str(folder / "mode"), folder=str(folder / "bin")))
        path.chmod(0o755)
    (folder / "asound.conf").write_text("pcm.!default { type null }\n")
    entries, passwords = sources((sick, well))
    config = {
        "cameras": entries,
        "fps": 2,
        "device": "cpu",
        "alert": {
            "sinks": ["voice", "log"],
            "for_s": 0.4,
            "cooldown_s": 1,
            "voice": {"play_s": 3, "render_s": 10},
        },
        "queue": {"dir": str(queue), "classifier_band": [0, 1], "max_per_hour": 10_000, "min_free_mb": 0},
        "web": {"port": 0},
    }
    environment = passwords | {
        "PATH": str(folder / "bin"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(folder / "bin"), os.environ.get("PYTHONPATH")])),
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
    }
    service = Service(config, folder / "service", environment)
    return Watched(service, sick, well, config, queue, disk, folder)


RECOVERIES = pytest.StashKey[list]()


@pytest.fixture
def recovery(request, record_property):
    """Note what was measured: `recovery(noticed_s=…, back_s=…)`, for the table of faults."""

    def note(**measured):
        rounded = {what: round(seconds, 2) for what, seconds in measured.items()}
        for what, seconds in rounded.items():
            record_property(what, seconds)
        request.config.stash.setdefault(RECOVERIES, []).append((request.node.name, rounded))

    return note


def pytest_terminal_summary(terminalreporter, config):
    """The measured times, also as JSON in the file that MASKWATCH_FAULT_TIMES names."""
    measured = config.stash.get(RECOVERIES, [])
    if measured:
        terminalreporter.section("recovery times, s")
    for name, times in measured:
        terminalreporter.write_line(f"{name}: {', '.join(f'{what} {s}' for what, s in times.items())}")
    if measured and "MASKWATCH_FAULT_TIMES" in os.environ:
        Path(os.environ["MASKWATCH_FAULT_TIMES"]).write_text(json.dumps(dict(measured), indent=1))
