"""`maskwatch models shadow`: a version that judges beside the one that serves, and who was right where they differ."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out
from maskwatch.core.errors import ConfigError
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.config.load import Config
    from maskwatch.core.records import ShadowCounts
    from maskwatch.models.registry import Registry
    from maskwatch.models.registry_state import Shadow
    from maskwatch.models.shadow_verdict import ShadowVerdict


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
        bool, typer.Option("--report", help="What differed, and who was right in what people labelled.")
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

    if sum((version is not None, off, report)) != 1:
        raise ConfigError("models shadow: give one of VERSION, --off and --report")
    if camera and version is None:
        raise ConfigError("--camera: goes with a VERSION")
    settings = settings_for("models shadow", config)
    registry = Registry(folder or settings.models.dir)
    if version is not None:
        _require_cameras(camera, settings)
        begun = registry.begin_shadow(version, camera or None).shadow
        assert begun is not None
        out.print(f"{begun.version} is in the shadow of {cameras_of(begun)}", highlight=False, markup=False)
    elif off:
        before = registry.state().shadow
        registry.end_shadow()
        out.print(
            "no version was in the shadow" if before is None else f"{before.version} is in the shadow no more"
        )
    else:
        _print_report(registry, settings)


def cameras_of(shadow: "Shadow") -> str:
    """The cameras of a shadow run, for people."""
    return "all cameras" if shadow.cameras is None else ", ".join(shadow.cameras)


def _require_cameras(names: list[str] | None, settings: "Config") -> None:
    """Where the configuration has cameras, those are among them."""
    unknown = [name for name in names or () if settings.cameras and name not in settings.cameras]
    if unknown:
        raise ConfigError(f"--camera: there is no camera {unknown[0]!r}, but {', '.join(settings.cameras)}")


def _print_report(registry: "Registry", settings: "Config") -> None:
    from maskwatch.models.shadow_counts import read_counts
    from maskwatch.models.shadow_verdict import verdict
    from maskwatch.samples.store import Queue

    state = registry.state()
    if state.shadow is None:
        raise ConfigError(f"{registry.folder}: no version is in the shadow (maskwatch models shadow VERSION)")
    name, since = state.shadow.version, state.shadow.since
    out.print(
        f"{name}, in the shadow of {state.serving} since {since:%Y-%m-%d %H:%M} UTC, {cameras_of(state.shadow)}",
        highlight=False,
        markup=False,
    )
    out.print(counts_table(read_counts(registry.folder, name, state.serving)))
    folders = settings.learn.archive / "samples", settings.queue.dir
    samples = (sample for each in folders for sample in Queue(each).samples())
    out.print(verdict_line(verdict(samples, name, state.serving)), highlight=False, soft_wrap=True)


def counts_table(counts: "dict[str, ShadowCounts]") -> Table:
    """What differed, by camera."""
    heads = (
        "frames",
        "differ",
        "only serving",
        "only candidate",
        "relabelled",
        "decisions",
        "serving",
        "candidate",
    )
    table = Table(Column("camera", overflow="fold"), *(Column(head, justify="right") for head in heads))
    for camera, each in counts.items():
        times = (each.mean_serving_s, each.mean_candidate_s)
        numbers = (each.frames, each.differing, each.serving_only, each.candidate_only, each.relabelled)
        table.add_row(
            escape(camera),
            *map(str, (*numbers, each.decisions)),
            *("-" if mean_s is None else f"{1000 * mean_s:.0f} ms" for mean_s in times),
        )
    return table


def verdict_line(found: "ShadowVerdict") -> str:
    """`of 23 labelled differences in 15 samples the candidate was right in 17 (74 %, 95 % interval 53 % to 88 %)`."""
    line = (
        f"of {pluralize(found.differences, 'labelled difference')} in {pluralize(found.samples, 'sample')} "
        f"the candidate was right in {found.right}"
    )
    if found.share.value is None:
        return line
    low, high = found.share.low, found.share.high
    interval = "" if low is None else f", 95 % interval {low:.0%} to {high:.0%}"
    return f"{line} ({found.share.value:.0%}{interval})"
