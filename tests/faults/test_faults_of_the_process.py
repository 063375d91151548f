"""What the service cannot mend itself: it works on, or ends with a reason and an exit code."""

import json
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest
from harness.cameras import Clip, sources
from harness.service import Service, samples

from maskwatch.platform.package_data import shipped
from maskwatch.platform.systemd import notify

PASSWORD = "f4ult-pa55word"

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def footage(tmp_path, demo_clip):
    """A configuration with footage for a camera; the service ends with it, after 9 s."""

    def make(**changed):
        return {
            "cameras": {"door": {"source": str(demo_clip)}},
            "device": "cpu",
            "alert": {"sinks": ["log"]},
            "queue": {"dir": str(tmp_path / "queue"), "classifier_band": [0, 1]},
            "web": {"port": 0},
        } | changed

    return make


def ended(config, folder, environment=(), **options):
    """Run to the end; gives the exit code and what it said."""
    with Service(config, folder, environment, **options) as service:
        return service.process.wait(timeout=120), service.log


# models


def damaged(path):
    shutil.copy(shipped("models/classifier.safetensors"), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data[:-1000])


@pytest.mark.parametrize(
    ("key", "write"),
    [
        ("classify", lambda path: None),
        ("detect", lambda path: None),
        ("classify", damaged),
        ("detect", damaged),
        ("classify", Path.touch),
    ],
    ids=["no classifier", "no detector", "broken classifier", "broken detector", "empty classifier"],
)
def test_a_model_that_is_missing_or_broken_ends_the_start_with_its_name(footage, tmp_path, key, write):
    path = tmp_path / "model.safetensors"
    write(path)
    code, said = ended(footage(**{key: {"weights": str(path)}}), tmp_path / "service")
    assert code in {1, 2}
    (line,) = [line for line in said.splitlines() if not line.startswith("INFO")]
    assert str(path) in line
    assert "Traceback" not in said


def test_a_broken_model_or_configuration_at_a_reload_changes_nothing(watched, tmp_path, recovery):
    service, path = watched.service, tmp_path / "model.safetensors"
    damaged(path)
    broken = [
        (json.dumps(watched.config | {"classify": {"weights": str(path)}}), str(path)),
        (json.dumps(watched.config | {"fps": -1}), "fps: must be above 0"),
        ("cameras: [", "config.yaml"),
    ]
    for text, reason in broken:
        mark = service.mark()
        service.write(text)
        service.reload()
        service.until_logged("the configuration is not reloaded, the old one stays", after=mark)
        assert reason in service.log[mark:]
        watched.well_goes_on()
    mark = service.mark()
    service.write(watched.config)
    service.reload()
    recovery(back_s=service.until_logged("the configuration is reloaded", after=mark))
    service.until(lambda: service.status().up == 2)


# threads

BUG = """
import {module}
def bug(*_, **__):
    raise RuntimeError("a bug in {what}")
{module}.{what} = bug
from maskwatch.cli import main
main()
"""


@pytest.mark.parametrize(
    ("module", "what"),
    [
        ("maskwatch.sources.file", "upright"),
        ("maskwatch.alerts.kinds.log", "LogSink.deliver"),
        ("maskwatch.samples.store", "write_atomically"),
        ("maskwatch.pipeline.engine", "Engine.analyse"),
    ],
    ids=["capture", "sink", "queue", "engine"],
)
def test_a_thread_that_raises_ends_the_process_with_the_reason(footage, tmp_path, module, what):
    program = tmp_path / "program.py"
    program.write_text(BUG.format(module=module, what=what))
    code, said = ended(footage(), tmp_path / "service", program=[str(program)])
    assert code == 1
    assert f"RuntimeError: a bug in {what}" in said
    assert samples(tmp_path / "queue")[1] == []


# systemd


@pytest.mark.parametrize("stuck", [True, False], ids=["stuck", "gone"])
def test_a_systemd_that_does_not_listen_holds_nothing_up(tmp_path, monkeypatch, caplog, stuck):
    path = tmp_path / "notify.sock"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        if not stuck:
            path.unlink()
        begin = time.monotonic()
        while time.monotonic() - begin < 3:
            sent_at = time.monotonic()
            notify("STATUS=here")
            assert time.monotonic() - sent_at < 2
    (line,) = {record.getMessage() for record in caplog.records}
    assert line.startswith("systemd cannot be notified: ")
    assert len(caplog.records) == 1


# memory


