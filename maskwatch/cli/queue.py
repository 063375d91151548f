"""`maskwatch queue`: what waits for a person's look."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.console import out
from maskwatch.core.records import Label

app = typer.Typer(help="Frames that the models were unsure of.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Option("--dir", help="The queue's folder; else the configuration's.")]
Config = Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")]


def _folder(folder: Path | None, config: Path | None) -> Path:
    from maskwatch import config as configuration

    if folder:
        return folder
    return (configuration.load(config) if config else configuration.default()).queue.dir


@app.command("list")
def list_(folder: Folder = None, config: Config = None) -> None:
    """A table of all samples, oldest first."""
    from maskwatch.learn.queue import Queue

    names = ("camera", "time (UTC)", "faces", "reason", "lowest confidence")
    table = Table(Column("id", no_wrap=True), *(Column(name, overflow="fold") for name in names))
    for sample in Queue(_folder(folder, config)).samples():
        report = sample.report
        protected = f"{report.count(Label.PROTECTED)} of {report.people} protected"
        table.add_row(
            sample.id,
            escape(report.camera),
            f"{sample.saved_at:%Y-%m-%d %H:%M:%S}",
            protected,
            ", ".join(sample.reasons),
            f"{sample.lowest_confidence:.2f}",
        )
    if table.row_count:
        out.print(table)
    out.print(f"{table.row_count} samples in {_folder(folder, config)}", soft_wrap=True)


@app.command()
def show(
    sample_id: Annotated[str, typer.Argument(metavar="ID", help="As `queue list` gives it.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the picture here instead of opening it.")
    ] = None,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """The annotated picture of a sample: opened in a window's viewer, or written with -o."""
    import tempfile

    from maskwatch.core.errors import ConfigError
    from maskwatch.core.files import write_atomically
    from maskwatch.learn.queue import Queue
    from maskwatch.render import annotated
    from maskwatch.sources.images import encoded

    sample, rgb = Queue(_folder(folder, config)).find(sample_id)
    picture = annotated(rgb, sample.report)
    path = output or Path(tempfile.gettempdir()) / f"{sample_id}.png"
    if path.suffix.lower() not in {".png", ".jpg", ".jpeg"}:
        raise ConfigError(f"{path}: must end in .png or .jpg")
    write_atomically(path, encoded(picture, path.suffix))
    out.print(f"wrote {path}", soft_wrap=True)
    if output is None:
        typer.launch(str(path))
