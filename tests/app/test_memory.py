"""Memory stays: pictures of ever new sizes, which makes other implementations grow; many threads; freed pieces."""

import json
import platform
import subprocess
import sys

import pytest

needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library looks after its heaps otherwise"
)

PROGRAM = """
import json, os, sys
import cv2, numpy as np, torch
from maskwatch.bench import scene
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_stock

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

whole = cv2.resize(scene.crowd(), (960, 540), interpolation=cv2.INTER_AREA)
random = np.random.default_rng(0)
sizes = [tuple(int(v) for v in random.integers(120, 540, 2)) for _ in range(200)]
assert len(set(sizes)) == 200
detector = Mtcnn(choose(sys.argv[1], load_stock(), torch.device("cpu")), Settings(), "x")
seen, faces = [], 0
for number in range(1000):
    width, height = sizes[number % 200]
    faces += len(detector.detect([cv2.resize(whole, (width, height))])[0])
    if number % 200 == 199:
        seen.append(resident_mb())
print(json.dumps({"mb": seen, "faces": faces}))
"""


@pytest.mark.timeout(280)
@pytest.mark.parametrize("backend", [pytest.param("torch", marks=pytest.mark.slow), "openvino"])
def test_pictures_of_200_sizes_do_not_make_it_grow(backend):
    if backend == "openvino":
        pytest.importorskip("openvino")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, backend], capture_output=True, text=True, timeout=270
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["faces"] > 1000
    assert max(figures["mb"][1:]) - figures["mb"][0] < 30


THREADS = """
import ctypes, threading
from maskwatch.platform import malloc

malloc.limit_arenas()
barrier = threading.Barrier(8)

def body():
    barrier.wait()  # all at once: a heap is taken again when its thread has ended
    kept = [bytearray(5000) for _ in range(100)]
    barrier.wait()

threads = [threading.Thread(target=body) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()  # to stderr, a paragraph for each heap
"""


@needs_glibc
def test_threads_share_two_heaps():
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Arena ") == 2


PIECES = """
import os
from maskwatch.platform import malloc

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

pieces = [bytearray(50_000) for _ in range(1000)]
last = bytearray(50_000)  # above them all: what is free below stays with the program
pieces.clear()
before = resident_mb()
malloc.trim()
print(before - resident_mb())
"""


@needs_glibc
def test_freed_memory_below_what_is_used_is_given_back():
    done = subprocess.run([sys.executable, "-c", PIECES], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 30


ASKED = """
from maskwatch.platform import malloc
from maskwatch.cli import main

malloc.limit_arenas = lambda: print("shared", flush=True)
malloc.trim = lambda: print("given back", flush=True)
main()
"""


def test_the_service_shares_heaps_from_its_start_and_gives_back_while_it_runs(write_video, bare, tmp_path):
    clip = write_video("short.mp4", [bare] * 3, at=range(3))
    config = tmp_path / "config.yaml"
    settings = {
        "cameras": {"door": {"source": str(clip)}},
        "alert": {"sinks": ["log"]},
        "queue": {"dir": str(tmp_path / "queue")},
        "web": {"enabled": False},
        "console": {"enabled": False},
    }
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-c", ASKED, "run", "-c", config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert first == "shared"
    assert "given back" in others
