"""A full report on a graphics card or processor: time for each step, frames a second, latency, recall.

A device's speed is measured with frames in memory, a machine's with decoded frames
and with cameras. Each way to compute (`ways`) has its own figures, from which the faster is chosen.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from maskwatch.bench import scene, system
from maskwatch.bench.agreement import agreement, recall
from maskwatch.bench.calls import from_memory, is_compiled, one_camera
from maskwatch.bench.contender import PEER
from maskwatch.bench.decoding import decoded, decoded_in, decoding, first_frames
from maskwatch.bench.detect import Case
from maskwatch.bench.detect import measure as in_turns
from maskwatch.bench.parts import Figures, Parts
from maskwatch.bench.reports import SCHEMA
from maskwatch.bench.training import training
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config.sections import Defaults
from maskwatch.core.progress import Bar
from maskwatch.core.records import Rgb
from maskwatch.detect.settings import Settings
from maskwatch.models.loading import Models
from maskwatch.sources.card_decoding import images_on_card

FPS, CLIP_S = 15, 6.0  # of the composed scene that is decoded
PEER_BATCHES = (1, 8)


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


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is measured by a plan: the models, on one device, and the footage with its first frames."""

    plan: CardPlan
    models: Models
    footage: Path
    frames: list[Rgb]


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


def measure(plan: CardPlan, bar: Bar, on_part: Callable[[Figures], None] = lambda _: None) -> Figures:
    """The report, ready for JSON, of which `on_part` is told after each part; what fails is in `left_out` with the reason."""
    memory: Figures = {}
    report: Figures = {"schema": SCHEMA, "device": plan.device.type, "min_face_px": plan.min_face_px}
    parts = Parts(report, on_part)
    with tempfile.TemporaryDirectory() as folder:
        footage = plan.footage or _composed(Path(folder) / "busy.mp4")
        subject = _Subject(plan, Models(plan.device), footage, first_frames(footage, max(plan.batches)))
        lines = subject.frames[0].shape[0]
        report["frames"] = f"{plan.footage.name if plan.footage else 'composed'}, {lines} lines"
        report["from_memory"] = memory
        for way in bar("from memory")(list(ways(plan.device))):
            parts.add(way, partial(_of_way, subject, way, parts.left_out), memory)
        if plan.whole:
            _measure_whole(subject, parts, set(memory), bar)
    return report


def _measure_whole(subject: _Subject, parts: Parts, ran: set[str], bar: Bar) -> None:
    """All but steps and frames from memory, of the ways that `ran`; what matters most comes first, as time may be short."""
    plan, models, footage, frames = subject.plan, subject.models, subject.footage, subject.frames
    detector, judge = (
        models.mtcnn(Settings(min_face_px=plan.min_face_px)),
        models.classifier(ClassifySettings()),
    )
    how = {way: changed for way, changed in ways(plan.device).items() if way in ran}
    parts.add("one_camera", lambda: one_camera(detector, judge, frames, plan.rounds * 20))
    parts.add("agreement", lambda: agreement(how, plan.min_face_px, frames, models, bar))
    batch, seconds = max(plan.batches), plan.seconds
    parts.add("decoded_in", lambda: decoded_in(detector, judge, lambda: decoded(footage), batch, seconds))
    if plan.device.type == "cuda":
        there = partial(images_on_card, footage, plan.device)
        parts.add("decoded_on_card", lambda: decoded_in(detector, judge, there, batch, seconds))
    parts.add("decoding", lambda: decoding(footage, plan.seconds / 4))
    parts.add("cameras", lambda: _cameras(plan, footage, [models], bar))
    if plan.others:
        parts.add("several_cards", lambda: _several_cards(subject, bar))
    data = plan.data
    if data is None:
        parts.left_out.append("recall: no labelled images are given (--data)")
    else:
        parts.add("recall", lambda: recall(how, plan.min_face_px, data, models, bar))
    parts.add("facenet_pytorch", lambda: _peer(plan, frames, parts.left_out))
    with tempfile.TemporaryDirectory() as folder:
        parts.add("training", lambda: training(plan.device, Path(folder), bar))


def _of_way(subject: _Subject, way: str, left_out: list[str]) -> Figures:
    """The figures by the number of frames in a call; why some are missing is in `left_out`."""
    plan, frames, models = subject.plan, subject.frames, subject.models
    changed = ways(plan.device)[way]
    detector = models.mtcnn(Settings.model_validate({"min_face_px": plan.min_face_px, **changed}))
    judge = models.classifier(ClassifySettings())
    batches: Figures = {}
    for batch in plan.batches:
        given = [frames[n % len(frames)] for n in range(batch)]
        if detector.compiling is not None and not is_compiled(detector, given):
            left_out.append(f"{way}: P-Net was not compiled for {batch} frames")
            continue
        batches[str(batch)] = from_memory(detector, judge, given, plan.device, plan.rounds)
    return {"backend": detector.backend_name, "batches": batches}


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


def _several_cards(subject: _Subject, bar: Bar) -> Figures:
    together = [subject.models, *map(Models, subject.plan.others)]
    return {"cards": len(together), **_cameras(subject.plan, subject.footage, together, bar)}


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


def _composed(path: Path) -> Path:
    scene.write_clip(path, scene.busy(FPS, CLIP_S), FPS)
    return path
