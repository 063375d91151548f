"""`maskwatch models shadow --report`: what differed by camera, and who was right, for a terminal of 80 columns."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.terminal import out
from maskwatch.core.errors import ConfigError
from maskwatch.core.interval import wilson
from maskwatch.core.records import ShadowCounts
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.config.load import Config
    from maskwatch.models.registry import Registry
    from maskwatch.models.registry_state import Shadow
    from maskwatch.models.shadow_verdict import ShadowVerdict

ABREAST = 4  # cameras in a table
NO_FRAME = "no frame was looked at yet: a running service looks at some of its own while none wait, and notes it once a minute"


def _milliseconds(mean_s: float | None) -> str:
    return "-" if mean_s is None else f"{1000 * mean_s:.0f} ms"


FIGURES: Mapping[str, Callable[[ShadowCounts], str]] = {
    "frames looked at": lambda each: str(each.frames),
    "frames that differ": lambda each: str(each.differing),
    "over or under the ratio": lambda each: str(each.decisions),
    "faces: only serving": lambda each: str(each.serving_only),
    "faces: only candidate": lambda each: str(each.candidate_only),
    "faces: another label": lambda each: str(each.relabelled),
    "a frame takes serving": lambda each: _milliseconds(each.mean_serving_s),
    "a frame takes candidate": lambda each: _milliseconds(each.mean_candidate_s),
}


def print_report(registry: "Registry", settings: "Config", version: str | None) -> None:
    """Of a version, beside each that served then; None is the one in the shadow. Raises `ConfigError`, `ModelError`."""
    from maskwatch.models.shadow_counts import read_all_counts
    from maskwatch.models.shadow_verdict import verdict
    from maskwatch.samples.store import Queue

    state = registry.state()
    running = state.shadow if state.shadow and version in {None, state.shadow.version} else None
    name = version or (running.version if running else None)
    if name is None:
        told = "no version is in the shadow (maskwatch models shadow VERSION; of one that was, add --report)"
        raise ConfigError(f"{registry.folder}: {told}")
    registry.version(name)
    counts = read_all_counts(registry.folder, name)
    beside = [state.serving] if running else []
    beside += [] if version is None else [each for each in counts if each not in beside]
    if not beside:
        raise ConfigError(f"{registry.folder}: {name} has not been in the shadow, or no frame was looked at")
    samples = [
        each
        for at in (settings.learn.archive / "samples", settings.queue.dir)
        for each in Queue(at).samples()
    ]
    for serving in beside:
        _say(heading(name, serving, running if serving == state.serving else None))
        _print_counts(counts.get(serving, {}))
        _say(verdict_lines(verdict(samples, name, serving)))


def heading(name: str, serving: str, running: "Shadow | None") -> str:
    """`running` is None of a run that has ended."""
    if running is None:
        return f"{name}, was in the shadow of {serving}"
    return (
        f"{name}, in the shadow of {serving} since {running.since:%Y-%m-%d %H:%M} UTC, {running.camera_list}"
    )


def _print_counts(counts: Mapping[str, ShadowCounts]) -> None:
    everything = reduce(add, counts.values(), ShadowCounts())
    if not everything.frames:
        _say(NO_FRAME)
        return
    cameras = list(counts.items())
    for start in range(0, len(cameras), ABREAST):
        out.print(_table(dict(cameras[start : start + ABREAST])))
    _say(frames_line(everything))


def _table(counts: Mapping[str, ShadowCounts]) -> Table:
    heads = [Column(escape(camera), justify="right", overflow="fold") for camera in counts]
    table = Table(Column("", no_wrap=True), *heads)
    for figure, told in FIGURES.items():
        table.add_row(figure, *(told(each) for each in counts.values()))
    return table


def frames_line(counts: ShadowCounts) -> str:
    """How many differ, with the interval of independent frames."""
    low, high = wilson(counts.differing, counts.frames) or (0.0, 1.0)
    share = counts.differing / counts.frames
    return (
        f"of {pluralize(counts.frames, 'frame')} {counts.differing} differ "
        f"({share:.1%}, 95 % interval {low:.1%} to {high:.1%} if frames were independent)"
    )


def verdict_lines(found: "ShadowVerdict") -> str:
    """`of 23 labelled differences in 15 samples the candidate was right in 17 (74%, …)`, and below what that tells."""
    if not found.differences:
        return (
            f"no difference is labelled yet, in {pluralize(found.samples, 'labelled sample')}\n{_told(found)}"
        )
    line = (
        f"of {pluralize(found.differences, 'labelled difference')} in {pluralize(found.samples, 'sample')} "
        f"the candidate was right in {found.right}"
    )
    low, high = found.share.low, found.share.high
    if found.share.value is not None:
        interval = "" if low is None else f", 95 % interval {low:.0%} to {high:.0%}"
        line += f" ({found.share.value:.0%}{interval})"
    return f"{line}\n{_told(found)}"


def _told(found: "ShadowVerdict") -> str:
    from maskwatch.models.shadow_verdict import FEWEST

    if found.better is not None:
        return f"the {found.better} version is right more often"
    needed = found.needed
    if needed is None:
        return "which of the two is right more often cannot be told: each was right as often as the other"
    return (
        "which of the two is right more often cannot be told yet: it takes "
        f"{'at least' if needed == FEWEST else 'about'} {pluralize(needed, 'labelled difference')} of different images to keep 50 % out of the interval"
    )


def _say(text: str) -> None:
    out.print(text, highlight=False, markup=False)
