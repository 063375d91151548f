"""The command line: one file a command. Only here does an error become an exit code.

0 done, 1 failed, 2 bad usage or configuration, 130 broken off by Ctrl-C.
"""

import io
import os
import sys
from typing import NoReturn

import typer

from maskwatch.cli import (
    archive,
    bench,
    check,
    console,
    dataset,
    demo,
    drift,
    erase,
    evaluate,
    events,
    extract,
    fleet,
    learn,
    models,
    queue,
    queue_exchange,
    replay,
    review,
    run,
    schema,
    status,
    team,
    train,
    users,
)
from maskwatch.cli.interrupt import Interrupt
from maskwatch.cli.logs import LogFormat, LogLevel, set_up
from maskwatch.core.errors import ConfigError, MaskwatchError
from maskwatch.core.text import one_line, terminal_safe
from maskwatch.platform.caches import settle_libraries

app = typer.Typer(
    help="Watch cameras, say whether people wear masks, and ask them kindly when they do not.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run.run)
app.command()(console.console)
app.command()(status.status)
app.command()(replay.replay)
app.command()(archive.archive)
app.command()(demo.demo)
app.command()(check.check)
app.command()(schema.schema)
app.command()(extract.extract)
app.command()(learn.learn)
queue.app.command()(queue_exchange.export)
queue.app.command("import")(queue_exchange.import_)
queue.app.command()(review.review)
queue.app.command()(team.agreement)
queue.app.command()(team.progress)
app.command()(drift.drift)
app.command()(erase.erase)
app.add_typer(users.app, name="users")
app.add_typer(events.app, name="events")
app.add_typer(queue.app, name="queue")
app.add_typer(models.app, name="models")
app.add_typer(fleet.app, name="fleet")
app.add_typer(dataset.app, name="dataset")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(bench.app, name="bench")


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"maskwatch {version('maskwatch')}")
        raise typer.Exit


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="On an error, show the traceback too."),
    version: bool = typer.Option(  # noqa: ARG001 - its callback has answered
        False, "--version", callback=_tell_version, is_eager=True, help="Say which version this is."
    ),
    log_level: LogLevel = typer.Option(LogLevel.INFO, "--log-level", help="Log nothing below this."),
    log_format: LogFormat = typer.Option(
        LogFormat.TEXT, "--log-format", help="How: text for people, or a JSON object a line."
    ),
) -> None:
    """Set the logging up that every command has."""
    set_up(log_level, log_format)
    settle_libraries()
    _Debug.on = debug


class _Debug:
    on = False


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # torch, OpenCV and OpenVINO share few cores: a thread that waits must not spin; read when torch loads
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.umask(0o077)  # pictures of people, and what is known of them, are nobody else's
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name that is not UTF-8 is printed as its bytes
        sys.stdout.reconfigure(errors="surrogateescape")
    interrupt = Interrupt()
    interrupt.install()
    try:
        app()
    except BaseException as e:  # noqa: BLE001 - raised again, unless it is what Ctrl-C broke
        ended_well = isinstance(e, SystemExit) and not e.code
        if interrupt.seen and not ended_well:
            sys.exit(130)
        _exit(e)
    finally:
        interrupt.finish()


def as_shown(error: MaskwatchError) -> str:
    """What the person at the terminal reads: one line, of a configuration one a problem."""
    text = str(error) if isinstance(error, ConfigError) else one_line(str(error))
    return terminal_safe(f"maskwatch: {text}")


def _exit(error: BaseException) -> NoReturn:
    """With a line for the person at the terminal, where the error is meant for one."""
    if _Debug.on:
        raise error
    if isinstance(error, MaskwatchError):
        sys.stderr.write(f"{as_shown(error)}\n")
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    if isinstance(error, OSError):  # a file that cannot be written, a full disk
        sys.stderr.write(terminal_safe(f"maskwatch: {error.filename or 'file'}: {error.strerror or error}\n"))
        sys.exit(1)
    raise error
