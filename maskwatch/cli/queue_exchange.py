"""`maskwatch queue export` and `queue import`: samples and labels, out and back."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.queue import (
    By,
    Camera,
    Config,
    Folder,
    Since,
    Until,
    opened_queue,
    user_name,
    wanted_samples,
)
from maskwatch.cli.terminal import Classes, Flat, errors, out, tell_problems
from maskwatch.core.errors import ConfigError, MaskwatchError
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.samples.exports import SampleFilter
    from maskwatch.samples.store import Queue


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
    wanted = wanted_samples(since, until, camera, labelled=None if everything else True)
    queue = opened_queue(folder, config)
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

    name, meanings = by or user_name(), parse_classes(classes or ())
    if undo == (source is not None):
        raise ConfigError("give either the set to import or --undo")
    if source is None:
        _undo_import(opened_queue(folder, config), name)
        return
    done = import_labels(
        opened_queue(folder, config),
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
