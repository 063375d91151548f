"""`maskwatch bench loop`: what the loop of queue, labels and learning gains."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from maskwatch.cli.terminal import out, say, stages, tracked


def loop(
    faces: Annotated[Path, typer.Option(help="Pictures with boxes and labels, played as a camera.")],
    masks: Annotated[Path, typer.Option(help="Labelled pictures that the first classifier is trained on.")],
    folder: Annotated[
        Path, typer.Option("-o", "--output", help="Keeps everything; the same command goes on.")
    ] = Path("loop"),
    samples: Annotated[int, typer.Option(min=1, help="Labelled, at most.")] = 200,
    min_face: Annotated[float, typer.Option(min=8, help="The smallest face to look for, in pixels.")] = 12,
    epochs: Annotated[int, typer.Option(min=1, help="Of the first classifier, at most.")] = 20,
    effort: Annotated[float, typer.Option(min=0.001, max=20, help="So many times the usual steps.")] = 1.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Published detector, a classifier of other pictures, a camera: what 200 labels repair, and that wrong ones do not serve.

    Measured on the test part of the pictures, which nothing of this sees.
    """
    import logging

    from maskwatch.bench.loop import LoopPlan, rehearse
    from maskwatch.learning.tune import Callbacks

    logging.getLogger("maskwatch").setLevel(logging.WARNING)  # alerts of the footage are no news here
    plan = LoopPlan(faces, masks, folder, samples, min_face, epochs, effort, device)
    with stages() as show:
        result = rehearse(plan, Callbacks(say, tracked, show))
    table = Table("models", "end-to-end recall", title=f"{result.images} pictures that nothing saw")
    table.add_row("before", f"{result.before:.3f}")
    table.add_row(f"after {result.labelled} labelled pictures", f"{result.after:.3f}")
    table.add_row("shipped", f"{result.shipped:.3f}")
    out.print(table)
    if result.low is not None and result.high is not None:
        out.print(
            f"gain {result.after - result.before:+.3f}, 95 % interval {result.low:+.3f} to {result.high:+.3f}"
        )
    if result.closed is not None:
        out.print(f"{result.closed:.0%} of the gap to the shipped models is closed")
    say(f"decision: {result.decision}")
    say(f"exchanged labels: {result.sabotaged} serves: {result.sabotage_decision}")
