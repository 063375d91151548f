"""All that is to be known of a graphics card, or a processor, in one report: steps, frames a second, latency, recall.

What a device can do is to be seen with frames that lie in memory; what a machine can do, with frames that are decoded,
and with cameras. Each way to compute (`ways`) has its own figures, so that what is faster is chosen by them.
"""

import queue
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from maskwatch.bench import scene, system
from maskwatch.bench.agreement import recall
from maskwatch.bench.contender import PEER
from maskwatch.bench.detect import Case
from maskwatch.bench.detect import measure as in_turns
from maskwatch.bench.device_clock import Laps, waits
from maskwatch.bench.reports import SCHEMA
from maskwatch.bench.training import training
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config.sections import Defaults
from maskwatch.core.address import Address
from maskwatch.core.ports import Classifier
from maskwatch.core.progress import Bar
from maskwatch.core.records import Face, Rgb
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.models.loading import Models
from maskwatch.sources.registry import open_source

FPS, CLIP_S = 15, 6.0  # of the composed scene that is decoded
COMPILE_S = 300.0  # how long a compilation is waited for
FAMILIAR = (
    25  # calls with one batch before P-Net is compiled for it (`detect.backends.compiled.AFTER`), and some
)
PEER_BATCHES = (1, 8)

Figures = dict[str, object]


@dataclass(frozen=True, slots=True)
class CardPlan:
    """What is measured on `device`: calls with `batches` frames, medians of so many `rounds`, from `min_face_px` on.

    `footage` None composes a crowd of 1080p. Only `whole` measures more than steps and frames from memory: so many `streams` for so
    many `seconds` at 15 fps, on `device` and, where there are `others`, over all of them; training; and recall on the test part
    of `data`, if that is given.
    """

    device: torch.device
    batches: tuple[int, ...] = (1, 4, 16, 32)
    rounds: int = 5
    min_face_px: float = 20
    footage: Path | None = None
    whole: bool = False
    streams: int = 64
    seconds: float = 20
    data: Path | None = None
    others: tuple[torch.device, ...] = ()


def ways(device: torch.device) -> dict[str, dict[str, object]]:
    """Settings of the detector by the name of a way to compute; the first is the default's without compiling."""
    if device.type == "cpu":
        return {"auto": {}, "torch": {"backend": "torch"}}
    return {
        "float32": {"compile": "off"},
        "half": {"half": True, "compile": "off"},
        "compiled": {"compile": "on"},
        "half, compiled": {"half": True, "compile": "on"},
        "graphs": {"compile": "graphs"},
        "half, graphs": {"half": True, "compile": "graphs"},
    }


def measure(plan: CardPlan, bar: Bar) -> Figures:
    """The report, ready for JSON; what could not be measured is in `left_out` with the reason."""
    left_out: list[str] = []
    models = Models(plan.device)
    judge = models.classifier(ClassifySettings())
    report: Figures = {"schema": SCHEMA, "device": plan.device.type, "min_face_px": plan.min_face_px}
    report["left_out"] = left_out
    with tempfile.TemporaryDirectory() as folder:
        footage = plan.footage or _composed(Path(folder) / "busy.mp4")
        frames = _frames(footage, max(plan.batches))
        report["frames"] = f"{plan.footage.name if plan.footage else 'composed'}, {frames[0].shape[0]} lines"
        memory: dict[str, Figures] = {}
        for way, changed in bar("from memory")(list(ways(plan.device).items())):
            settings = Settings.model_validate({"min_face_px": plan.min_face_px, **changed})
            memory[way], reasons = _of_way(models.mtcnn(settings), judge, frames, plan)
            left_out += [f"from memory, {way}: {each}" for each in reasons]
        report["from_memory"] = memory
        if plan.whole:
            detector = models.mtcnn(Settings(min_face_px=plan.min_face_px))
            report["decoded_in"] = decoded_in(detector, judge, footage, max(plan.batches), plan.seconds)
            report["one_camera"] = one_camera(detector, judge, frames, plan.rounds * 20)
            report["cameras"] = _cameras(plan, footage, [models], bar)
            if plan.others:
                together = [models, *map(Models, plan.others)]
                report["several_cards"] = {"cards": len(together), **_cameras(plan, footage, together, bar)}
            report["facenet_pytorch"] = _peer(plan, frames, left_out)
            report["training"] = training(plan.device, Path(folder), bar)
    if plan.whole and plan.data is None:
        left_out.append("recall: no labelled images are given (--data)")
    elif plan.whole and plan.data is not None:
        report["recall"] = recall(ways(plan.device), plan.min_face_px, plan.data, models, bar)
    return report


def _of_way(
    detector: Mtcnn, judge: Classifier, frames: list[Rgb], plan: CardPlan
) -> tuple[Figures, list[str]]:
    """The figures by the number of frames in a call, and why some are missing."""
    batches, reasons = {}, []
    for batch in plan.batches:
        given = [frames[n % len(frames)] for n in range(batch)]
        if detector.compiling is not None and not _familiar(detector, given):
            reasons.append(f"P-Net was not compiled for {batch} frames")
            continue
        batches[str(batch)] = from_memory(detector, judge, given, plan)
    return {"backend": detector.backend_name, "batches": batches}, reasons


