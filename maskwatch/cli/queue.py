"""`maskwatch queue`: what waits for a person's look, and what people say of it."""

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, say
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import Label
from maskwatch.core.text import pluralize
from maskwatch.datasets.labels import Meaning
from maskwatch.platform.paths import looked_at

if TYPE_CHECKING:
    from maskwatch.samples.annotations import Annotation
    from maskwatch.samples.exports import SampleFilter
    from maskwatch.samples.sample import Sample
    from maskwatch.samples.store import Queue

app = typer.Typer(help="Frames that are worth a person's look.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Option("--dir", help="The queue's folder; else the configuration's.")]
Config = Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")]
SampleId = Annotated[str, typer.Argument(metavar="ID", help="As `queue list` gives it.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so; else the user's name.")]
Since = Annotated[str | None, typer.Option("--since", metavar="DAY", help="Saved on this UTC day or later.")]
Until = Annotated[str | None, typer.Option("--until", metavar="DAY", help="Saved on this UTC day or before.")]
Camera = Annotated[str | None, typer.Option("--camera", metavar="NAME", help="Of this camera alone.")]


def opened_queue(folder: Path | None, config: Path | None) -> "Queue":
    """The queue in that folder, else the configuration's. Raises `ConfigError`."""
    from maskwatch.samples.store import Queue

    return Queue(folder or settings_for("queue", config).queue.dir)


def user_name() -> str:
    """Of who runs this program. Raises `ConfigError` where nobody knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as e:  # in a container, a user may be a number alone
        raise ConfigError("--by: say who says so; this machine knows no name of yours") from e


def wanted_samples(
    since: str | None, until: str | None, camera: str | None, labelled: bool | None
) -> "SampleFilter":
    """What these options ask for. Raises `ConfigError` for a day that is none."""
    from maskwatch.samples.exports import SampleFilter, moment

    moments = {}
    for name, text, end in (("since", since, False), ("until", until, True)):
        try:
            moments[name] = moment(text, end=end) if text else None
        except ValueError as e:
            raise ConfigError(f"--{name}: must be a day like 2026-11-01, got {text!r}") from e
    return SampleFilter(moments["since"], moments["until"], camera, labelled)


@app.command("list")
def list_(
    since: Since = None,
    until: Until = None,
    camera: Camera = None,
    labelled: Annotated[
        bool | None,
        typer.Option("--labelled/--unlabelled", help="Those that somebody has looked at, or not."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason",
            help="Queued as: gap, second_look, near_miss, moved_unseen, classifier, detector, shadow, flicker, audit.",
        ),
    ] = None,
    misses_first: Annotated[
        bool, typer.Option("--misses-first", help="Those in which a face may have been missed come first.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, metavar="N", help="At most so many, the newest; 0: all.")
    ] = 1000,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """A table of samples, oldest first: the lowest probability of any verdict on a face, and who labelled it."""
    from dataclasses import replace

    from maskwatch.core.selection.reasons import is_miss

    names = ("camera", "masks", "reason", "lowest", "by")
    table = Table(Column("id", no_wrap=True), *(Column(name, overflow="fold") for name in names))
    wanted = replace(wanted_samples(since, until, camera, labelled), reason=reason)
    queue = opened_queue(folder, config)
    samples = [sample for sample in queue.samples() if wanted.fits(sample)]
    if misses_first:
        samples.sort(key=lambda sample: not is_miss(sample.reasons))
    shown = samples if not limit else samples[:limit] if misses_first else samples[-limit:]
    for sample in shown:
        report = sample.report
        table.add_row(
            sample.id,
            escape(report.camera),
            f"{report.count(Label.PROTECTED)} of {report.people}",
            "\n".join(sample.reasons),
            f"{sample.lowest_confidence:.2f}",
            escape(sample.labels.by) if sample.labels else "",
        )
    if table.row_count:
        out.print(table)
    say(f"{pluralize(len(samples), 'sample')} in {looked_at(queue.folder)}")
    if len(shown) < len(samples):
        say(f"{len(shown)} of them are listed; --limit 0 lists all")


@app.command()
def show(
    sample_id: SampleId,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the picture here instead of opening it.")
    ] = None,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """The annotated picture of a sample: opened in a window's viewer, or written with -o; and its faces.

    Where people have labelled it, it shows what they said.
    """
    import tempfile

    from maskwatch.output.draw import annotated
    from maskwatch.platform.files import write_atomically
    from maskwatch.sources.images import encoded

    sample, rgb = opened_queue(folder, config).find(sample_id)
    image = annotated(rgb, sample.labelled_report, numbered=True)
    path = output or Path(tempfile.gettempdir()) / f"{sample_id}.png"
    if path.suffix.lower() not in {".png", ".jpg", ".jpeg"}:
        raise ConfigError(f"{path}: must end in .png or .jpg")
    write_atomically(path, encoded(image, path.suffix))
    _tell_faces(sample)
    out.print(f"wrote {path}", soft_wrap=True)
    if output is None and _has_screen():
        typer.launch(str(path))


def _has_screen() -> bool:
    """On Linux the viewer of a machine without one would only complain."""
    return sys.platform != "linux" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


@app.command()
def label(
    sample_id: SampleId,
    accept: Annotated[bool, typer.Option("--accept", help="All as the models said.")] = False,
    said: Annotated[
        Meaning | None, typer.Option("--label", help="What each face is, or that of --face.")
    ] = None,
    face: Annotated[
        int | None, typer.Option("--face", metavar="N", min=1, help="The face of that number alone.")
    ] = None,
    no_faces: Annotated[bool, typer.Option("--no-faces", help="There is no face in the picture.")] = False,
    unlabel: Annotated[bool, typer.Option("--unlabel", help="Take the labels away.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="As before the last change.")] = False,
    by: By = None,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """Say what a sample's faces are; `queue show` numbers them."""
    from maskwatch.samples.annotations import as_annotations

    if sum([accept, said is not None, no_faces, unlabel, undo]) != 1:
        raise ConfigError("say one of --accept, --label, --no-faces, --unlabel, --undo")
    if face is not None and said is None:
        raise ConfigError("--face: goes with --label")
    queue, name = opened_queue(folder, config), by or user_name()
    sample = queue.sample(sample_id)
    if undo:
        sample = queue.undo(sample_id, name, based_on=sample.revision)
    else:
        annotations: tuple[Annotation, ...] | None = () if no_faces else as_annotations(sample.report.faces)
        annotations = None if unlabel else annotations if said is None else _relabelled(sample, said, face)
        sample = queue.label(sample_id, annotations, name, based_on=sample.revision)
    _tell_faces(sample)


def _relabelled(sample: "Sample", meaning: Meaning, face: int | None) -> "tuple[Annotation, ...]":
    from maskwatch.samples.annotations import relabelled

    try:
        return relabelled(sample.annotations, meaning.annotation_label, face)
    except IndexError:
        raise ConfigError(f"--face: there are {len(sample.annotations)} faces, got {face}") from None


def _tell_faces(sample: "Sample") -> None:
    who = f"labelled by {sample.labels.by}" if sample.labels else "as the models said, labelled by nobody"
    out.print(f"{sample.id} ({sample.report.camera}): {who}", markup=False, soft_wrap=True)
    for number, annotation in enumerate(sample.annotations, 1):
        place = ", ".join(f"{v:.0f}" for v in annotation.box)
        out.print(f"  face {number}: {annotation.label} ({place})", markup=False, highlight=False)


@app.command()
def purge(
    since: Since = None,
    until: Until = None,
    camera: Camera = None,
    older: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", min=0, help="Saved so long ago.")
    ] = None,
    labelled: Annotated[
        bool, typer.Option("--labelled", help="Those with labels, which otherwise stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """Delete samples that nobody has labelled, or with --labelled those that somebody has."""
    from dataclasses import replace
    from datetime import timedelta

    from maskwatch.platform.clock import utc_now

    queue = opened_queue(folder, config)
    wanted = wanted_samples(since, until, camera, labelled=labelled)
    if older is not None:
        horizon = utc_now() - timedelta(days=older)
        wanted = replace(wanted, until=min(horizon, wanted.until or horizon))
    names = [sample.id for sample in queue.samples() if wanted.fits(sample)]
    kind = "labelled sample" if labelled else "unlabelled sample"
    what = f"{pluralize(len(names), kind)} in {looked_at(queue.folder)}"
    if names and not yes:
        typer.confirm(f"Delete {what} for good?", abort=True)
    out.print(f"deleted {queue.remove(names, labelled=labelled)} of {what}", soft_wrap=True)
