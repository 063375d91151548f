"""`maskwatch models shadow`: a version that judges beside the one that serves, and who was right where they differ."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.models_shadow_report import print_report
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out
from maskwatch.core.errors import ConfigError

if TYPE_CHECKING:
    from maskwatch.config.load import Config


def shadow(
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="As `models list` gives it, or `shipped`.")
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option("--camera", metavar="NAME", help="Of this camera alone; may be given several times."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Let no version be compared any more.")] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="What differed, and who was right in what people labelled; of VERSION, else of the one in the shadow.",
        ),
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="The registry's folder; else the configuration's.")
    ] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")] = None,
) -> None:
    """Let a version judge the same frames beside the one that serves, without being heard; a running service begins within two seconds.

    Frames that the two judge differently go to the queue, with the reason `shadow`.
    """
    from maskwatch.models.registry import Registry

    if off + (report or version is not None) != 1:
        raise ConfigError("models shadow: give one of VERSION, --off and --report")
    if camera and (version is None or report):
        raise ConfigError("--camera: goes with a VERSION that is to begin")
    settings = settings_for("models shadow", config)
    registry = Registry(folder or settings.models.dir)
    if report:
        print_report(registry, settings, version)
    elif version is not None:
        _require_cameras(camera, settings)
        begun = registry.begin_shadow(version, camera or None).shadow
        assert begun is not None
        out.print(f"{begun.version} is in the shadow of {begun.camera_list}", highlight=False, markup=False)
    else:
        before = registry.state().shadow
        registry.end_shadow()
        out.print(
            "no version was in the shadow" if before is None else f"{before.version} is in the shadow no more"
        )


def _require_cameras(names: list[str] | None, settings: "Config") -> None:
    """Where the configuration has cameras, those are among them."""
    unknown = [name for name in names or () if settings.cameras and name not in settings.cameras]
    if unknown:
        raise ConfigError(f"--camera: there is no camera {unknown[0]!r}, but {', '.join(settings.cameras)}")
