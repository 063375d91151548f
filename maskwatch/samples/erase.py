"""Whole days of one camera out of a queue's folder: samples with labels or without, and what a crash left of them.

What goes goes picture and record, so that erasing again after a crash takes what is left. Beside a running service: a
file that somebody may be about to write is left until it is old.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from glob import escape
from pathlib import Path
from typing import Any

from maskwatch.core.errors import QueueError
from maskwatch.platform.clock import utc_now
from maskwatch.samples.import_journal import NAME
from maskwatch.samples.json_file import read_json, write_json
from maskwatch.samples.retention import DAY, LEFTOVER_S, delete_sample, exclusive

IsWanted = Callable[[str], bool]
"""Whether a day, `YYYY-MM-DD`, is to go."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Files of samples: their records, and others, such as a crash left; and how many bytes they take."""

    records: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()
    bytes: int = 0


def stored(folder: Path, camera: str, is_wanted: IsWanted) -> Stored:
    """What a queue's folder has of a camera's wanted days (UTC)."""
    paths = [
        path
        for day in sorted(folder.glob(f"{escape(camera)}/????-??-??"))
        if is_wanted(day.name)
        for path in sorted(day.iterdir())
        if path.is_file() or path.is_symlink()
    ]
    records = [path for path in paths if path.suffix == ".json" and not path.name.startswith(".")]
    pictures = {path.with_suffix(".jpg") for path in records}
    others = [path for path in paths if path not in pictures and path not in records]
    return Stored(tuple(records), tuple(others), sum(path.lstat().st_size for path in paths))


def erase(folder: Path, camera: str, is_wanted: IsWanted, advance: Callable[[], None] = lambda: None) -> int:
    """Delete it for good; returns how many samples there were, `advance` is called after each.

    Raises `QueueError` at the end when something may not be removed.
    """
    if not (folder / camera).is_dir():
        return 0
    found = stored(folder, camera, is_wanted)
    stuck = []
    for path in found.records:
        try:
            with exclusive(folder):  # nobody labels it meanwhile, and writes it again
                delete_sample(path)
        except OSError as e:
            stuck.append(e)
        advance()
    for path in found.others:
        try:
            if _is_nobodys(path):
                path.unlink(missing_ok=True)
        except OSError as e:
            stuck.append(e)
    if stuck:
        why = f"{stuck[0].filename or folder}: {stuck[0].strerror or stuck[0]}"
        raise QueueError(f"{folder}: {len(stuck)} files may not be removed: {why}")
    _remove_empty_days(folder / camera, is_wanted)
    return len(found.records)


def forget_import(folder: Path, sample_ids: Iterable[str]) -> None:
    """Take samples out of the note of the last import, which has the boxes of their faces. Raises `QueueError`."""
    gone = set(sample_ids)

    def rest(record: Any) -> dict[str, Any] | None:
        kept = [step for step in record["samples"] if step["id"] not in gone]
        return record | {"samples": kept} if len(kept) < len(record["samples"]) else None

    record = read_json(folder / NAME, rest)
    if record is not None:
        write_json(folder / NAME, record)


def _is_nobodys(path: Path) -> bool:
    """Whether no service can be about to write it: it is of a day before, or old."""
    before_midnight = f"{utc_now() - timedelta(seconds=LEFTOVER_S):{DAY}}"
    try:
        return path.parent.name < before_midnight or time.time() - path.lstat().st_mtime > LEFTOVER_S
    except FileNotFoundError:
        return False


def _remove_empty_days(camera: Path, is_wanted: IsWanted) -> None:
    """Not today's and yesterday's, into which somebody may be about to write, nor a camera's folder that has days."""
    horizon = f"{utc_now() - timedelta(days=1):{DAY}}"
    for day in camera.glob("????-??-??"):
        if is_wanted(day.name) and day.name < horizon and not any(day.iterdir()):
            day.rmdir()
