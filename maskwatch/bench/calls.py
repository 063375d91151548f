"""Calls with frames in memory: the time of each step on a device, and frames a second."""

import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import median
from typing import cast

import numpy as np
import torch

from maskwatch.bench.device_clock import Laps, waits
from maskwatch.bench.parts import Figures
from maskwatch.core.ports import Classifier
from maskwatch.core.records import Face, Rgb
from maskwatch.detect.cascade import Mtcnn
from maskwatch.platform.device_frames import Image

COMPILE_S = 300.0  # how long a compilation is waited for
# calls with one batch size before P-Net is compiled for it (`detect.backends.compiled.AFTER`), and some
FAMILIAR = 25


def from_memory(
    detector: Mtcnn, judge: Classifier, frames: list[Rgb], device: torch.device, rounds: int
) -> Figures:
    """Calls with these frames: frames a second of detector and classifier, and the steps of one call in ms."""
    laps = Laps(device)
    timed = detector.timed(laps.lap)
    judged(detector, judge, frames)
    walls, faces = [], 0
    for _ in range(rounds):
        started = time.perf_counter()
        found = detector.detect(frames)
        detected = time.perf_counter()
        faces = classified(judge, frames, found)
        walls.append((detected - started, time.perf_counter() - detected))
    steps: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        laps.lap("start")
        classified(judge, frames, timed.detect(frames))
        laps.lap("classifier")
        for name, took_ms in laps.take().items():
            steps[name].append(took_ms)
    detect_s, classify_s = (median(each) for each in zip(*walls, strict=True))
    return {
        "detect_ms": round(1000 * detect_s, 2),
        "classify_ms": round(1000 * classify_s, 2),
        "fps": round(len(frames) / (detect_s + classify_s), 2),
        "detector_fps": round(len(frames) / detect_s, 2),
        "faces": faces,
        "waits": waits(device, lambda: judged(detector, judge, frames)),
        "steps_ms": {name: round(median(each), 3) for name, each in steps.items()},
    }


def one_camera(detector: Mtcnn, judge: Classifier, frames: Sequence[Rgb], count: int) -> Figures:
    """Milliseconds from one frame to its verdicts."""
    waits = []
    for number in range(count):
        started = time.perf_counter()
        judged(detector, judge, [frames[number % len(frames)]])
        waits.append(1000 * (time.perf_counter() - started))
    p50, p95 = np.percentile(waits, (50, 95))
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2), "frames": count}


def is_compiled(detector: Mtcnn, frames: list[Rgb]) -> bool:
    """Ask until P-Net is compiled for all parts of the batch; False when that takes too long, or fails."""
    compiling = detector.compiling
    assert compiling is not None
    until, calls = time.monotonic() + COMPILE_S, 0
    while calls < FAMILIAR or compiling.is_busy:
        detector.detect(frames)
        calls += 1
        if time.monotonic() > until:
            return False
    return bool(compiling.shapes)


def judged(detector: Mtcnn, judge: Classifier, frames: Sequence[Image]) -> int:
    """Find and judge the faces of all frames; how many there are."""
    return classified(judge, frames, detector.detect(frames))


def classified(judge: Classifier, frames: Sequence[Image], found: list[tuple[Face, ...]]) -> int:
    """Judge the faces that were found in the frames; how many there are."""
    faces = [(image, face) for image, own in zip(frames, found, strict=True) for face in own]
    judge.classify(cast("list[tuple[Rgb, Face]]", faces))  # ours takes tensors, too
    return len(faces)
