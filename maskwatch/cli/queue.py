"""`maskwatch queue`: what waits for a person's look, and what people say of it."""

import getpass
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import Classes, Flat, errors, out, say, tell_problems
from maskwatch.core.errors import ConfigError, MaskwatchError
from maskwatch.core.records import Label
from maskwatch.core.text import pluralize
from maskwatch.platform.paths import looked_at

if TYPE_CHECKING:
    from maskwatch.core.records import FrameReport
    from maskwatch.samples.annotations import Annotation
    from maskwatch.samples.exports import SampleFilter
    from maskwatch.samples.sample import Sample
    from maskwatch.samples.store import Queue

app = typer.Typer(help="Frames that are worth a person's look.", no_args_is_help=True)


class LabelChoice(StrEnum):
    """What a person may say of a face."""

    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    WORN_WRONG = "worn_wrong"
    UNKNOWN = "unknown"
    NO_FACE = "no_face"


class ExportFormat(StrEnum):
    """What `queue export` writes."""

    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    LABEL_STUDIO = "label_studio"
    QUEUE = "queue"


class Readable(StrEnum):
    """What `queue import` reads."""

    COCO = "coco"
    YOLO = "yolo"
    VOC = "voc"
    QUEUE = "queue"
    LABEL_STUDIO = "label_studio"
    CVAT = "cvat"


Folder = Annotated[Path | None, typer.Option("--dir", help="The queue's folder; else the configuration's.")]
Config = Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")]
SampleId = Annotated[str, typer.Argument(metavar="ID", help="As `queue list` gives it.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so; else the user's name.")]
Since = Annotated[str | None, typer.Option("--since", metavar="DAY", help="Saved on this UTC day or later.")]
Until = Annotated[str | None, typer.Option("--until", metavar="DAY", help="Saved on this UTC day or before.")]
Camera = Annotated[str | None, typer.Option("--camera", metavar="NAME", help="Of this camera alone.")]


def _queue(folder: Path | None, config: Path | None) -> "Queue":
    from maskwatch.samples.store import Queue

    return Queue(folder or settings_for("queue", config).queue.dir)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as e:  # in a container, a user may be a number alone
        raise ConfigError("--by: say who says so; this machine knows no name of yours") from e


def _wanted(
    since: str | None, until: str | None, camera: str | None, labelled: bool | None
) -> "SampleFilter":
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
    wanted = replace(_wanted(since, until, camera, labelled), reason=reason)
    queue = _queue(folder, config)
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

    sample, rgb = _queue(folder, config).find(sample_id)
    image = annotated(rgb, _as_report(sample), numbered=True)
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
        LabelChoice | None, typer.Option("--label", help="What each face is, or that of --face.")
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
    from maskwatch.samples.annotations import accepted

    if sum([accept, said is not None, no_faces, unlabel, undo]) != 1:
        raise ConfigError("say one of --accept, --label, --no-faces, --unlabel, --undo")
    if face is not None and said is None:
        raise ConfigError("--face: goes with --label")
    queue, name = _queue(folder, config), by or _user()
    sample = queue.sample(sample_id)
    if undo:
        sample = queue.undo(sample_id, name, based_on=sample.revision)
    else:
        annotations: tuple[Annotation, ...] | None = () if no_faces else accepted(sample.report.faces)
        annotations = None if unlabel else annotations if said is None else _relabelled(sample, said, face)
        sample = queue.label(sample_id, annotations, name, based_on=sample.revision)
    _tell_faces(sample)


def _relabelled(sample: "Sample", said: LabelChoice, face: int | None) -> "tuple[Annotation, ...]":
    """What holds, or what the models said, with one face or all of them changed."""
    from dataclasses import replace

    from maskwatch.datasets.labels import AnnotationLabel

    annotations = _annotations(sample)
    if face is not None and face > len(annotations):
        raise ConfigError(f"--face: there are {len(annotations)} faces, got {face}")
    meant = range(len(annotations)) if face is None else [face - 1]
    if said is LabelChoice.NO_FACE:
        return tuple(annotation for place, annotation in enumerate(annotations) if place not in meant)
    label = AnnotationLabel(said.value)
    return tuple(replace(m, label=label) if place in meant else m for place, m in enumerate(annotations))


def _as_report(sample: "Sample") -> "FrameReport":
    """What people said in the place of what the models said."""
    from dataclasses import replace

    from maskwatch.core.records import Face

    if sample.labels is None:
        return sample.report
    faces = []
    for annotation in sample.labels.faces:
        known = annotation.label.known
        verdict = Label.PROTECTED if known and known.protected else Label.UNPROTECTED
        faces.append(Face(annotation.box, 1.0, label=verdict if known else Label.UNKNOWN))
    return replace(sample.report, faces=tuple(faces))


def _annotations(sample: "Sample") -> "tuple[Annotation, ...]":
    from maskwatch.samples.annotations import accepted

    return accepted(sample.report.faces) if sample.labels is None else sample.labels.faces


def _tell_faces(sample: "Sample") -> None:
    who = f"labelled by {sample.labels.by}" if sample.labels else "as the models said, labelled by nobody"
    out.print(f"{sample.id} ({sample.report.camera}): {who}", markup=False, soft_wrap=True)
    for number, annotation in enumerate(_annotations(sample), 1):
        place = ", ".join(f"{v:.0f}" for v in annotation.box)
        out.print(f"  face {number}: {annotation.label} ({place})", markup=False, highlight=False)


