"""`maskwatch drift`: where labelling is due."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.measuring import deliver


def drift(
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write the report here, as one file.")] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here; - prints them instead of tables.")
    ] = None,
) -> None:
    """Whether the cameras still show what the models know: how sure they are against their first days, and the audit."""
    from maskwatch.app.compose import camera_versions, configured_models
    from maskwatch.config import load as configuration
    from maskwatch.drift.report import report
    from maskwatch.drift.watch import measured

    settings = configuration.load(config)
    versions = camera_versions(settings, configured_models(settings))
    found = measured(settings.drift, settings.learn.archive, settings.queue.dir, versions)
    deliver(report(found), html, as_json)
