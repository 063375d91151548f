"""`maskwatch bench card`: what the graphics card, or the processor, does in each step, and how much of all."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from maskwatch.cli.bench_options import machine, numbers
from maskwatch.cli.terminal import errors, out, tracked

STREAMS = {"cuda": 64, "cpu": 2}
PARTS = (
    "one_camera", "agreement", "decoded_in", "decoded_on_card", "decoding", "cameras", "several_cards", "recall",
    "facenet_pytorch", "training"
)  # fmt: skip


def card(
    whole: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also decoded frames, one camera, many, facenet-pytorch, training, and with --data recall by class.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    batches: Annotated[str, typer.Option(help="Frames a call.")] = "1,4,16,32",
    rounds: Annotated[int, typer.Option(min=1, help="Calls of each number; medians count.")] = 5,
    min_face: Annotated[float, typer.Option(min=8, help="The smallest face to look for, in pixels.")] = 20,
    footage: Annotated[Path | None, typer.Option(help="A video; else a composed scene of 1080p.")] = None,
    streams: Annotated[
        int | None, typer.Option(min=1, help="Cameras at once, 15 fps each; 64 for cuda, else 2.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long cameras are watched.")] = 20,
    data: Annotated[Path | None, typer.Option(help="Labelled images, whose test part counts.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write all figures here as JSON.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="An earlier report, to see what changed since.")
    ] = None,
    report_of: Annotated[
        Path | None, typer.Option("--report", help="Take this report instead of measuring.")
    ] = None,
) -> None:
    """The steps of a call and the frames a second from memory, by the device's own clock; with --all, all that there is to know.

    What fails is left out, with the reason. The report is written after each part, so that one which is broken off is there, too.
    """
    from maskwatch.bench.reports import read_report

    before = read_report(compare) if compare else None
    if report_of:
        report = read_report(report_of)
    else:
        report = _measured(
            device,
            batches,
            rounds,
            min_face,
            footage,
            whole=whole,
            streams=streams,
            seconds=seconds,
            data=data,
            output=output,
        )
    _print(report)
    if output:
        _write(output, report)
        out.print(f"wrote {output}", soft_wrap=True)
    if before is not None:
        _print_changes(before, report)


def _measured(
    device: str,
    batches: str,
    rounds: int,
    min_face: float,
    footage: Path | None,
    *,
    whole: bool,
    streams: int | None,
    seconds: float,
    data: Path | None,
    output: Path | None,
) -> dict[str, Any]:
    """All figures; while it goes on those that are there are in `output`, whatever ends it."""
    from maskwatch.bench.card import CardPlan, measure
    from maskwatch.models.loading import pick_devices

    chosen, *others = pick_devices(device)
    plan = CardPlan(
        chosen,
        tuple(int(each) for each in numbers("--batches", batches)),
        rounds,
        min_face,
        footage,
        whole,
        streams or STREAMS[chosen.type],
        seconds,
        data,
        tuple(others),
    )
    head: dict[str, Any] = {"machine": machine(chosen.type), "load": round(os.getloadavg()[0], 1)}

    def on_part(figures: dict[str, Any]) -> None:
        if output:
            _write(output, {**head, "is_complete": False, **figures})

    return head | measure(plan, tracked, on_part)


def _write(path: Path, report: dict[str, Any]) -> None:
    from maskwatch.platform.files import write_atomically

    write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())


def _print(report: dict[str, Any]) -> None:
    for way, told in report["from_memory"].items():
        _print_steps(way, told)
    for name in PARTS:
        if name in report:
            out.print(f"{name.replace('_', ' ')}: {json.dumps(report[name])}", markup=False, soft_wrap=True)
    for reason in report["left_out"]:
        errors.print(f"left out: {reason}", markup=False)
    told = f"{report['frames']}, from {report['min_face_px']:g} px on; on {report['machine']}"
    out.print(told, soft_wrap=True)


def _print_changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    from maskwatch.bench.reports import changes, differences

    for difference in differences(before, now):
        errors.print(f"not measured alike: {difference}", markup=False)
    table = Table("figure", "before", "now", "times", title="what changed")
    for each in changes(before, now):
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        table.add_row(each.name, f"{each.before:g}", f"{each.now:g}", ratio)
    out.print(table)


def _print_steps(way: str, told: dict[str, Any]) -> None:
    by_batch = told["batches"]
    if not by_batch:
        return
    table = Table("frames a call", *by_batch, title=f"{way} ({told['backend']}): milliseconds a call")
    steps = dict.fromkeys(step for each in by_batch.values() for step in each["steps_ms"])
    for step in steps:
        table.add_row(step, *(f"{each['steps_ms'].get(step, 0):.1f}" for each in by_batch.values()))
    for key, name in (("detect_ms", "detector, in one go"), ("classify_ms", "classifier, in one go")):
        table.add_row(name, *(f"{each[key]:.1f}" for each in by_batch.values()))
    table.add_row("frames a second", *(f"{each['fps']:.1f}" for each in by_batch.values()))
    out.print(table)
