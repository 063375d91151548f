"""`maskwatch check`: is everything there, before going live?"""

import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from maskwatch.cli.terminal import errors, out
from maskwatch.core.errors import ConfigError, MaskwatchError, QueueError, SourceError
from maskwatch.core.privacy import Privacy
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.config.load import Config
    from maskwatch.config.sections import CameraConfig
    from maskwatch.console.settings import ConsoleSettings
    from maskwatch.core.records import Rgb
    from maskwatch.events.settings import EventSettings
    from maskwatch.models.loading import Models
    from maskwatch.plugins import KindSettings
    from maskwatch.samples.settings import QueueSettings
    from maskwatch.web.settings import WebSettings

TRIES = 3  # frames that are timed
TAKEN_S = 5.0  # in which who has the console's port answers

IN_ITS_PLACE = "write {MASKWATCH_NAME} there and put it into the environment, or chmod 600 the file"


def check(
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")],
    speak: Annotated[
        bool,
        typer.Option("--speak", help="Say each sentence aloud, and send a trial through each other sink."),
    ] = False,
    config_only: Annotated[
        bool, typer.Option("--config-only", help="Read the configuration alone, also without the passwords.")
    ] = False,
) -> None:
    """Try the configuration, every camera, the models, the alert sinks, the disk, the events, the web port and the console; say what is wrong."""
    from maskwatch.config import load as configuration

    if config_only:
        configuration.check(config)
        return
    settings = configuration.load(config)
    table = Table("what", "", "found")
    failed: list[str] = []
    for what, look in _checks(config, settings, speak=speak):
        with errors.status(what):
            try:
                ok, found = True, look()
            except MaskwatchError as e:
                ok, found = False, str(e)
        failed += [] if ok else [what]
        table.add_row(escape(what), "[green]ok[/]" if ok else "[bold red]failed[/]", escape(found))
    out.print(table)
    if failed:
        told = f"{len(failed)} of {table.row_count} checks failed: {', '.join(failed)}"
        raise MaskwatchError(f"{config}: {told}")


def _checks(file: Path, settings: "Config", *, speak: bool) -> list[tuple[str, Callable[[], str]]]:
    models = cache(lambda: _load(settings))
    checks: list[tuple[str, Callable[[], str]]] = [
        ("configuration", lambda: _cameras(settings)),
        ("files", lambda: _files(file)),
        ("models", lambda: _models(settings, models())),
        ("queue", lambda: _disk(settings.queue)),
        ("web", lambda: _web(settings.web)),
        ("console", lambda: _console(settings.console, file)),
        ("events", lambda: _events(settings.events)),
    ]
    if settings.events.enabled and settings.events.url is not None:
        checks.append(("shared events", lambda: _shared_events(settings.events)))
    for name, camera in settings.cameras.items():
        if camera.privacy is not Privacy.FULL:
            checks.append((f"privacy {name}", partial(_privacy, camera.privacy)))
        checks.append((f"camera {name}", partial(_camera, name, camera, models)))
        tried = [
            (f"{sink.kind} {name}", _sink(name, camera, sink, aloud=speak))
            for sink in camera.at_camera(camera.alert.all_sink_settings())
        ]
        checks += [(what, look) for what, look in tried if look is not None]
    return checks


def _cameras(settings: "Config") -> str:
    if not settings.cameras:
        raise ConfigError("cameras: there is none to watch")
    return pluralize(len(settings.cameras), "camera")


def _privacy(level: Privacy) -> str:
    from maskwatch.app.compose import NOTHING_QUEUED

    if level is Privacy.BLUR:
        return "blur: faces are coarse in all pictures but the queue's"
    return NOTHING_QUEUED.removeprefix("privacy: ")


def _web(settings: "WebSettings") -> str:
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


def _console(settings: "ConsoleSettings", file: Path) -> str:
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


def _files(config: Path) -> str:
    from maskwatch.config.load import missing_footage, written_secrets

    if missing := missing_footage(config):
        raise SourceError("\n".join(missing))
    found = "all that the configuration names"
    if (written := written_secrets(config)) and config.stat().st_mode & 0o044:
        places = "; ".join(written)
        found += f". Every user of this machine can read the password in {config} ({places}): {IN_ITS_PLACE}"
    return found


def _load(settings: "Config") -> "Models":
    from maskwatch.models.loading import load_version, pick_device
    from maskwatch.models.registry import Registry

    registry = Registry(settings.models.dir)
    return load_version(registry, registry.state().serving, pick_device(settings.device))


