"""What may come of a hostile input: a result, or one clear error that a person may read. Anything else is a fault."""

import logging
import traceback

from maskwatch.cli.logs import TextFormatter
from maskwatch.core.errors import ConfigError, MaskwatchError
from maskwatch.core.text import OBEYED, terminal_safe

SECRET = "s3cret-Pa55word"
MAX_TEXT = 4000  # characters of an error
MAX_LINES = 50  # of the log


class Memory(logging.Handler):
    """Keeps what the log would show."""

    def __init__(self):
        super().__init__()
        self.setFormatter(TextFormatter("%(levelname)s %(message)s"))
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


def judged(take, path, log, names):
    """`(outcome, text)`: `result`, `error` or `fault`. `names`: one of these stands in the error."""
    log.lines.clear()
    try:
        told = take(path)
    except MaskwatchError as e:
        outcome, text, why = "error", str(e), _of_error(e, names)
    except Exception:  # noqa: BLE001 - what we look for
        return "fault", traceback.format_exc()
    else:
        outcome, text, why = "result", "", _of_lines(told or [])
    why = why or _of_log(log.lines)
    return ("fault", f"{why}: {text or log.lines}"[:6000]) if why else (outcome, text)


def _of_error(error, names):
    shown = terminal_safe(f"maskwatch: {error}\n")
    seen, each = [], error
    while each is not None and each not in seen:
        seen.append(each)
        each = each.__cause__
    if any(isinstance(each, MemoryError) or getattr(each, "code", None) == -4 for each in seen):  # OpenCV's StsNoMem
        return "wanted too much memory"
    if not any(name in str(error) for name in names):
        return f"names none of {names}"
    if len(shown) > MAX_TEXT:
        return f"is of {len(shown)} characters"
    if "\n" in str(error) and not isinstance(error, ConfigError):
        return "has several lines"
    return _of_text(shown)


def _of_lines(lines):
    """Lines that are told of an input that is used."""
    for line in lines:
        if "\n" in line:
            return f"a line is several: {line!r}"
        if len(line) > MAX_TEXT:
            return f"a line of {len(line)} characters"
    return None


def _of_log(lines):
    if len(lines) > MAX_LINES:
        return f"logs {len(lines)} lines"
    text = "".join(lines)
    if "Traceback" in text:
        return "logs a traceback"
    return _of_text(text) or _of_lines(lines)


def _of_text(text):
    if SECRET in text:
        return "tells a secret"
    return "has a terminal's escape" if OBEYED.search(text.replace("\r", "")) else None
