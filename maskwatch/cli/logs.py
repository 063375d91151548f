"""How the log looks: for a terminal, for the journal, or a JSON object a line for a collector."""

import json
import logging
import os
import sys
import time
from enum import StrEnum
from typing import TextIO

from rich.logging import RichHandler

from maskwatch.cli.terminal import errors
from maskwatch.core.text import terminal_safe

# what sd-daemon(3) calls the levels of syslog
PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))


class LogFormat(StrEnum):
    """`TEXT` is for people: with colours and times on a terminal, with priorities for journald."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """What is logged at least."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def set_up(level: LogLevel, layout: LogFormat) -> None:
    """Send the log of the whole program to standard error, from `level` on."""
    if layout is LogFormat.JSON:
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
    elif sys.stderr.isatty():
        handler = RichHandler(console=errors, show_path=False, log_time_format="[%x %X]")
        handler.setFormatter(TextFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(TextFormatter("%(levelname)s %(message)s", priorities=is_journal()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("matplotlib", "fontTools"):
        logging.getLogger(name).setLevel(
            logging.ERROR
        )  # which fonts it looked for, and what it left out of them
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # each request


def is_journal(stream: TextIO | None = None) -> bool:
    """Whether `stream`, None for standard error, goes to systemd's journal (systemd.exec(5) says by which variable)."""
    try:
        about = os.fstat((stream or sys.stderr).fileno())
    except OSError:  # it is no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


class TextFormatter(logging.Formatter):
    """Lines in which nothing from elsewhere can do anything; with `priorities` each begins with `<4>`, say, for journald."""

    def __init__(self, layout: str, *, priorities: bool = False) -> None:
        super().__init__(layout)
        self._priorities = priorities

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging has it
        """The line, further ones of a message below it: a name with a line's end in it looks like no other record."""
        record.message = record.message.replace("\n", "\n    ")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, of several lines where it has a traceback."""
        text = terminal_safe(super().format(record))
        if not self._priorities:
            return text
        priority = next(number for level, number in PRIORITIES if record.levelno >= level)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


class JsonFormatter(logging.Formatter):
    """A line for each record: `time` (UTC, RFC 3339), `level`, `logger`, `message`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, ASCII alone."""
        told: dict[str, object] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)
