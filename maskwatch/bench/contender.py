"""One detector in a process of its own: `python -m maskwatch.bench.contender NAME DEVICE`.

NAME is `facenet-pytorch`, `centerface`, `yunet:FILE.onnx`, or a backend of ours, with other weights than the shipped
after a colon (`torch:stock`). It prints a line `{"ready": …}`, or `{"error": …}`; then each
line `{"frames": FILE.npy, "min_face_px": …, "batch": …}` that it reads is one run, answered by
`{"seconds": …, "faces": …, "steps": {…}}`. Frames are `(N, H, W, 3)` uint8 RGB.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch

from maskwatch.bench.peers import FACENET, PEERS, Detect, peer
from maskwatch.core.errors import MaskwatchError
from maskwatch.core.records import Rgb

PEER = FACENET
"""To whose speed all others are compared."""


class Stopwatch:
    """Adds up the seconds between laps by name; waits for the graphics card before it looks at the clock."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self.steps: dict[str, float] = defaultdict(float)

    def start(self) -> None:
        """Forget all laps and begin the first."""
        self.steps.clear()
        self._last = self._now()

    def lap(self, name: str) -> None:
        """End the lap: add its seconds to `steps` under this name, and begin the next."""
        now = self._now()
        self.steps[name] += now - self._last
        self._last = now

    def _now(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
        return time.perf_counter()


def _ours(name: str, device: torch.device, watch: Stopwatch) -> Callable[[float], Detect]:
    from maskwatch.classify.settings import Settings as ClassifySettings
    from maskwatch.detect.settings import Settings
    from maskwatch.models.loading import Models

    backend, _, weights = name.partition(":")
    models = Models(device)
    judge = models.classifier(ClassifySettings())

    def make(min_face_px: float) -> Detect:
        settings = Settings.model_validate(
            {"backend": backend, "weights": weights or None, "min_face_px": min_face_px}
        )
        detector = models.mtcnn(settings).timed(watch.lap)

        def detect(frames: list[Rgb]) -> int:
            found = detector.detect(frames)
            judge.classify([(rgb, face) for rgb, faces in zip(frames, found, strict=True) for face in faces])
            watch.lap("classifier")
            return sum(map(len, found))

        return detect

    return make


def _answers(detector: Callable[[float], Detect], watch: Stopwatch) -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        task = json.loads(line)
        frames = list(np.load(task["frames"], allow_pickle=False))
        detect, batch, faces = detector(task["min_face_px"]), task["batch"], 0
        watch.start()
        started = time.perf_counter()
        for first in range(0, len(frames), batch):
            faces += detect(frames[first : first + batch])
        if watch.steps:
            seconds = sum(took for step, took in watch.steps.items() if step != "classifier")
        else:
            seconds = time.perf_counter() - started
        yield {"seconds": seconds, "faces": faces, "steps": dict(watch.steps)}


def main() -> None:
    """Answer runs until standard input is closed; print the error when the detector cannot start."""
    name, device_name = sys.argv[1:]
    device = torch.device(device_name)
    watch = Stopwatch(device)
    try:
        detector = cache(
            peer(name, device) if name.partition(":")[0] in PEERS else _ours(name, device, watch)
        )
        detector(20.0)
        sys.stdout.write(json.dumps({"ready": name}) + "\n")
    except (ImportError, RuntimeError, ValueError, MaskwatchError) as e:
        sys.stdout.write(json.dumps({"error": f"{name}: {str(e).splitlines()[0]}"}) + "\n")
        return
    sys.stdout.flush()
    for answer in _answers(detector, watch):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
