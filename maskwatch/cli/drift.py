"""`maskwatch drift`: where labelling is due."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.measuring import deliver
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import say
from maskwatch.platform.paths import looked_at


def drift(
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write the report here, as one file.")] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - prints them instead of tables.")
    ] = None,
) -> None:
    """Whether the cameras still show what the models know: how sure they are against their first days, and the audit."""
    from maskwatch.app.cameras import camera_versions, configured_models
    from maskwatch.drift.report import report
    from maskwatch.drift.watch import measured

    settings = settings_for("drift", config)
    versions = camera_versions(settings, configured_models(settings))
    found = measured(settings.drift, settings.learn.archive, settings.queue.dir, versions)
    deliver(report(found), html, as_json)
    if str(as_json) != "-":
        say(f"days are in {looked_at(settings.drift.dir)}")
        for folder in (settings.learn.archive / "samples", settings.queue.dir):
            say(f"samples are in {looked_at(folder)}")
