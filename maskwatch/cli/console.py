"""`maskwatch console`: the pages for people, beside a running service."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.terminal import out

Config = Annotated[Path, typer.Option("-c", "--config", help="The configuration file of the service.")]


def console(config: Config) -> None:
    """Serve the console until Ctrl-C. `maskwatch run` starts it by itself."""
    from maskwatch.app.console import console as made
    from maskwatch.cli.sections import settings_for
    from maskwatch.console.access import Access
    from maskwatch.console.server import serve

    os.umask(0o077)
    settings = settings_for("console", config)
    token = secrets.token_urlsafe(24)

    def ready(address: str) -> None:
        out.print(f"{address}?token={token}", soft_wrap=True, highlight=False, markup=False)

    with suppress(KeyboardInterrupt):  # the way to end it
        serve(
            made(settings, config),
            host=settings.console.host,
            port=settings.console.port,
            access=Access(token),
            on_ready=ready,
        )
