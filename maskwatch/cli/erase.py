"""`maskwatch erase`: what is stored of a camera and of some days, away for good."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, progress, say
from maskwatch.core.errors import ConfigError
from maskwatch.core.text import pluralize
from maskwatch.platform.paths import looked_at


def erase(
    camera: Annotated[
        str, typer.Option("--camera", metavar="NAME", help="The camera whose pictures to delete.")
    ],
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="Saved on this UTC day, 2026-11-01 say.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DAY", help="In place of --day: saved on any UTC day before this."),
    ] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete it; without this, only tell what would go.")
    ] = False,
) -> None:
    """Delete all that is stored of a camera and a day: in the queue, labelled ones too, in the archive, and of its events.

    Without --yes it only tells what would go. Exports, alerts not sent yet, the shared database of events, and models
    that learnt from them stay.
    """
    from maskwatch.app.erase import Erasure, count_events, erase_events, look
    from maskwatch.app.erase import erase as run

    if (day is None) == (before is None):
        raise ConfigError("say either --day or --before")
    erasure = Erasure(camera, _as_day("--day", day), _as_day("--before", before))
    settings = settings_for("erase", config)
    queue, archive = settings.queue.dir, settings.learn.archive
    kept, events = look(queue, archive, erasure), count_events(settings.events.dir, erasure)
    if not events and camera not in {*settings.cameras, *kept.cameras}:
        known = ", ".join(sorted({*settings.cameras, *kept.cameras})) or "none"
        raise ConfigError(f"--camera: nothing is stored of {camera!r} (known: {known})")
    table = Table(
        "what", Column("samples", justify="right"), Column("other files", justify="right"), "MB", "in"
    )
    for what, folder, found in (("queue", queue, kept.queue), ("archive", archive / "samples", kept.archive)):
        counts = str(len(found.records)), str(len(found.others))
        table.add_row(what, *counts, f"{found.bytes / 1e6:.1f}", looked_at(folder))
    out.print(table)
    happened = f"; {pluralize(events, 'event')} in {looked_at(settings.events.dir)}" if events else ""
    if not yes:
        told = f"{pluralize(kept.samples, 'sample')} would go, picture and labels{happened}"
        say(f"{told}; --yes deletes them for good")
        return
    with progress("erasing", kept.samples) as advance:
        count = run(queue, archive, erasure, advance)
        events = erase_events(settings.events.dir, erasure)
    happened = f", {pluralize(events, 'event')} with stills and clips" if events else ""
    told = f"{pluralize(count, 'sample')} deleted, picture and labels{happened}"
    say(f"{told}; what was exported or copied elsewhere, and the models, stay as they are")


def _as_day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as e:
        raise ConfigError(f"{option}: must be a day like 2026-11-01, got {text!r}") from e
