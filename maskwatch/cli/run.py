"""`maskwatch run`: the service."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")]


def run(config: Config) -> None:
    """Watch the cameras of a configuration until told to stop. SIGHUP reads it again."""
    from maskwatch.app import compose as app
    from maskwatch.app.service import RunningParts, Service
    from maskwatch.config import load as configuration
    from maskwatch.config.edit import digest_of
    from maskwatch.core.errors import MaskwatchError
    from maskwatch.platform import malloc
    from maskwatch.web.service_view import ConfigInForce

    malloc.limit_arenas()
    os.umask(0o077)  # pictures of people, and what is known of them, are nobody else's

    in_force = ConfigInForce()

    def build(before: RunningParts | None) -> RunningParts:
        digest = digest_of(config.read_bytes()) if config.is_file() else ""  # before it is read
        try:
            made = parts(before)
        except MaskwatchError as e:
            in_force.refuse(digest, str(e))
            raise
        in_force.take(digest, time.time())
        return made

    def parts(before: RunningParts | None) -> RunningParts:
        settings = configuration.load(config)
        web = before.web if before else None
        with app.listening(settings.web, web) as listener:  # first: a taken port is told at once
            pipeline = app.service_pipeline(settings)
            private = app.private_server(settings, pipeline, before.private if before else None, in_force)
            return RunningParts(pipeline, app.web_server(settings, pipeline, listener), private)

    Service(build).run()
