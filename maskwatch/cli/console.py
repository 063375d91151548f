"""`maskwatch console`: the pages for people, beside a running service."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from maskwatch.cli.logs import LogFormat, is_journal
from maskwatch.cli.terminal import out
from maskwatch.core.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from pydantic import SecretStr

    from maskwatch.config.load import Config as Settings
    from maskwatch.console.access import Access
    from maskwatch.console.context import Console
    from maskwatch.console.handover import Handover

log = logging.getLogger(__name__)

Config = Annotated[
    Path | None, typer.Option("-c", "--config", help="The configuration file, of the service beside it.")
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Of no service: show all sites of the PostgreSQL database that services share. "
        "Its password is written as {MASKWATCH_NAME}, which the environment has, or a credential of systemd.",
    ),
]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
State = Annotated[int | None, typer.Option("--state", hidden=True)]
NICENESS = 10  # whoever looks waits for whoever analyses
RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # between tries of a port that somebody has
END_S = 5.0
KEYS = "console.host: {host}, console.port: {port}"


def console(
    config: Config = None, store: Store = None, supervised: Supervised = False, state: State = None
) -> None:
    """Serve the console until Ctrl-C. `maskwatch run` starts it by itself. SIGHUP reads the configuration again.

    `supervised`: as `run` starts it, to end when standard input does. `state`: what it takes over of itself.
    """
    from maskwatch.cli.sections import settings_for
    from maskwatch.console.access import Access
    from maskwatch.console.handover import Handover
    from maskwatch.console.server import serve
    from maskwatch.http.guard import now

    if supervised:
        _end_with_standard_input()
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    before = None if state is None else Handover.from_memfd(state)
    if config is None and store is None:
        raise typer.BadParameter("-c names the configuration of a service, or --store what services share")
    settings = settings_for("console", config) if store is None else settings_for("console --store", config)
    again = _Again(enabled=supervised or not sys.stdin.isatty())  # a terminal that closes sends SIGHUP, too
    with ExitStack() as stack, suppress(KeyboardInterrupt):  # the way to end it
        listener = stack.enter_context(_listener(settings, before, patient=supervised))
        pages = stack.enter_context(_pages(settings, config, store))
        access = Access(users=pages.users)
        if before is not None:
            access.take_over(before.access)

        def ready(address: str) -> None:
            # who has no account may make one; afterwards people sign in by name
            link = before is None and shows_links(only_terminals=supervised) and not access.has_users
            tell_way_in(address, access.new_link(now()) if link else None, access, config)

        serve(pages, listener, access=access, on_ready=ready, on_server=again.ends)
        if again.wanted:
            place = settings.console.host, settings.console.port
            named = [*(["--config", str(config)] if config else []), *(["--store", store] if store else [])]
            _begin_again(named, Handover(place, listener, access.state()), supervised=supervised)


def _pages(settings: "Settings", config: Path | None, store: str | None) -> "AbstractContextManager[Console]":
    from maskwatch.app.console import console as made
    from maskwatch.app.console import store_console
    from maskwatch.cli.sections import settings_for

    if store is not None:
        return store_console(settings, store_address(store))
    return made(settings, config, lambda: settings_for("console", config))


def store_address(written: str) -> "SecretStr":
    """Of `--store`, with its password from systemd's credentials or the environment. Raises `ConfigError`, which shows none."""
    from pydantic import SecretStr

    from maskwatch.config.credentials import variables
    from maskwatch.config.reader import VARIABLE
    from maskwatch.events.postgres import address_of
    from maskwatch.events.settings import SCHEMES

    if not written.startswith(SCHEMES):
        raise ConfigError("--store: must begin with postgresql://")
    url = address_of(SecretStr(written), "--store")
    secrets = [url.password, *(each for key, each in url.query.items() if "password" in key)]
    if any(each and not VARIABLE.fullmatch(str(each)) for each in secrets):
        raise ConfigError(
            "--store: other users of this machine can see a password that stands here; write {MASKWATCH_NAME} for it, "
            "a variable of the environment or a credential of systemd"
        )
    known = variables()
    if missing := sorted(set(VARIABLE.findall(written)) - known.keys()):
        raise ConfigError(f"--store: the environment has no {missing[0]}, nor do systemd's credentials")
    return SecretStr(VARIABLE.sub(lambda name: known[name[1]], written))


def shows_links(*, only_terminals: bool = False) -> bool:
    """Whether what is printed is for who started the program alone: not a journal, or only a terminal."""
    if sys.stdout.isatty():
        return True
    return not only_terminals and not is_journal(sys.stdout)


def tell_way_in(
    address: str,
    link: str | None,
    access: "Access",
    config: Path | None,
    at: str = "console at ",
    end: str = "   (for one person, once)",
) -> None:
    """Print the address, with a link that works once, or else log it, and how to come in."""
    if link is not None:
        out.print(f"{at}{address}?token={link}{end}", soft_wrap=True, highlight=False, markup=False)
        return
    log.info("%s%s", at, address)
    if not access.has_users and not access.has_token:
        option = f" --config {config}" if config else ""
        log.info("nobody can sign in yet: maskwatch users add NAME --role admin%s", option)


@contextmanager
def _listener(settings: "Settings", before: "Handover | None", *, patient: bool) -> "Iterator[socket.socket]":
    """The socket of before, where the address is the same, or a new one; `patient` waits for a port that is taken."""
    from maskwatch.console.server import PortTakenError, listening

    place = settings.console.host, settings.console.port
    if before is not None and before.wanted == place:
        with before.listener as listener:
            yield listener
        return
    if before is not None:
        before.listener.close()
    tries = 0
    with ExitStack() as stack:
        while True:
            try:
                listener = stack.enter_context(listening(*place, keys=KEYS))
                break
            except PortTakenError as e:
                if not patient:
                    raise
                if tries == 0:
                    log.warning("%s; trying again", e)
                time.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
        yield listener


class _Again:
    """Ends the server by SIGHUP, so that the program can begin again."""

    def __init__(self, *, enabled: bool) -> None:
        self.wanted = False
        self._server: Any = None
        if enabled:
            signal.signal(signal.SIGHUP, self._on_signal)

    def ends(self, server: Any) -> None:
        """What `should_exit` ends."""
        self._server = server
        server.should_exit = self.wanted

    def _on_signal(self, *_: object) -> None:
        self.wanted = True
        if self._server is not None:
            self._server.should_exit = True


def _begin_again(named: list[str], state: "Handover", *, supervised: bool) -> NoReturn:
    """The same process with the configuration as it is now: whoever waits for it notices nothing."""
    level = logging.getLevelName(logging.getLogger().level).lower()
    layout = LogFormat.JSON if supervised else LogFormat.TEXT
    command = [sys.executable, "-m", "maskwatch", "--log-level", level, "--log-format", layout]
    command += ["console", *named, "--state", str(state.to_memfd())]
    command += ["--supervised"] if supervised else []
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - this program itself


def _end_with_standard_input() -> None:
    """Which closes when the service ends, however it does."""

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_S)
        os._exit(1)

    threading.Thread(target=wait, name="service", daemon=True).start()
