"""`maskwatch learn`: better models from labelled samples."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, say, stages, tracked
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.learning.loop import Loop

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")]


def learn(
    config: Config,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be used; change nothing.")
    ] = False,
) -> None:
    """Train from the labelled samples when enough wait, and let the result serve if it is better.

    Killed at any time, the same command goes on where it was; the service is not disturbed.
    """
    import os

    from maskwatch.app.learning import learning_loop
    from maskwatch.learning.loop import learn as run
    from maskwatch.learning.tune import Callbacks

    settings = settings_for("learn", config)
    with stages() as show:
        loop = learning_loop(settings, Callbacks(say, tracked, show))
        if dry_run:
            _tell(loop)
            return
        os.nice(10)  # the service goes first
        outcome = run(loop)
    say(outcome.said)
    if outcome.report:
        say(f"wrote {outcome.report}")


def _tell(loop: "Loop") -> None:
    from collections import Counter

    from maskwatch.learning.loop import assignments_of, enough, waiting

    unfinished = loop.archive.unfinished()
    if unfinished:
        out.print(
            f"would go on with the batch {unfinished.id}, {pluralize(len(unfinished.samples), 'sample')}"
        )
        return
    samples = waiting(loop)
    parts = Counter(str(assignment.split) for assignment in assignments_of(loop, samples).values())
    labels = Counter(str(annotation.label) for s in samples if s.labels for annotation in s.labels.faces)
    say(enough(loop, samples))
    for name, count in sorted(parts.items()):
        out.print(f"{count} for the {name} part")
    for name, count in sorted(labels.items()):
        out.print(f"{pluralize(count, 'face')} {name}")
    out.print("nothing was changed")
