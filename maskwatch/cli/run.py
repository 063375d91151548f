"""`maskwatch run`: the service."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")]


def run(config: Config) -> None:
    """Watch the cameras of a configuration until told to stop. SIGHUP reads it again."""
    from maskwatch import app
    from maskwatch import config as configuration
    from maskwatch.pipeline.pipeline import Pipeline
    from maskwatch.service import Service

    def build() -> Pipeline:
        return app.service_pipeline(configuration.load(config))

    Service(build).run()
