"""`maskwatch erase`: what is stored of a camera and of some days, or somebody's name, away for good."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import is_wanted, out, progress, say
from maskwatch.core.errors import ConfigError
from maskwatch.core.text import pluralize
from maskwatch.platform.paths import looked_at

if TYPE_CHECKING:
    from maskwatch.app.erase import Erasure, StoredSamples
    from maskwatch.app.erase_person import NameUses
    from maskwatch.app.erase_related import RelatedFiles
    from maskwatch.config.load import Config


def erase(
    camera: Annotated[
        str | None, typer.Option("--camera", metavar="NAME", help="The camera whose pictures to delete.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="Saved on this UTC day, 2026-11-01 say.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DAY", help="In place of --day: saved on any UTC day before this."),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person", metavar="NAME", help="In place of --camera: somebody who labelled or looked."
        ),
    ] = None,
    exports: Annotated[
        bool, typer.Option("--exports", help="Also whole exports of `queue export` that hold such pictures.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Also this site's copies in the shared database (events.url).")
    ] = False,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Delete it; without this, tell what would go, and ask at a terminal."),
    ] = False,
) -> None:
    """Delete all that is stored of a camera and a day, labelled samples and used ones too, or somebody's name.

    --person replaces a name by a pseudonym wherever it stands, and removes the user. What was copied elsewhere, what
    sinks have sent, and models that learnt from the pictures stay.
    """
    if (camera is None) == (person is None):
        raise ConfigError("give either --camera or --person")
    settings = settings_for("erase shared", config) if shared else settings_for("erase", config)
    if person is not None:
        if day is not None or before is not None or exports or shared:
            raise ConfigError("--person: goes with --yes alone, and is replaced everywhere")
        _erase_person(settings, person, yes=yes)
        return
    if (day is None) == (before is None):
        raise ConfigError("give either --day or --before")
    if shared and settings.events.url is None:
        raise ConfigError("--shared: the configuration names no shared database (events.url)")
    from maskwatch.app.erase import Erasure

    assert camera is not None
    erasure = Erasure(camera, _as_day("--day", day), _as_day("--before", before))
    _erase_camera(settings, erasure, exports=exports, shared=shared, yes=yes)


def _erase_camera(settings: "Config", erasure: "Erasure", *, exports: bool, shared: bool, yes: bool) -> None:
    from maskwatch.app.erase import count_events, erase_events, look, require_no_training
    from maskwatch.app.erase import erase as run
    from maskwatch.app.erase_related import erase_related, find_related
    from maskwatch.events.erase import erase_shared

    queue, archive = settings.queue.dir, settings.learn.archive
    kept, events = look(queue, archive, erasure), count_events(settings.events.dir, erasure)
    found = find_related(settings, kept, erasure)
    if not shared:  # there may be copies of what is deleted here
        _require_known(settings, erasure, kept, found, events)
    _show(settings, kept, found)
    told = f"{pluralize(kept.samples, 'sample')} would go, picture and labels"
    told += f"; {pluralize(events, 'event')} in {looked_at(settings.events.dir)}" if events else ""
    _tell_holdout(kept)
    for export in found.exports:
        say(
            f"{export.path}: was exported and holds some of it; {'goes, too' if exports else '--exports deletes it'}"
        )
    if not is_wanted(told, "deletes them for good", yes=yes):
        return
    require_no_training(archive)
    erase_related(settings, found, erasure, exports=exports)
    with progress("erasing", kept.samples) as advance:
        count = run(queue, archive, erasure, advance)
        events = erase_events(settings.events.dir, erasure)
    happened = f", {pluralize(events, 'event')} with stills and clips" if events else ""
    if shared and settings.events.url is not None:
        copies = erase_shared(settings.events.url, settings.events.site, erasure.events)
        happened += f", {pluralize(copies, 'event')} of the shared database"
    done = f"{pluralize(count, 'sample')} deleted, picture and labels{happened}"
    say(f"{done}; what was exported or copied elsewhere, and the models, stay as they are")


def _require_known(
    settings: "Config", erasure: "Erasure", kept: "StoredSamples", found: "RelatedFiles", events: int
) -> None:
    known = {*settings.cameras, *kept.cameras}
    if not events and not found.drift and not found.messages and erasure.camera not in known:
        names = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"--camera: nothing is stored of {erasure.camera!r} (known: {names})")


def _show(settings: "Config", kept: "StoredSamples", found: "RelatedFiles") -> None:
    table = Table(
        "what", Column("samples", justify="right"), Column("other files", justify="right"), "MB", "in"
    )
    folders = (
        ("queue", settings.queue.dir, kept.queue),
        ("archive", settings.learn.archive / "samples", kept.archive),
    )
    for what, folder, stored in folders:
        counts = str(len(stored.records)), str(len(stored.others))
        table.add_row(what, *counts, f"{stored.bytes / 1e6:.1f}", looked_at(folder))
    for what, paths in found.rows():
        if paths:
            size = sum(path.lstat().st_size for path in paths if path.exists())
            folders_of = ", ".join(sorted({str(path.parent.absolute()) for path in paths}))
            table.add_row(what, "", str(len(paths)), f"{size / 1e6:.1f}", folders_of)
    out.print(table)


def _tell_holdout(kept: "StoredSamples") -> None:
    if kept.held_out:
        left = kept.holdout - kept.held_out
        say(
            f"{kept.held_out} of them measure new models: the holdout keeps {pluralize(left, 'picture')} of "
            f"{kept.holdout}, so figures from before and after cannot be compared"
        )


def _erase_person(settings: "Config", name: str, *, yes: bool) -> None:
    from maskwatch.app.erase_person import erase_person, look_for

    found = look_for(settings, name)
    if not found.is_known:
        raise ConfigError(f"--person: {name!r} is found nowhere")
    say(_places(found))
    if not is_wanted("a pseudonym would replace it", "replaces it for good", yes=yes):
        return
    with progress("replacing", None) as advance:
        pseudonym = erase_person(settings, name, advance)
    say(f"replaced by {pseudonym}; agreement between people is measured as before")


def _places(found: "NameUses") -> str:
    counts = [
        f"{pluralize(found.queue, 'sample')} of the queue",
        f"{pluralize(found.archive, 'sample')} of the archive",
        pluralize(found.events, "event"),
    ]
    if found.in_team:
        counts.append("the team, which it would leave")
    if found.is_user:
        counts.append("the users, from which it would be removed")
    told = f"the name is in {', '.join(counts)}"
    if found.damaged:
        told += f"; {pluralize(len(found.damaged), 'file')} of damaged events, which may contain it, would be deleted whole"
    return told


def _as_day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as e:
        raise ConfigError(f"{option}: must be a day like 2026-11-01, got {text!r}") from e
