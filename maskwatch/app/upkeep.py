"""Deletes the archive's samples, and names in labels, when they are older than the configuration allows."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from maskwatch.core.errors import DataError, MaskwatchError
from maskwatch.core.text import pluralize
from maskwatch.learning.archive import Archive
from maskwatch.learning.retention import tidy_archive
from maskwatch.learning.settings import LearnSettings
from maskwatch.platform.background import BackgroundThread
from maskwatch.platform.clock import utc_now
from maskwatch.samples import people
from maskwatch.samples.settings import QueueSettings
from maskwatch.samples.store import Queue

log = logging.getLogger(__name__)

EVERY_S = 3600.0


class Upkeep(BackgroundThread):
    """While the block runs, a thread looks once an hour. What fails is logged, once for each reason, and tried again."""

    def __init__(
        self, queue: QueueSettings, learn: LearnSettings, on_crash: Callable[[BaseException], None]
    ) -> None:
        super().__init__("upkeep", on_crash)
        self._queue = queue
        self._learn = learn
        self._told: str | None = None

    def look(self) -> None:
        """Delete and rename what is due."""
        try:
            self._tidy()
            self._told = None
        except MaskwatchError as e:
            if str(e) != self._told:
                log.warning("%s; this is tried again each hour", e)
            self._told = str(e)

    def body(self) -> None:
        """Look now, and then once an hour."""
        self.look()
        while not self.pause(EVERY_S):
            self.look()

    def _tidy(self) -> None:
        archive = Archive(self._learn.archive)
        if self._learn.archive_max_days is not None and archive.folder.is_dir():
            try:
                with archive.alone():
                    tidy_archive(archive, self._queue.dir, self._learn.archive_max_days, log.info)
            except DataError as e:
                log.info("%s; the archive is tidied when it is over", e)
        if self._queue.names_max_days is not None:
            count = rename_old(self._queue.dir, archive.samples_folder, self._queue.names_max_days)
            if count:
                told = pluralize(count, "sample")
                log.info("names of people in %s became pseudonyms (queue.names_max_days)", told)


def rename_old(queue: Path, archive: Path, max_days: float) -> int:
    """Replace the names of those who labelled longer ago with pseudonyms; returns in how many samples. Raises `QueueError`.

    A name's pseudonym is remembered as long as newer labels hold the name, so that it stays the same.
    """
    before = utc_now() - timedelta(days=max_days)
    samples = [sample for folder in (queue, archive) for sample in Queue(folder).samples()]
    due = {
        people.key(each.by)
        for sample in samples
        for each in people.said(sample)
        if each.at < before and not people.PSEUDONYM.fullmatch(each.by)
    }
    renaming = people.Renaming(people.pseudonyms(queue, due), before) if due else None
    count = sum(people.rename(folder, renaming) for folder in (queue, archive)) if renaming else 0
    if noted := people.noted(queue):
        left = people.people(sample for folder in (queue, archive) for sample in Queue(folder).samples())
        people.forget_pseudonyms(queue, noted.keys() - left.keys())
    return count
