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


def card(
    whole: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also decoded frames, one camera, many, facenet-pytorch, and with --data recall by class.",
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
) -> None:
    """The steps of a call and the frames a second from memory, by the device's own clock; with --all, all that there is to know."""
    from maskwatch.bench.card import Plan, measure
    from maskwatch.models.loading import pick_device
    from maskwatch.platform.files import write_atomically

    chosen = pick_device(device)
    plan = Plan(
        chosen,
        tuple(int(each) for each in numbers("--batches", batches)),
        rounds,
        min_face,
        footage,
        whole,
        streams or STREAMS[chosen.type],
        seconds,
        data,
    )
    report: dict[str, Any] = {"machine": machine(chosen.type), "load": round(os.getloadavg()[0], 1)}
    report |= measure(plan, tracked)
    for way, told in report["from_memory"].items():
        _print_steps(way, told)
    for name in ("decoded_in", "one_camera", "cameras", "facenet_pytorch", "recall"):
        if name in report:
            out.print(f"{name.replace('_', ' ')}: {json.dumps(report[name])}", markup=False, soft_wrap=True)
    for reason in report["left_out"]:
        errors.print(f"left out: {reason}", markup=False)
    out.print(f"{report['frames']}, from {min_face:g} px on; on {report['machine']}", soft_wrap=True)
    if output:
        write_atomically(output, (json.dumps(report, indent=1) + "\n").encode())
        out.print(f"wrote {output}", soft_wrap=True)


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