@app.command()
def export(
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="A folder to write, or a file ending in .zip.")
    ],
    form: Annotated[ExportFormat, typer.Option("--format", help="What to write.")] = ExportFormat.COCO,
    since: Since = None,
    until: Until = None,
    camera: Camera = None,
    everything: Annotated[
        bool, typer.Option("--all/--labelled", help="Also what nobody has labelled, as the models said.")
    ] = False,
    flat: Flat = False,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """Copy samples and their labels out, to train on them or to label them elsewhere."""
    from maskwatch.datasets.formats.entries import write_folder, zipped
    from maskwatch.platform.files import replacing
    from maskwatch.samples.exports import exported

    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise ConfigError(f"{output}: is there already")
    wanted = _wanted(since, until, camera, labelled=None if everything else True)
    queue = _queue(folder, config)
    entries = exported(queue, wanted, form, flat=flat)
    _note(queue, output, wanted)
    if output.suffix.lower() == ".zip":
        with replacing(output) as part, part.open("wb") as file:
            file.writelines(zipped(entries))
    else:
        write_folder(entries, output)
    _note(queue, output, wanted)
    out.print(f"wrote {output}", soft_wrap=True)


def _note(queue: "Queue", output: Path, wanted: "SampleFilter") -> None:
    """Remember where it went, for `erase`: before, should it be killed, and when it is whole."""
    from maskwatch.samples.export_notes import note_export

    try:
        note_export(
            queue.folder, output, [(s.report.camera, s.id) for s in queue.samples() if wanted.fits(s)]
        )
    except (OSError, MaskwatchError) as e:  # another's queue, say
        errors.print(f"{output}: maskwatch erase will not know of it: {e}", soft_wrap=True, markup=False)


@app.command("import")
def import_(
    source: Annotated[
        Path | None, typer.Argument(metavar="SET", help="A folder, zip or JSON file that came back.")
    ] = None,
    form: Annotated[
        Readable | None, typer.Option("--format", help="Its format; else it is looked at.")
    ] = None,
    by: By = None,
    classes: Classes = None,
    skip_empty: Annotated[
        bool, typer.Option("--skip-empty", help="Pass over pictures in which no face is marked.")
    ] = False,
    accept_unchanged: Annotated[
        bool, typer.Option("--accept-unchanged", help="Take what came back as the models said as looked at.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Over newer labels, too.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the last import back; no SET is given then.")
    ] = False,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """Take labels over that were given in CVAT, Label Studio or another tool.

    A sample of which a box cannot be used is refused by name, and the exit code is then 1; the others are taken over.
    """
    from maskwatch.datasets.class_names import parse_classes
    from maskwatch.samples.imports import import_labels

    name, meanings = by or _user(), parse_classes(classes or ())
    if undo == (source is not None):
        raise ConfigError("say either which set to import, or --undo")
    if source is None:
        _undo_import(_queue(folder, config), name)
        return
    done = import_labels(
        _queue(folder, config),
        source,
        form and form.value,
        name,
        force=force,
        skip_empty=skip_empty,
        accept_unchanged=accept_unchanged,
        classes=meanings,
    )
    kept = [f"{each}: labels here are newer or of unknown age; left as they are" for each in done.newer_here]
    tell_problems([*done.problems, *kept])
    refused = f"{len(done.refused)} refused (see above), " if done.refused else ""
    out.print(
        f"{pluralize(len(done.labelled), 'sample')} labelled, {len(done.unchanged)} unchanged, {refused}"
        f"{len(done.newer_here)} left as they are (--force overwrites)",
        soft_wrap=True,
    )
    if done.as_models_said:
        out.print(
            f"{len(done.as_models_said)} came back as the models said and stay without labels "
            "(--accept-unchanged takes them as looked at)",
            soft_wrap=True,
        )
    if done.labelled:
        out.print("queue import --undo takes this back", soft_wrap=True)
    if done.refused:
        raise typer.Exit(1)


def _undo_import(queue: "Queue", by: str) -> None:
    from maskwatch.samples.import_journal import undo_import

    done = undo_import(queue, by)
    tell_problems(done.problems)
    out.print(
        f"{pluralize(len(done.restored), 'sample')} as before the import of {done.source}, "
        f"{len(done.problems)} left as they are",
        markup=False,
        soft_wrap=True,
    )


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

    queue = _queue(folder, config)
    wanted = _wanted(since, until, camera, labelled=labelled)
    if older is not None:
        horizon = utc_now() - timedelta(days=older)
        wanted = replace(wanted, until=min(horizon, wanted.until or horizon))
    names = [sample.id for sample in queue.samples() if wanted.fits(sample)]
    kind = "labelled sample" if labelled else "unlabelled sample"
    what = f"{pluralize(len(names), kind)} in {looked_at(queue.folder)}"
    if names and not yes:
        typer.confirm(f"Delete {what} for good?", abort=True)
    out.print(f"deleted {queue.remove(names, labelled=labelled)} of {what}", soft_wrap=True)
