"""Our detector against facenet-pytorch on the same frames: in turns, each in its own process, by medians."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from maskwatch.bench.contender import PEER
from maskwatch.core.errors import MaskwatchError
from maskwatch.core.records import Rgb


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: frames of this height, the smallest face to look for, frames a call."""

    height: int
    min_face_px: float
    batch: int


@dataclass(slots=True)
class CaseResult:
    """Milliseconds a frame by contender, medians over the rounds; faces found; our steps."""

    case: Case
    frame_ms: dict[str, float] = field(default_factory=dict)
    faces: dict[str, int] = field(default_factory=dict)
    steps_ms: dict[str, dict[str, float]] = field(default_factory=dict)

    def ratio(self, contender: str) -> float | None:
        """How many times as fast as facenet-pytorch."""
        if PEER not in self.frame_ms or contender not in self.frame_ms:
            return None
        return self.frame_ms[PEER] / self.frame_ms[contender]

    def as_dict(self) -> dict[str, object]:
        """As JSON has it; `ratio` is by contender, None where facenet-pytorch did not run."""
        ratios = {name: self.ratio(name) for name in self.frame_ms if name != PEER}
        return {**asdict(self.case), "frame_ms": self.frame_ms, "ratio": ratios,
                "faces": self.faces, "steps_ms": self.steps_ms}  # fmt: skip


class Contender:
    """A detector's process. Raises `MaskwatchError` with the reason when it cannot start or ends early."""

    def __init__(self, name: str, device: str) -> None:
        self.name = name
        command = [sys.executable, "-W", "ignore", "-m", "maskwatch.bench.contender", name, device]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,  # Ctrl-C is ours alone; it ends when we close its input
        )
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def run(self, frames: Path, case: Case) -> dict[str, Any]:
        """Detect once in `frames`, a .npy file `(N, H, W, 3)` uint8 RGB.

        Returns `seconds`, `faces`, and `steps`, the seconds by step, each over all frames.
        """
        assert self._process.stdin is not None
        task = {"frames": str(frames), "min_face_px": case.min_face_px, "batch": case.batch}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            last = (self._process.stderr.read().strip().splitlines() or ["no reason given"])[-1]
            raise MaskwatchError(f"{self.name}: ended ({last})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MaskwatchError(answer["error"])
        return answer


def measure(
    frames: Sequence[Rgb],
    cases: Sequence[Case],
    names: Sequence[str],
    *,
    device: str,
    rounds: int,
    on_round: Callable[[], None],
    on_missing: Callable[[str], None],
) -> list[CaseResult]:
    """Every case with every contender that starts; the others go to `on_missing` with the reason.

    In each round every contender has its turn; a round before the first warms up and does not count.
    """
    results = []
    with _contenders(names, device, on_missing) as contenders, tempfile.TemporaryDirectory() as folder:
        for case in cases:
            path = Path(folder) / "frames.npy"
            resized = [_at_height(rgb, case.height) for rgb in frames]
            np.save(path, np.stack(resized), allow_pickle=False)
            answers: dict[str, list[dict[str, Any]]] = {each.name: [] for each in contenders}
            for number in range(rounds + 1):
                for each in contenders:
                    answer = each.run(path, case)
                    if number:
                        answers[each.name].append(answer)
                on_round()
            results.append(_result(case, answers, len(frames)))
    return results


@contextmanager
def _contenders(
    names: Sequence[str], device: str, on_missing: Callable[[str], None]
) -> Iterator[list[Contender]]:
    started: list[Contender] = []
    try:
        for name in names:
            try:
                started.append(Contender(name, device))
            except MaskwatchError as e:
                on_missing(str(e))
        yield started
    finally:
        for each in started:
            each.close()


def _result(case: Case, answers: dict[str, list[dict[str, Any]]], frames: int) -> CaseResult:
    result = CaseResult(case)
    for name, runs in answers.items():
        result.frame_ms[name] = 1000 * median(run["seconds"] for run in runs) / frames
        result.faces[name] = runs[0]["faces"]
        if runs[0]["steps"]:
            result.steps_ms[name] = {
                step: 1000 * median(run["steps"].get(step, 0.0) for run in runs) / frames
                for step in runs[0]["steps"]
            }
    return result


def _at_height(rgb: Rgb, height: int) -> Rgb:
    width = round(rgb.shape[1] * height / rgb.shape[0])
    shrinks = height < rgb.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=method), np.uint8)
