"""Is all there that is no camera: files, models, disk, ports, events."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from maskwatch.core.errors import ConfigError, MaskwatchError, QueueError, SourceError
from maskwatch.core.privacy import Privacy
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.config.load import Config
    from maskwatch.console.settings import ConsoleSettings
    from maskwatch.events.settings import EventSettings
    from maskwatch.models.loading import Models
    from maskwatch.samples.settings import QueueSettings
    from maskwatch.web.settings import WebSettings

TAKEN_S = 5.0  # in which who has the console's port answers

IN_ITS_PLACE = "write {MASKWATCH_NAME} there and put it into the environment, or chmod 600 the file"


def cameras(settings: "Config") -> str:
    """How many there are. Raises `ConfigError` for none."""
    if not settings.cameras:
        raise ConfigError("cameras: there is none to watch")
    return pluralize(len(settings.cameras), "camera")


def privacy(level: Privacy) -> str:
    """What a level other than full means."""
    from maskwatch.app.compose import NOTHING_QUEUED

    if level is Privacy.BLUR:
        return "blur: faces are coarse in all pictures but the queue's"
    return NOTHING_QUEUED.removeprefix("privacy: ")


def files(config: Path) -> str:
    """Whether all footage that is named is there; a warning of passwords that others can read. Raises `SourceError`."""
    from maskwatch.config.load import missing_footage, written_secrets

    if missing := missing_footage(config):
        raise SourceError("\n".join(missing))
    found = "all that the configuration names"
    if (written := written_secrets(config)) and config.stat().st_mode & 0o044:
        places = "; ".join(written)
        found += f". Every user of this machine can read the password in {config} ({places}): {IN_ITS_PLACE}"
    return found


def load(settings: "Config") -> "Models":
    """The models that serve, tried out. Raises `ModelError`."""
    from maskwatch.models.loading import load_version, pick_device
    from maskwatch.models.registry import Registry

    registry = Registry(settings.models.dir)
    return load_version(registry, registry.state().serving, pick_device(settings.device))


def models(settings: "Config", models: "Models") -> str:
    """What judges, and what computes it."""
    versions: dict[str, str] = {}
    engines: dict[str, None] = {}
    for camera in [settings.defaults, *settings.cameras.values()]:
        versions |= models.versions(camera.detect, camera.classify)
        engines[models.computes_with(camera.detect)] = None
    return f"{', '.join(versions.values())}; {', '.join(engines)}"


def disk(settings: "QueueSettings") -> str:
    """Whether the queue can be written, and how much room there is. Raises `QueueError`."""
    from maskwatch.platform.files import make_folder

    folder = settings.dir
    try:
        make_folder(folder)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
        free_mb = shutil.disk_usage(folder).free // 1_000_000
    except OSError as e:
        raise QueueError(f"{folder}: {e.strerror}") from e
    if free_mb < settings.min_free_mb:
        raise QueueError(
            f"{folder}: only {free_mb} MB free, no samples are stored (queue.min_free_mb: {settings.min_free_mb:g})"
        )
    return f"{folder}: writable, {free_mb / 1000:.0f} GB free"


def web(settings: "WebSettings") -> str:
    """Whether the port is free, or this program has it. Raises `ConfigError`."""
    from contextlib import closing

    from maskwatch.cli.status import address_of, asked
    from maskwatch.web.server import Listener

    if not settings.enabled:
        return "turned off"
    try:
        with closing(Listener(settings)) as listener:
            return f"{listener.url} is free"
    except ConfigError as taken:
        try:
            version = asked(address_of(settings), settings.token_text)["version"]
        except (MaskwatchError, KeyError):
            raise taken from None
        return f"{address_of(settings)}: maskwatch {version} runs there already"


def console(settings: "ConsoleSettings", file: Path) -> str:
    """Whether the port is free, or a console has it, and how many users there are. Raises `ConfigError`."""
    from maskwatch.console.server import PortTakenError, checked_tls, listening
    from maskwatch.console.users import Users

    if not settings.enabled:
        return "turned off"
    if settings.tls_cert and settings.tls_key:
        checked_tls(settings.tls_cert, settings.tls_key)
    count = len(Users(settings.dir).all())
    users = (
        pluralize(count, "user")
        if count
        else f"no user yet: maskwatch users add NAME --role admin --config {file}"
    )
    try:
        with listening(settings.host, settings.port, "console.host: {host}, console.port: {port}"):
            return f"{settings.url_at(settings.host)} is free; {users}"
    except PortTakenError:
        if not _is_console(settings):
            raise
        return f"runs already; {users}"


def _is_console(settings: "ConsoleSettings") -> bool:
    """Whether it is a console that has the port."""
    import ssl
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    from maskwatch.cli.status import reached_at
    from maskwatch.console.guard import SESSION_PATH

    host = reached_at(settings.host)
    if settings.tls_cert is None:
        connection = HTTPConnection(host, settings.port, timeout=TAKEN_S)
    else:  # whose certificate it is does not matter: nothing is told to it
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - see above
        connection = HTTPSConnection(host, settings.port, timeout=TAKEN_S, context=context)
    try:
        connection.request("GET", SESSION_PATH)
        return b"<h1>maskwatch</h1>" in connection.getresponse().read(20_000)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def events(settings: "EventSettings") -> str:
    """Whether they can be stored, and how many there are. Raises `EventError`."""
    from contextlib import closing

    from maskwatch.events.store import EventFilter, EventStore

    if not settings.enabled:
        return "turned off"
    with closing(EventStore.in_folder(settings.dir)) as store:
        store.try_to_write()
        return f"{store.path}: writable, {pluralize(store.count(EventFilter()), 'event')}"


def shared_events(settings: "EventSettings") -> str:
    """Whether the shared database answers. Raises `EventError`."""
    from maskwatch.events.forwarder import check

    assert settings.url is not None
    return check(settings.url, settings.site)


def console_store(settings: "ConsoleSettings") -> str:
    """Whether the database whose sites are shown can be read. Raises `ConfigError`, `EventError`."""
    import time
    from contextlib import closing

    from maskwatch.events.postgres import place_of
    from maskwatch.events.sites import sites_of
    from maskwatch.events.store import EventStore

    assert settings.store is not None
    with closing(EventStore.read_only(settings.store, "console.store")) as store:
        found = pluralize(len(sites_of(store, time.time())), "site")
        return f"{place_of(store.engine.url)}: readable, {found}"


def fleet(settings: "Config") -> str:
    """Whether it can be reached, and what it offers. Raises `ConfigError` and `FleetError`."""
    from maskwatch.app.fleet import check_fleet

    return check_fleet(settings)
