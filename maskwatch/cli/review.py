"""`maskwatch queue review`: the queue as a page for a browser."""

from contextlib import suppress
from typing import Annotated

import typer

from maskwatch.cli.queue import Config, Folder
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out
from maskwatch.console.access import TOKEN_VARIABLE

Host = Annotated[
    str, typer.Option("--host", help="The address to listen on; any but this machine's own needs a token.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Whose labels they are; else the page asks.")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar=TOKEN_VARIABLE,
        show_default=False,
        help="What people must enter first. Better in the environment: arguments are for all to see.",
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


def review(
    folder: Folder = None,
    config: Config = None,
    host: Host = "127.0.0.1",
    port: Port = 8471,
    by: By = None,
    token: Token = None,
    open_: Open = False,
) -> None:
    """Serve a page for looking through the queue and labelling it, until Ctrl-C."""
    from maskwatch.app.console import review as pages_of
    from maskwatch.config.credentials import variables
    from maskwatch.console.access import Access, checked_token
    from maskwatch.console.context import Console
    from maskwatch.console.server import serve
    from maskwatch.samples.annotations import checked_name
    from maskwatch.samples.store import Queue

    settings = settings_for("queue review", config)
    needed = checked_token(host, token or variables().get(TOKEN_VARIABLE))  # as systemd gives it
    place = folder or settings.queue.dir
    desk = pages_of(settings, Queue(place), None if by is None else checked_name(by))

    def ready(address: str) -> None:
        out.print(
            f"{place.absolute()} is at {address}   (Ctrl-C ends it)",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
        if open_:
            typer.launch(address)

    access = None if needed is None else Access(needed)
    with suppress(KeyboardInterrupt):  # the way to end it
        serve(Console(settings.console, desk), host=host, port=port, access=access, on_ready=ready)
