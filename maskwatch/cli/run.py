"""`maskwatch run`: the service."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")]


def run(config: Config) -> None:
    """Watch the cameras of a configuration until told to stop. SIGHUP reads it again."""
    from maskwatch import app
    from maskwatch import config as configuration
    from maskwatch.service import Parts, Service

    def build(before: Parts | None) -> Parts:
        settings = configuration.load(config)
        web = before.web if before else None
        with app.listening(settings.web, web) as listener:  # first: a taken port is told at once
            pipeline = app.live_pipeline(settings, app.Models(app.pick_device(settings.device)))
            return Parts(pipeline, app.web_server(settings, pipeline, listener))

    Service(build).run()
