"""Small JSON files in a queue's folder: the team, the last import, the exports, the pseudonyms."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from maskwatch.core.errors import MALFORMED, QueueError
from maskwatch.platform.files import read_file, write_atomically

T = TypeVar("T")


@contextmanager
def queue_errors(path: Path) -> Iterator[None]:
    """Raises an `OSError` of the block as a `QueueError` that names the file, or `path` where the error names none."""
    try:
        yield
    except OSError as e:
        raise QueueError(f"queue: {e.filename or path}: {e.strerror or e}") from e


def read_json(path: Path, parse: Callable[[Any], T]) -> T | None:
    """What `parse` makes of the file's content; None where there is no file.

    Raises `QueueError` when it cannot be read, or when `parse` raises one of `MALFORMED`.
    """
    try:
        return parse(json.loads(read_file(path)))
    except FileNotFoundError:
        return None
    except (OSError, *MALFORMED) as e:
        raise QueueError(
            f"queue: {path}: cannot be read ({type(e).__name__}); repair or remove it by hand"
        ) from e


def write_json(path: Path, content: object) -> None:
    """Write the whole file at once. Raises `QueueError`."""
    with queue_errors(path):
        write_atomically(
            path, json.dumps(content, ensure_ascii=False).encode(errors="surrogateescape") + b"\n"
        )
