"""The command line: one file a command. Only here does an error become an exit code.

0 done, 1 failed, 2 bad usage or configuration.
"""

import logging
import os
import sys

import typer
from rich.logging import RichHandler

from maskwatch.cli import (
    bench,
    check,
    dataset,
    demo,
    evaluate,
    extract,
    queue,
    replay,
    review,
    run,
    status,
    train,
)
from maskwatch.cli.console import errors
from maskwatch.core.errors import ConfigError, MaskwatchError

app = typer.Typer(
    help="Watch cameras, say whether people wear masks, and ask them kindly when they do not.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run.run)
app.command()(status.status)
app.command()(replay.replay)
app.command()(demo.demo)
app.command()(check.check)
app.command()(extract.extract)
queue.app.command()(review.review)
app.add_typer(queue.app, name="queue")
app.add_typer(dataset.app, name="dataset")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(bench.app, name="bench")


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="On an error, show the traceback too."),
) -> None:
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(console=errors, show_path=False)
        layout = "%(message)s"
    else:
        handler, layout = logging.StreamHandler(), "%(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=layout, handlers=[handler], force=True)
    _Debug.on = debug


class _Debug:
    on = False


def main() -> None:
    # torch, OpenCV and OpenVINO share few cores: a thread that waits must not spin; read when torch loads
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except MaskwatchError as e:
        if _Debug.on:
            raise
        sys.stderr.write(f"maskwatch: {e}\n")
        sys.exit(2 if isinstance(e, ConfigError) else 1)
    except OSError as e:  # a file that cannot be written, a full disk
        if _Debug.on:
            raise
        sys.stderr.write(f"maskwatch: {e.filename or 'file'}: {e.strerror or e}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
