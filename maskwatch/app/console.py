"""Makes the console of a configuration: what its pages are given."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from maskwatch.app.config_editor import ConfigEditor
from maskwatch.config.load import Config
from maskwatch.console.access_log import AccessLog
from maskwatch.console.context import CameraView, Console, Monitoring
from maskwatch.console.review.context import Review
from maskwatch.console.review.thumbnails import Thumbnails
from maskwatch.console.review.uploads import Uploads
from maskwatch.console.review.walk import Presence
from maskwatch.console.service_client import ServiceClient
from maskwatch.console.sites.shared_store import SharedStore
from maskwatch.console.users import Users
from maskwatch.core.errors import MaskwatchError
from maskwatch.core.events import Event
from maskwatch.core.records import Face, FrameReport, Rgb
from maskwatch.events.media import Media
from maskwatch.events.retention import Retention
from maskwatch.events.store import EventStore
from maskwatch.platform.unix_socket import SERVICE
from maskwatch.samples.store import Queue

LOOK_S = 1.0  # at the file, at most so often
HISTORY = "config-history"  # in the console's folder: versions of the configuration before a change


@contextmanager
def console(
    config: Config, path: Path | None = None, read: Callable[[], Config] | None = None
) -> Iterator[Console]:
    """All pages, and what is written down about who looks, while the block runs; the configuration in the file `path` can be changed.

    `read` gives it as it is then, for what the pages show of the cameras.

    Raises `EventError` when the events' folder cannot be used, and `UserError`.
    """
    users = Users(config.console.dir)
    users.all()  # a damaged file is told at once
    cameras = _Cameras(config, path, read)
    monitoring = Monitoring(
        ServiceClient(config.events.dir / SERVICE),
        cameras,
        EventStore.in_folder(config.events.dir),
        Media(config.events.dir),
        None if path is None else ConfigEditor(path, config.console.dir / HISTORY),
    )
    desk = review(config, Queue(config.queue.dir), None)
    store = config.console.store
    shared_store = None if store is None else SharedStore(EventStore.read_only(store, "console.store"))
    with AccessLog(monitoring.events.add) as access_log:
        yield Console(config.console, desk, monitoring, users, access_log, shared_store, config.events.site)


@contextmanager
def store_console(config: Config, store: SecretStr) -> Iterator[Console]:
    """The pages of a shared store alone, without any service. Who looks at what is kept in a database of its own.

    Raises `ConfigError` for a store that is none, `EventError` when the events' folder cannot be used, and `UserError`.
    """
    users = Users(config.console.dir)
    users.all()
    shared_store = SharedStore(EventStore.read_only(store, "--store"))
    events = config.events
    own, retention = EventStore.in_folder(events.dir), Retention(events.dir, events.max_days, events.max_mb)

    def add(looks: Sequence[Event]) -> None:
        own.add(looks)
        retention.step(own, time.time())  # no service does

    with closing(own), AccessLog(add) as access_log:
        desk = review(config, Queue(config.queue.dir), None)
        yield Console(config.console, desk, None, users, access_log, shared_store)


class _Cameras(Mapping[str, CameraView]):
    """Those of a configuration, as its file has them now; a file that cannot be used changes nothing."""

    def __init__(self, config: Config, path: Path | None, read: Callable[[], Config] | None) -> None:
        self._views = _views(config)
        self._path = path
        self._read = read
        self._stamp = self._file_stamp()
        self._looked_s = time.monotonic()

    def __getitem__(self, name: str) -> CameraView:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> Mapping[str, CameraView]:
        now_s = time.monotonic()
        if self._read is not None and now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            stamp = self._file_stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                with suppress(MaskwatchError):
                    self._views = _views(self._read())
        return self._views

    def _file_stamp(self) -> tuple[int, int] | None:
        try:
            about = self._path.stat() if self._path else None
        except OSError:
            return None
        return (about.st_mtime_ns, about.st_ino) if about else None


def _views(config: Config) -> dict[str, CameraView]:
    return {
        name: CameraView(
            each.privacy, each.ignore, each.zones, {line: it.line for line, it in each.lines.items()}
        )
        for name, each in config.cameras.items()
    }


def review(config: Config, queue: Queue, by: str | None) -> Review:
    """What the pages of a queue need; `by` is offered as the name of who has not given one."""
    learned = Queue(config.learn.archive / "samples") if queue.folder == config.queue.dir else None
    return Review(queue, Thumbnails(), Uploads(queue, _proposer(config)), Presence(), by, learned)


def _proposer(config: Config) -> Callable[[Rgb], tuple[Face, ...]]:
    """Finds the faces of a picture that somebody adds; the models are loaded when the first one comes."""

    @cache
    def judge() -> Callable[[Rgb], FrameReport]:
        from maskwatch.app.cameras import analyst  # with torch, which the pages do without
        from maskwatch.models.loading import Models, pick_device

        return analyst(config.defaults, Models(pick_device(config.device)))

    return lambda rgb: judge()(rgb).faces