def _models(settings: "Config", models: "Models") -> str:
    versions: dict[str, str] = {}
    engines: dict[str, None] = {}
    for camera in [settings.defaults, *settings.cameras.values()]:
        versions |= models.versions(camera.detect, camera.classify)
        engines[models.computes_with(camera.detect)] = None
    return f"{', '.join(versions.values())}; {', '.join(engines)}"


def _camera(name: str, camera: "CameraConfig", models: "Callable[[], Models]") -> str:
    from contextlib import closing

    from maskwatch.app.compose import camera_source, why_not_decoded
    from maskwatch.core.geometry import area
    from maskwatch.core.ports import SupportsIdle

    source = camera_source(name, camera)
    if isinstance(source, SupportsIdle):
        return source.check()
    with closing(source.frames()) as frames:
        frame = next(iter(frames), None)
    if frame is None:
        raise SourceError(f"{source.name}: gives no frame")
    if why := why_not_decoded(camera):
        size = f"{frame.size[0]} x {frame.size[1]}"
        raise SourceError(f"{source.name}: {size}; {why}")
    ignored = sum(area(polygon) for polygon in camera.ignore)
    told = f"; {ignored:.0%} of the picture ignored" if camera.ignore else ""
    told += _decoded_by(camera)
    return f"{source.name}: {frame.size[0]} x {frame.size[1]}{told}{_speed(frame.rgb, camera, models)}"


def _decoded_by(camera: "CameraConfig") -> str:
    """What `decode: auto` comes to on this machine; nothing for other values, which say it themselves."""
    from maskwatch.sources.hardware import choose
    from maskwatch.sources.settings import Decode

    if camera.decode is not Decode.AUTO:
        return ""
    device, why = choose(camera.decode)
    return f"; decoded by {device.value}" if why is None else f"; decoded in software: {why}"


def _speed(rgb: "Rgb", camera: "CameraConfig", models: "Callable[[], Models]") -> str:
    """From what size on faces are looked for in such a frame, and how long that takes; nothing where models fail.

    That is told in a row of its own.
    """
    import time
    from statistics import median

    try:
        detector = models().detector(camera.detect)
    except MaskwatchError:
        return ""
    detector.detect([rgb])  # makes ready what such a frame needs
    times = []
    for _ in range(TRIES):
        started = time.perf_counter()
        detector.detect([rgb])
        times.append(1000 * (time.perf_counter() - started))
    smallest = getattr(camera.detect, "min_face_px", None)  # other kinds may know none
    height = rgb.shape[0]
    sizes = (
        f"; faces from {smallest:g} px, {smallest / height:.1%} of the picture's height" if smallest else ""
    )
    return f"{sizes}; finding them takes about {median(times):.0f} ms a frame"


def _sink(
    name: str, camera: "CameraConfig", settings: "KindSettings", *, aloud: bool
) -> Callable[[], str] | None:
    """How to try a sink; None for one that cannot be tried."""
    from maskwatch.app.compose import make_sink
    from maskwatch.core.ports import SupportsCheck

    try:
        sink = make_sink(settings, Path())
    except MaskwatchError:
        return lambda: make_sink(settings, Path()).name  # says in its row what is wrong
    return (
        partial(_try_sink, name, camera, settings, aloud=aloud) if isinstance(sink, SupportsCheck) else None
    )


def _try_sink(name: str, camera: "CameraConfig", settings: "KindSettings", *, aloud: bool) -> str:
    """Everything anew: a sentence that was rendered long ago says nothing of today's speech engine."""
    from tempfile import TemporaryDirectory

    from maskwatch.app.compose import alert_sentences, make_sink
    from maskwatch.core.ports import SupportsCheck

    with TemporaryDirectory() as folder:
        sink = make_sink(settings, Path(folder))
        assert isinstance(sink, SupportsCheck)
        return sink.check(alert_sentences(name, camera), aloud=aloud)


def _events(settings: "EventSettings") -> str:
    from contextlib import closing

    from maskwatch.events.store import EventFilter, EventStore

    if not settings.enabled:
        return "turned off"
    with closing(EventStore.in_folder(settings.dir)) as store:
        store.try_to_write()
        return f"{store.path}: writable, {pluralize(store.count(EventFilter()), 'event')}"


def _shared_events(settings: "EventSettings") -> str:
    from maskwatch.events.forwarder import check

    assert settings.url is not None
    return check(settings.url, settings.site)


def _disk(settings: "QueueSettings") -> str:
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
