"""`maskwatch queue review`: the queue as a page for a browser."""

from contextlib import suppress
from typing import Annotated

import typer

from maskwatch.cli.queue import Config, Folder
from maskwatch.cli.sections import settings_for
from maskwatch.console.access import TOKEN_VARIABLE

Host = Annotated[
    str,
    typer.Option(
        "--host", help="The address to listen on; any but this machine's own needs a token, or users."
    ),
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
        help="What people may enter to come in. Better in the environment: arguments are for all to see.",
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
    """Serve a page for looking through the queue and labelling it, until Ctrl-C. Prints a link that lets one person in."""
    from dataclasses import replace

    from maskwatch.app.console import review as pages_of
    from maskwatch.cli.console import shows_links, tell_way_in
    from maskwatch.config.credentials import variables
    from maskwatch.console.access import OWNER, Access, checked_token
    from maskwatch.console.context import Console
    from maskwatch.console.server import listening, serve
    from maskwatch.console.users import Users
    from maskwatch.http.guard import now
    from maskwatch.samples.annotations import checked_name
    from maskwatch.samples.store import Queue

    settings = settings_for("queue review", config)
    users = Users(settings.console.dir)
    has_users = bool(users.all())
    needed = checked_token(
        host, token or variables().get(TOKEN_VARIABLE), has_users=has_users
    )  # as systemd gives it
    place = folder or settings.queue.dir
    name = None if by is None else checked_name(by)
    desk = pages_of(settings, Queue(place), name)
    access = Access(needed, replace(OWNER, name=name or OWNER.name), users=users)

    def ready(address: str) -> None:
        at = f"{place.absolute()} is at "
        link = access.new_link(now()) if shows_links() else None
        tell_way_in(address, link, access, config, at, "   (once; Ctrl-C ends it)")
        if open_:
            typer.launch(f"{address}?token={access.new_link(now())}")

    with suppress(KeyboardInterrupt), listening(host, port) as listener:  # Ctrl-C is the way to end it
        serve(Console(settings.console, desk, users=users), listener, access=access, on_ready=ready)
