"""`maskwatch replay`: every frame of recorded footage, in order."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, progress
from maskwatch.core.errors import ConfigError
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.app.compose import ReplayPlan
    from maskwatch.app.replay import Outputs
    from maskwatch.models.loading import Models


def replay(
    source: Annotated[str, typer.Argument(help="A video file, a picture, a folder of pictures or a glob.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The annotated video, .mp4.")] = None,
    report: Annotated[Path | None, typer.Option(help="The report, one JSON line a frame.")] = None,
    plot: Annotated[Path | None, typer.Option(help="The protected ratio over time, .png.")] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")] = None,
    camera: Annotated[str | None, typer.Option(help="Whose settings in the configuration to use.")] = None,
    queue: Annotated[
        Path | None, typer.Option(help="Store frames that the models are unsure of here.")
    ] = None,
    every_frame: Annotated[
        bool, typer.Option("--every-frame", help="Look at the whole of each frame, also where nothing moved.")
    ] = False,
) -> None:
    """Go through footage frame by frame, in order, and draw, report or plot what was seen."""
    from maskwatch.app.compose import ReplayPlan, configured_models
    from maskwatch.app.replay import Outputs
    from maskwatch.core.address import Address

    if camera and not config:
        raise ConfigError("--camera: needs a configuration, -c config.yaml")
    settings = settings_for("replay", config)
    if camera and camera not in settings.cameras:
        raise ConfigError(f"--camera: {config} has no camera {camera!r}")
    chosen = settings.cameras[camera] if camera else settings.defaults
    if every_frame:
        looking = chosen.motion.model_copy(update={"gate": False})
        chosen = chosen.model_copy(update={"motion": looking})
    store = settings.queue.model_copy(update={"dir": queue}) if queue else None
    plan = ReplayPlan(camera or "replay", Address(source), chosen, store)
    replay_and_tell(plan, configured_models(settings), Outputs(output, report, plot))


def replay_and_tell(plan: "ReplayPlan", models: "Models", outputs: "Outputs") -> None:
    """Replay with a progress bar; the summary on standard output."""
    from maskwatch.app.replay import replay as run
    from maskwatch.sources.registry import open_source

    expected = open_source(plan.name, plan.address).expected()
    with progress(str(plan.address), expected) as advance:
        summary = run(plan, models, outputs, advance)
    frames = len(summary.reports)
    assessed = [report for report in summary.reports if report.people]
    under = sum((report.protected_ratio or 0) < plan.defaults.alert.protected_ratio for report in assessed)
    most = max(report.people for report in summary.reports)
    out.print(
        f"{pluralize(frames, 'frame')}, {len(assessed)} with somebody to assess, at most {most} people at once"
    )
    out.print(
        f"{pluralize(under, 'frame')} under the protected ratio of {plan.defaults.alert.protected_ratio:.0%}"
    )
    plain = "protected_ratio"  # the rule that nobody has to name
    for alert in summary.alerts:
        rule = "" if alert.rule == plain else f" ({alert.rule})"
        out.print(f"alert at {alert.at:.2f} s{rule}: {alert.unprotected} of {alert.people} without a mask")
    if not summary.alerts:
        out.print("no alert")
    if plan.queue:
        out.print(f"{pluralize(summary.queued, 'sample')} queued in {plan.queue.dir}")
    for path in (outputs.video, outputs.report, outputs.plot):
        if path:
            out.print(f"wrote {path}", soft_wrap=True)
    if summary.broken:
        raise summary.broken
