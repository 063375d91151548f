"""Deletes used samples older than `learn.archive_max_days`; what the holdout loses is recorded."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from maskwatch.core.text import pluralize
from maskwatch.learning.archive import Archive
from maskwatch.platform.clock import utc_now


def tidy_archive(archive: Archive, queue: Path, max_days: float | None, say: Callable[[str], None]) -> int:
    """Delete samples that were saved more than `max_days` whole UTC days ago, None: none; returns how many.

    Raises `QueueError`. To be called while no training runs: in `Archive.alone`.
    """
    if max_days is None or not archive.samples_folder.is_dir():
        return 0
    horizon = f"{(utc_now() - timedelta(days=max_days)).date()}"
    held_out = len(archive.holdout())
    cameras = {path.parent.name for path in archive.samples_folder.glob("[!.]*/????-??-??")}
    cameras |= {each.camera for each in archive.assignments().values()}  # a crash left its notes
    count = sum(archive.erase(camera, lambda day: day < horizon, queue) for camera in sorted(cameras))
    if count:
        left = len(archive.holdout())
        say(
            f"{archive.folder}: {pluralize(count, 'sample')} older than {max_days:g} days deleted "
            f"(learn.archive_max_days), {held_out - left} of them held out: the holdout has {left} now"
        )
    return count