def from_memory(detector: Mtcnn, judge: Classifier, frames: list[Rgb], plan: CardPlan) -> Figures:
    """Calls with these frames: frames a second of detector and classifier, and the steps of one call in ms."""
    laps = Laps(plan.device)
    timed = detector.timed(laps.lap)
    _judged(detector, judge, frames)
    walls, faces = [], 0
    for _ in range(plan.rounds):
        started = time.perf_counter()
        found = detector.detect(frames)
        detected = time.perf_counter()
        faces = _classified(judge, frames, found)
        walls.append((detected - started, time.perf_counter() - detected))
    steps: dict[str, list[float]] = defaultdict(list)
    for _ in range(plan.rounds):
        laps.lap("start")
        _classified(judge, frames, timed.detect(frames))
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
        "waits": waits(plan.device, lambda: _judged(detector, judge, frames)),
        "steps_ms": {name: round(median(each), 3) for name, each in steps.items()},
    }


def decoded_in(detector: Mtcnn, judge: Classifier, footage: Path, batch: int, seconds: float) -> Figures:
    """Frames a second from a file to verdicts: one thread decodes, this one computes, over and over."""
    waiting: queue.Queue[Rgb | BaseException] = queue.Queue(2 * batch)
    stop = threading.Event()

    def decode() -> None:
        try:
            while not stop.is_set():
                for rgb in _decoded(footage):
                    waiting.put(rgb)
                    if stop.is_set():
                        return
        except Exception as e:  # noqa: BLE001 - raised again by whoever waits for frames
            waiting.put(e)

    thread = threading.Thread(target=decode, name="decode", daemon=True)
    thread.start()
    count, started = 0, time.perf_counter()
    try:
        while (took := time.perf_counter() - started) < seconds:
            frames = [_frame(waiting.get())]
            while len(frames) < batch and not waiting.empty():
                frames.append(_frame(waiting.get()))
            _judged(detector, judge, frames)
            count += len(frames)
    finally:
        stop.set()
        while thread.is_alive():  # it may wait for room
            if not waiting.empty():
                waiting.get()
            thread.join(0.01)
    return {"fps": round(count / took, 2), "frames": count, "decoding_threads": 1, "decoder": "PyAV"}


def one_camera(detector: Mtcnn, judge: Classifier, frames: Sequence[Rgb], count: int) -> Figures:
    """Milliseconds from one frame to its verdicts."""
    waits = []
    for number in range(count):
        started = time.perf_counter()
        _judged(detector, judge, [frames[number % len(frames)]])
        waits.append(1000 * (time.perf_counter() - started))
    p50, p95 = np.percentile(waits, (50, 95))
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2), "frames": count}


def _cameras(plan: CardPlan, footage: Path, models: Sequence[Models], bar: Bar) -> Figures:
    detect = Settings(min_face_px=plan.min_face_px)
    defaults = Defaults()
    motion = defaults.motion.model_copy(update={"gate": False})
    defaults = defaults.model_copy(update={"fps": FPS, "motion": motion, "detect": detect})
    seconds = iter(bar("cameras")(range(int(system.warm_up_s(plan.streams) + plan.seconds))))

    def on_second() -> None:
        next(seconds, None)

    load = system.run(footage, plan.streams, defaults, models, seconds=plan.seconds, on_second=on_second)
    return {**load.as_dict(), "fps": FPS}


def _peer(plan: CardPlan, frames: list[Rgb], left_out: list[str]) -> Figures:
    """facenet-pytorch on the same device: frames a second, by the frames of a call."""
    given = [frames[n % len(frames)] for n in range(max(PEER_BATCHES))]
    cases = [Case(frames[0].shape[0], plan.min_face_px, batch) for batch in PEER_BATCHES]
    results = in_turns(
        given,
        cases,
        [PEER],
        device=plan.device.type,
        rounds=2,
        on_round=lambda: None,
        on_missing=left_out.append,
    )
    return {str(r.case.batch): round(1000 / r.frame_ms[PEER], 2) for r in results if PEER in r.frame_ms}


def _familiar(detector: Mtcnn, frames: list[Rgb]) -> bool:
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


def _judged(detector: Mtcnn, judge: Classifier, frames: list[Rgb]) -> int:
    return _classified(judge, frames, detector.detect(frames))


def _classified(judge: Classifier, frames: list[Rgb], found: list[tuple[Face, ...]]) -> int:
    faces = [(rgb, face) for rgb, own in zip(frames, found, strict=True) for face in own]
    judge.classify(faces)
    return len(faces)


def _composed(path: Path) -> Path:
    scene.write_clip(path, scene.busy(FPS, CLIP_S), FPS)
    return path


def _decoded(footage: Path) -> Iterator[Rgb]:
    with closing(open_source("bench", Address(str(footage))).frames()) as frames:
        yield from (frame.rgb for frame in frames)


def _frames(footage: Path, count: int) -> list[Rgb]:
    """So many frames of one size at most."""
    frames: list[Rgb] = []
    for rgb in _decoded(footage):
        if not frames or rgb.shape == frames[0].shape:
            frames.append(rgb)
        if len(frames) == count:
            break
    return frames


def _frame(taken: Rgb | BaseException) -> Rgb:
    if isinstance(taken, BaseException):
        raise taken
    return taken
