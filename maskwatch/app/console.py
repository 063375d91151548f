"""Makes the console of a configuration: what its pages are given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from maskwatch.app.config_editor import ConfigEditor
from maskwatch.config.load import Config
from maskwatch.console.access_log import AccessLog
from maskwatch.console.context import CameraView, Console, Monitoring
from maskwatch.console.review.context import Review
from maskwatch.console.review.thumbnails import Thumbnails
from maskwatch.console.review.uploads import Uploads
from maskwatch.console.review.walk import Presence
from maskwatch.console.service_client import ServiceClient
from maskwatch.console.users import Users
from maskwatch.core.records import Face, FrameReport, Rgb
from maskwatch.events.media import Media
from maskwatch.events.store import EventStore
from maskwatch.platform.unix_socket import SERVICE
from maskwatch.samples.store import Queue

HISTORY = "config-history"  # in the console's folder: versions of the configuration before a change


@contextmanager
def console(config: Config, path: Path | None = None) -> Iterator[Console]:
    """All pages, and what is written down about who looks, while the block runs; the configuration in the file `path` can be changed.

    Raises `EventError` when the events' folder cannot be used, and `UserError`.
    """
    users = Users(config.console.dir)
    users.all()  # a damaged file is told at once
    cameras = {
        name: CameraView(
            each.privacy, each.ignore, each.zones, {line: it.line for line, it in each.lines.items()}
        )
        for name, each in config.cameras.items()
    }
    monitoring = Monitoring(
        ServiceClient(config.events.dir / SERVICE),
        cameras,
        EventStore.in_folder(config.events.dir),
        Media(config.events.dir),
        None if path is None else ConfigEditor(path, config.console.dir / HISTORY),
    )
    desk = review(config, Queue(config.queue.dir), None)
    with AccessLog(monitoring.events.add) as access_log:
        yield Console(config.console, desk, monitoring, users, access_log)


def review(config: Config, queue: Queue, by: str | None) -> Review:
    """What the pages of a queue need; `by` is offered as the name of who has not given one."""
    return Review(queue, Thumbnails(), Uploads(queue, _proposer(config)), Presence(), by)


def _proposer(config: Config) -> Callable[[Rgb], tuple[Face, ...]]:
    """Finds the faces of a picture that somebody adds; the models are loaded when the first one comes."""

    @cache
    def judge() -> Callable[[Rgb], FrameReport]:
        from maskwatch.app.compose import analyst  # with torch, which the pages do without
        from maskwatch.models.loading import Models, pick_device

        return analyst(config.defaults, Models(pick_device(config.device)))

    return lambda rgb: judge()(rgb).faces
