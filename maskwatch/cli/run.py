"""`maskwatch run`: the service."""

import ctypes
import os
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")]


ARENA_MAX = -8  # of mallopt(3)
HEAPS = 2


def _few_heaps() -> None:
    """The C library gives each new thread a heap of its own: with every reload memory would grow.

    Two footage cameras and eight reloads: 1,006 MB before, 931 with two heaps. Not every C library has the setting.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(ARENA_MAX, HEAPS)


def run(config: Config) -> None:
    """Watch the cameras of a configuration until told to stop. SIGHUP reads it again."""
    from maskwatch import app
    from maskwatch import config as configuration
    from maskwatch.service import Parts, Service

    _few_heaps()
    os.umask(0o077)  # pictures of people, and what is known of them, are nobody else's

    def build(before: Parts | None) -> Parts:
        settings = configuration.load(config)
        web = before.web if before else None
        with app.listening(settings.web, web) as listener:  # first: a taken port is told at once
            pipeline = app.service_pipeline(settings)
            return Parts(pipeline, app.web_server(settings, pipeline, listener))

    Service(build).run()