def test_without_memory_it_works_on_or_ends_with_the_reason(watched):
    service = watched.service
    watched.may_end = True
    used = psutil.Process(service.pid).memory_info().vms
    for spare_mb in (64, 16, 4, 1):
        limit = used + spare_mb * 1024 * 1024
        resource.prlimit(service.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        time.sleep(3)
        if service.process.poll() is not None:
            break
    watched.sick.serve(Clip())  # it has to be opened again
    try:
        watched.well_goes_on(4)
        resource.prlimit(service.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        service.until(lambda: service.status().up == 2, 15)
        watched.well_goes_on()
    except (OSError, AssertionError):  # it does not work on, so it must have ended
        assert service.process.wait(10) != 0
        said = service.log.lower()
        # whoever was refused says it in his own words; of a thread that has no room for its stack it is the last
        assert any(word in said for word in ("memory", "alloc", "resource temporarily unavailable"))


# the clock

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def test_a_clock_that_jumps_back_and_forward_stops_nothing(cameras, tmp_path, recovery):
    if not FAKETIME.exists():
        pytest.skip("libfaketime is not installed (the README's test command installs it)")
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    entries, passwords = sources(cameras)
    environment = passwords | {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    queue = tmp_path / "queue"
    config = {
        "cameras": entries,
        "fps": 2,
        "device": "cpu",
        "alert": {"sinks": ["log"], "for_s": 0.4, "cooldown_s": 2},
        "queue": {"dir": str(queue), "classifier_band": [0, 1]},
        "web": {"port": 0},
    }
    with Service(config, tmp_path / "service", environment) as service:
        service.until(lambda: service.url() and service.status().up == 2)
        for jump in ("-2h", "+1d", "-400d", "+0"):
            recovery(back_s=after_the_jump(service, partial(clock.write_text, f"{jump}\n"), cameras))
        service.must_keep_secret(PASSWORD, queue)
        assert service.terminate() == 0
    whole, broken = samples(queue)
    assert whole
    assert not broken


def after_the_jump(service, jump, cameras):
    """Let the clock jump, and see that all goes on; gives how long it took."""
    mark, before = service.mark(), service.status()
    jump()
    took_s = service.until(
        lambda: all(service.status().analysed(c.name) > before.analysed(c.name) + 8 for c in cameras), 20
    )
    service.until(lambda: service.status().stored > before.stored, 20)
    service.until_logged("people wear no mask", 20, after=mark)
    assert "down" not in service.log[mark:]
    assert service.status().latency_ms < 5000
    return took_s


# power cuts


@pytest.mark.parametrize("cuts", [17, pytest.param(50, marks=pytest.mark.slow)])
def test_power_cuts_while_samples_are_written_leave_none_half(tmp_path, cuts):
    """The writer alone, killed at random moments: a start of the whole service takes seconds."""
    queue = tmp_path / "queue"
    chance = random.Random(7)
    for _ in range(cuts):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(queue)], stdout=subprocess.PIPE)
        child.stdout.read(1)
        time.sleep(chance.uniform(0.0, 0.05))
        child.kill()
        child.wait()
        child.stdout.close()
        assert samples(queue)[1] == []
    assert samples(queue)[0] > cuts


WRITER = """
import itertools, sys
from pathlib import Path
import numpy as np
from maskwatch.core.records import Box, Face, Frame, FrameReport
from maskwatch.samples.store import Limits, Queue

rgb = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
face = Face(Box(1, 2, 30, 40), 0.9, 0.5)
queue = Queue(Path(sys.argv[1]), Limits(max_mb=2, max_days=30))
for seq in itertools.count():
    report = FrameReport("door", "clip.mp4", seq, float(seq), (160, 120), (face,))
    queue.add(Frame("door", "clip.mp4", seq, float(seq), rgb), report, ("classifier",))
    if not seq:
        print(end="x", flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_kills_of_the_whole_service_leave_no_half_sample_and_it_starts_again(cameras, tmp_path):
    queue, chance = tmp_path / "queue", random.Random(3)
    entries, passwords = sources(cameras)
    config = {
        "cameras": entries,
        "device": "cpu",
        "alert": {"sinks": ["log"]},
        "queue": {"dir": str(queue), "classifier_band": [0, 1], "max_mb": 5},
        "web": {"port": 0},
    }
    for number in range(50):
        with Service(config, tmp_path / f"service{number}", passwords) as service:
            service.until(lambda: service.url() and service.status().stored > 0)
            service.must_keep_secret(PASSWORD, queue)
            time.sleep(chance.uniform(0, 0.5))
        assert samples(queue)[1] == []
    assert samples(queue)[0]


# leaks


@pytest.mark.slow
def test_reloads_leave_no_thread_handle_or_memory_behind(watched):
    service, process = watched.service, psutil.Process(watched.service.pid)

    def after_reloads(count):
        for _ in range(count):
            watched.reconfigured()
        watched.well_goes_on()
        seen = [(process.num_threads(), process.num_fds()) for _ in range(20) if not time.sleep(0.1)]
        return min(threads for threads, _ in seen), min(handles for _, handles in seen), resident_mb(process)

    before = after_reloads(2)  # the first one's memory stays with the allocator
    after = after_reloads(5)
    assert after[0] <= before[0] + 4
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 60
    assert service.log.count("is reloaded") >= 7


def resident_mb(process):
    return process.memory_info().rss / 1e6


# the start

# not where a module is looked for: Python lets no other thread import anything meanwhile
HOLD = """
import pathlib, time
from importlib.machinery import SourceFileLoader

execute = SourceFileLoader.exec_module

def hold(self, module):
    while module.__name__ == "torch" and not pathlib.Path({go!r}).exists():
        time.sleep(0.05)
    execute(self, module)

SourceFileLoader.exec_module = hold
"""


def test_health_of_64_cameras_is_told_before_the_models_are_loaded(footage, tmp_path):
    """They cannot be loaded until the test says so."""
    (tmp_path / "held").mkdir()
    (tmp_path / "held/sitecustomize.py").write_text(HOLD.format(go=str(tmp_path / "go")))
    path = os.pathsep.join(filter(None, [str(tmp_path / "held"), os.environ.get("PYTHONPATH")]))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cameras = {f"door-{number}": {"source": f"rtsp://127.0.0.1:1/{number}"} for number in range(64)}
    config = footage(cameras=cameras, web={"port": port})

    def told(path):
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=60)
        except httpx.HTTPError:
            return None

    with Service(config, tmp_path / "service", {"PYTHONPATH": path}) as service:
        service.until(lambda: (answer := told("/healthz")) and answer.status_code == 200)
        assert told("/readyz").json()["reason"] == "it is starting"
        assert told("/api/status").json() == {"error": "it is starting"}
        assert service.url() is None
        (tmp_path / "go").touch()
        service.until(lambda: service.url() and told("/healthz") is not None)
        assert told("/healthz").json()["ok"]
        assert len(service.told()["cameras"]) == 64
        assert service.terminate() == 0
