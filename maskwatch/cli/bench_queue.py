"""`maskwatch bench queue`: does what the detector misses reach the people who label?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, tracked
from maskwatch.evaluation.split_choice import SplitChoice


def queue(
    faces: Annotated[Path, typer.Option(help="Images with boxes and labels.")],
    part: Annotated[SplitChoice, typer.Option("--part", help="Which part of them.")] = SplitChoice.TEST,
    min_face: Annotated[
        float | None, typer.Option(min=8, help="The smallest face to look for, in pixels.")
    ] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")] = None,
) -> None:
    """Of the faces that the detector misses, the share in images that the queue would take, each as a camera's first frame."""
    from dataclasses import replace

    from maskwatch.bench.queue import measure

    settings = settings_for("bench queue", config)
    if min_face is not None:
        detect = settings.defaults.detect.model_copy(update={"min_face_px": min_face})
        settings = replace(settings, defaults=settings.defaults.model_copy(update={"detect": detect}))
    result = measure(settings, faces, part, tracked)
    table = Table("of", "all", "that the queue takes", title=f"{part} part of {faces}")
    table.add_row("images", str(result.images), str(result.taken))
    table.add_row("faces that were missed", f"{result.missed} of {result.faces}", str(result.queued))
    out.print(table)
    why = ", ".join(f"{reason} {count}" for reason, count in sorted(result.reasons.items()))
    out.print(f"queued for: {why or 'nothing'}", markup=False, soft_wrap=True)
    if result.share is not None:
        out.print(
            f"{result.share:.3f} of the missed faces reach the queue, {result.suggested} as a suggested box",
            soft_wrap=True,
        )
