"""`maskwatch check`: is everything there, before going live?

machine.py   files, models, disk, ports, events
sinks.py     each alert sink, tried
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from maskwatch.cli.check import machine
from maskwatch.cli.check.sinks import sink_check
from maskwatch.cli.terminal import errors, out, say
from maskwatch.core.errors import ConfigError, MaskwatchError
from maskwatch.core.face_size import VIEW_DEG
from maskwatch.core.privacy import Privacy
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.config.load import Config
    from maskwatch.config.sections import CameraConfig
    from maskwatch.models.loading import Models

FOLDER = "check"  # beside the queue: the cameras' pictures, where no other place is named

Look = Callable[[], str]


def check(
    config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")],
    speak: Annotated[
        bool,
        typer.Option("--speak", help="Say each sentence aloud, and send a trial through each other sink."),
    ] = False,
    config_only: Annotated[
        bool, typer.Option("--config-only", help="Read the configuration alone, also without the passwords.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="A folder for a picture of each camera; else `check` beside the queue."
        ),
    ] = None,
    faces: Annotated[
        bool,
        typer.Option("--faces", help="Also try smallest faces of 12 to 32 px: what each costs and finds."),
    ] = False,
    view: Annotated[
        float,
        typer.Option(
            min=5, max=170, help="How wide the cameras' view is, in degrees, for the ruler of faces."
        ),
    ] = VIEW_DEG,
) -> None:
    """Try the configuration, every camera, the models, the alert sinks, the disk, the events, the web port and the console; say what is wrong."""
    from maskwatch.config import load as configuration

    if config_only:
        say(f"{config}: well, {pluralize(configuration.check(config), 'camera')}")
        return
    if output is not None and output.exists() and not output.is_dir():
        raise ConfigError(f"-o: {output} is no folder")
    settings = configuration.load(config)
    visit = Visit(settings, output, compare=faces, view_deg=view)
    table = Table("what", "", "found")
    failed: list[str] = []
    for what, look in rows(config, settings, visit, speak=speak):
        with errors.status(what):
            try:
                ok, found = True, look()
            except MaskwatchError as e:
                ok, found = False, str(e)
        failed += [] if ok else [what]
        table.add_row(escape(what), "[green]ok[/]" if ok else "[bold red]failed[/]", escape(found))
    out.print(table)
    if visit.pictures:
        say(f"{visit.folder}: {', '.join(path.name for path in visit.pictures)}")
    if failed:
        told = f"{len(failed)} of {table.row_count} checks failed: {', '.join(failed)}"
        raise MaskwatchError(f"{config}: {told}")


class Visit:
    """What of the cameras is looked at, and the `pictures` that were left in `folder`."""

    def __init__(
        self,
        settings: "Config",
        folder: Path | None = None,
        *,
        compare: bool = False,
        view_deg: float = VIEW_DEG,
    ) -> None:
        self.folder = folder or settings.queue.dir.parent / FOLDER
        self.pictures: list[Path] = []
        self._is_required = folder is not None
        self._compare = compare
        self._view_deg = view_deg

    def look_at(self, name: str, camera: "CameraConfig", models: "Callable[[], Models]") -> str:
        """What there is to say of a camera; its picture is left. Raises `SourceError`."""
        from maskwatch.app.check.camera import CheckOptions, Findings, look_at

        wanted = CheckOptions(self.folder, self._compare, self._view_deg, picture_required=self._is_required)
        found: Findings = look_at(name, camera, models, wanted)
        self.pictures += [found.picture] if found.picture else []
        return "\n".join(found.lines)


def rows(file: Path, settings: "Config", visit: Visit, *, speak: bool) -> list[tuple[str, Look]]:
    """Each check by its name, in the order in which they are made; one that fails raises `MaskwatchError`."""
    models = cache(lambda: machine.load(settings))
    checks: list[tuple[str, Look]] = [
        ("configuration", lambda: machine.cameras(settings)),
        ("files", lambda: machine.files(file)),
        ("models", lambda: machine.models(settings, models())),
        ("queue", lambda: machine.disk(settings.queue)),
        ("web", lambda: machine.web(settings.web)),
        ("console", lambda: machine.console(settings.console, file)),
        ("events", lambda: machine.events(settings.events)),
    ]
    if settings.events.enabled and settings.events.url is not None:
        checks.append(("shared events", lambda: machine.shared_events(settings.events)))
    if settings.console.enabled and settings.console.store is not None:
        checks.append(("console store", lambda: machine.console_store(settings.console)))
    if settings.fleet.address is not None:
        checks.append(("fleet", lambda: machine.fleet(settings)))
    for name, camera in settings.cameras.items():
        if camera.privacy is not Privacy.FULL:
            checks.append((f"privacy {name}", partial(machine.privacy, camera.privacy)))
        checks.append((f"camera {name}", partial(visit.look_at, name, camera, models)))
        tried = [
            (f"{sink.kind} {name}", sink_check(name, camera, sink, aloud=speak))
            for sink in camera.at_camera(camera.alert.all_sink_settings())
        ]
        checks += [(what, look) for what, look in tried if look is not None]
    return checks
