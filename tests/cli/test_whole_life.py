"""All that the program writes in a camera's life: nobody else may read it, and of what is erased nothing is left."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from harness.service import Service

from maskwatch.core.events import Event, EventKind
from maskwatch.datasets.records import Split
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.learning.archive import Archive
from maskwatch.learning.split import SampleHashes, SplitAssignment
from maskwatch.samples.store import Queue

PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"/9j/", b"ftypisom", b"ftypmp4", b"PK\x03\x04")
UNDER_022 = "import os, sys; os.umask(0o022); os.execv(sys.executable, [sys.executable, '-m', 'maskwatch', *sys.argv[1:]])"
ALL_OF_THEM = """
import io, json, os, sys
from maskwatch.cli import main
for arguments in json.loads(sys.argv[1]):  # one after the other, as to start each takes seconds
    os.umask(0o022)
    sys.argv[1:], sys.stdin = arguments, io.StringIO("some words for 1 door\\n")
    try:
        main()
    except SystemExit as e:
        assert not e.code, arguments
"""
OUTPUTS = (
    "seen.mp4",
    "seen.jsonl",
    "seen.png",
    "events.csv",
    "week.pdf",
    "stats.png",
)  # where somebody wants them


def files(*folders):
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def holds_picture(path):
    return any(mark in path.read_bytes() for mark in PICTURES)


@pytest.fixture
def refusing():
    """A port at which nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class Life:
    """What two cameras at one door and people leave behind; `do` runs a command under a umask of 022."""

    def __init__(self, folder, footage, port):
        self.state, self.temporary, self.out = (folder / name for name in ("state", "temporary", "out"))
        for each in (self.state, self.temporary, self.out):
            each.mkdir(mode=0o700)
        self.config = folder / "run" / "config.yaml"
        self._footage, self._port = footage, port

    def do(self, *commands):
        """Gives what they say."""
        told = [list(map(str, each)) for each in commands]
        environment = os.environ | {"TMPDIR": str(self.temporary)}
        process = [sys.executable, "-c", ALL_OF_THEM, json.dumps(told)]
        done = subprocess.run(process, capture_output=True, text=True, timeout=240, env=environment)
        assert done.returncode == 0, done.stderr
        return " ".join(done.stdout.split())

    def watch(self):
        """Samples, stills and clips of both, and alerts that wait to be sent."""
        state = self.state
        webhook = {"kind": "webhook", "url": f"http://127.0.0.1:{self._port}/", "picture": True}
        sections = {
            "cameras": {name: {"source": str(self._footage)} for name in ("gatehouse", "yard")},
            "alert": {"for_s": 0, "protected_ratio": 0.9, "cooldown_s": 1},
            "queue": {"audit_share": 1, "dir": str(state / "queue")},
            "learn": {"archive": str(state / "archive")},
            "console": {"dir": str(state / "console"), "enabled": False},
            "events": {"clip_s": 1, "dir": str(state / "events")},
            **{name: {"dir": str(state / name)} for name in ("drift", "models")},
            "web": {"enabled": False},
        }
        sections["alert"]["sinks"] = ["log", webhook | {"dir": str(state / "outbox")}]
        started = {"TMPDIR": str(self.temporary)}
        with Service(sections, self.config.parent, started, program=("-c", UNDER_022)) as service:
            assert service.process.wait(timeout=240) == 0, service.log

    def use(self):
        """What people do with it; gives the ids of the samples of both cameras."""
        config, out = ("-c", self.config), self.out
        queue, archive = Queue(self.state / "queue"), Archive(self.state / "archive")
        ids, others = (
            [s.id for s in queue.samples() if s.report.camera == name] for name in ("gatehouse", "yard")
        )
        seen = ("-o", out / "seen.mp4", "--report", out / "seen.jsonl", "--plot", out / "seen.png")
        this_week = ("--pictures", "--week", datetime.now(UTC).date())
        self.do(
            ("queue", "label", ids[0], "--accept", "--by", "Kim Nari", *config),
            ("queue", "show", ids[0], *config),
            ("queue", "export", out / "set.zip", "--all", *config),
            ("queue", "export", out / "set", "--all", "--camera", "gatehouse", *config),
            ("replay", self._footage, *seen),
            ("extract", self._footage, out / "frames"),
            ("events", "export", out / "events.csv", *config),
            ("events", "report", out / "week.pdf", *this_week, *config),
            ("dataset", "stats", out / "set", "-o", out / "stats.png"),
            ("learn", "--dry-run", *config),
            ("users", "add", "Kim Nari", "--password-stdin", *config),
            ("users", "add", "chief", "--role", "admin", "--password-stdin", *config),
        )
        before = os.umask(0o077)
        (self.state / "check").mkdir()
        (self.state / "check" / "gatehouse.jpg").write_bytes(PICTURES[0])  # as `check` leaves it
        store = EventStore.in_folder(self.state / "events")
        data = {"user": "Kim Nari", "action": "opened", "target": "/"}
        store.add([Event("d" * 32, EventKind.ACCESS, 1.0, data=data)])
        store.close()
        queue.move(ids[0], archive.samples_folder)  # as a training does
        archive.save_assignments({ids[0]: SplitAssignment("gatehouse", Split.TEST, SampleHashes(1, 2))})
        os.umask(before)
        return ids, others


@pytest.mark.logs_errors
def test_nobody_else_may_read_what_any_command_writes_and_of_an_erased_camera_nothing_is_left(
    write_video, bare, masked, tmp_path, refusing
):
    both = np.concatenate([bare, masked], axis=1)[::2, ::2]
    footage = write_video("seen.mp4", [np.roll(both, 3 * n, axis=0) for n in range(25)])
    life = Life(tmp_path, footage, refusing)
    state, out = life.state, life.out
    places = state, life.temporary, out
    life.watch()
    ids, others = life.use()
    kinds = (
        "events/stills/*.jpg",
        "queue/gatehouse/*/*.jpg",
        "archive/samples/*/*/*.jpg",
        "outbox/*/*.message",
    )
    assert [kind for kind in (*kinds, "drift/gatehouse/*.json") if not list(state.glob(kind))] == []
    assert len([path for path in files(*places) if holds_picture(path)]) > 10
    assert [path for folder in places for path in folder.rglob("*") if path.lstat().st_mode & 0o077] == []

    erasure = ("--camera", "gatehouse", "--before", (datetime.now(UTC) + timedelta(days=2)).date())
    told = life.do(("erase", *erasure, "-c", life.config))
    assert "1 of them measure new models: the holdout keeps 0 pictures of 1" in told
    assert len(list(state.glob("queue/gatehouse/*/*.jpg"))) == len(ids) - 1
    life.do(
        ("erase", *erasure, "--exports", "--yes", "-c", life.config),
        ("erase", "--person", "kim nari", "--yes", "-c", life.config),
    )

    for path in (*(out / name for name in OUTPUTS), *files(out / "frames")):
        path.unlink()
    left = files(*places)
    assert [
        p for p in left if b"gatehouse" in p.read_bytes() or "gatehouse" in p.relative_to(tmp_path).parts
    ] == []
    assert [path for path in left if b"kim nari" in path.read_bytes().lower()] == []
    store = EventStore.in_folder(state / "events")
    others += [each.id for each in store.find(EventFilter(cameras=["yard"]), limit=10_000)]
    store.close()
    for path in filter(holds_picture, left):
        camera = json.loads(path.read_bytes())["camera"] if path.suffix == ".message" else None
        assert camera == "yard" or path.stem in others
    assert list(state.glob("queue/yard/*/*.jpg"))
    assert list(state.glob("events/stills/*.jpg"))
