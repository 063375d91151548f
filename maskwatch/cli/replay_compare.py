"""`maskwatch replay --compare`: two configurations or models on the same footage."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maskwatch.cli.measuring import deliver
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import progress
from maskwatch.core.errors import ConfigError

if TYPE_CHECKING:
    from maskwatch.app.compare import Side
    from maskwatch.app.footage import ReplayPlan
    from maskwatch.config.sections import CameraConfig, Defaults
    from maskwatch.samples.settings import QueueSettings


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be replayed, with the settings of which camera, whether the whole of each frame is looked at, and how many a second.

    `fps` None: every frame.
    """

    source: str
    camera: str | None
    every_frame: bool
    fps: float | None = None

    def plan(
        self,
        cameras: "Mapping[str, CameraConfig]",
        defaults: "Defaults",
        file: str,
        queue: "QueueSettings | None" = None,
    ) -> "ReplayPlan":
        """With the camera's settings, or the defaults. Raises `ConfigError`, naming the file, that has no such camera."""
        from maskwatch.app.footage import ReplayPlan
        from maskwatch.core.address import Address

        if self.camera and self.camera not in cameras:
            raise ConfigError(f"--camera: {file} has no camera {self.camera!r}")
        chosen = cameras[self.camera] if self.camera else defaults
        if self.every_frame:
            looking = chosen.motion.model_copy(update={"gate": False})
            chosen = chosen.model_copy(update={"motion": looking})
        return ReplayPlan(self.camera or "replay", Address(self.source), chosen, queue, self.fps)


def compare_and_tell(
    names: tuple[str, str], how: Chosen, config: Path | None, html: Path | None, as_json: Path | None
) -> None:
    """Replay both with progress bars; what differs on standard output, and where it is wanted."""
    from maskwatch.app.compare import compare

    a, b = (_side(name, how, config) for name in names)
    report, broken = compare(a, b, progress)
    deliver(report, html, as_json)
    if broken:
        raise broken


def _side(name: str, how: Chosen, config: Path | None) -> "Side":
    """A configuration with its own models; else the model `name` with what -c, or nothing, says."""
    from dataclasses import replace

    from maskwatch.app.cameras import configured_models
    from maskwatch.app.compare import Side, with_model

    if Path(name).suffix.lower() in {".yaml", ".yml"}:
        settings = settings_for("replay", Path(name))
        return Side(name, how.plan(settings.cameras, settings.defaults, name), configured_models(settings))
    if how.camera and not config:
        raise ConfigError("--camera: needs a configuration, -c config.yaml, for the models that are compared")
    settings = settings_for("replay", config)
    plan = how.plan(settings.cameras, settings.defaults, str(config))
    defaults, models = with_model(name, plan.defaults, settings)
    return Side(name, replace(plan, defaults=defaults), models)
