"""`maskwatch replay`: every frame of recorded footage, in order."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.footage_options import CameraOption, EveryFrameOption, FpsOption, QueueOption
from maskwatch.cli.replay_compare import Chosen, compare_and_tell
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, progress, say
from maskwatch.core.errors import ConfigError
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.app.footage import ReplayPlan
    from maskwatch.app.replay import Outputs
    from maskwatch.core.records import Label
    from maskwatch.models.loading import Models
    from maskwatch.output.summary import Summary


def replay(
    source: Annotated[
        str,
        typer.Argument(
            help="A video file, a picture, a folder of clips or pictures, a glob, or - for standard input."
        ),
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The annotated video, .mp4.")] = None,
    report: Annotated[Path | None, typer.Option(help="The report, one JSON line a frame.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="The protected ratio and everybody's verdict over time, .png.")
    ] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")] = None,
    camera: CameraOption = None,
    queue: QueueOption = None,
    every_frame: EveryFrameOption = False,
    fps: FpsOption = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Replay twice and tell what differs. A and B are each a configuration (.yaml), weights "
            "(.safetensors, or stock), or a version of the registry.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="With --compare: the report with pictures, as one file.")
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option(
            "--json", help="With --compare: the differences as JSON; - prints them instead of tables."
        ),
    ] = None,
) -> None:
    """Go through footage frame by frame, in order, and draw, report or plot what was seen."""
    from maskwatch.app.cameras import configured_models
    from maskwatch.app.replay import Outputs

    how = Chosen(source, camera, every_frame, fps)
    if compare:
        alone = {"--output": output, "--report": report, "--plot": plot, "--queue": queue}
        for option, value in alone.items():
            if value:
                raise ConfigError(f"{option}: is of one replay; --compare writes --html and --json")
        compare_and_tell(compare, how, config, html, as_json)
        return
    if html or as_json:
        raise ConfigError(f"{'--html' if html else '--json'}: needs --compare A B")
    if camera and not config:
        raise ConfigError("--camera: needs a configuration, -c config.yaml")
    settings = settings_for("replay", config)
    store = settings.queue.model_copy(update={"dir": queue}) if queue else None
    plan = how.plan(settings.cameras, settings.defaults, str(config), store)
    replay_and_tell(plan, configured_models(settings), Outputs(output, report, plot))


def replay_and_tell(plan: "ReplayPlan", models: "Models", outputs: "Outputs") -> None:
    """Replay with a progress bar; the summary on standard output."""
    from maskwatch.app.replay import replay as run
    from maskwatch.sources.registry import open_source

    # of fewer frames nobody knows how many there will be
    expected = open_source(plan.name, plan.address).expected() if plan.fps is None else None
    with progress(PurePath(str(plan.address)).name, expected) as advance:
        summary = run(plan, models, outputs, advance)
    for line in summary_lines(summary, plan.defaults.alert.protected_ratio):
        say(line)
    if plan.queue:
        out.print(f"{pluralize(summary.queued, 'sample')} queued in {plan.queue.dir}")
    for path in (outputs.video, outputs.report, outputs.plot):
        if path:
            out.print(f"wrote {path}", soft_wrap=True)
    if summary.broken:
        raise summary.broken


def summary_lines(summary: "Summary", bound: float) -> Iterator[str]:
    """What a replay saw, in a few sentences; `bound` is the protected ratio (0..1) under which there are alerts."""
    from maskwatch.core.records import Direction
    from maskwatch.core.rules.protected_ratio import NAME as USUAL_RULE

    seen = summary.timeline
    frames, most = pluralize(seen.frames, "frame"), pluralize(seen.most, "person")
    yield f"{frames}, {seen.assessed} with somebody to assess, at most {most} at once"
    ends = seen.verdicts()
    if ends:
        yield f"{pluralize(ends.total(), 'person')} followed: {_verdicts(ends)} at the end"
    yield f"{pluralize(seen.under, 'frame')} under the protected ratio of {bound:.0%}"
    for direction in Direction:
        passed = Counter({label: count for (way, label), count in summary.passed.items() if way is direction})
        if passed:
            how = "out of view" if direction is Direction.GONE else direction.value
            yield f"{pluralize(passed.total(), 'person')} {how}: {_verdicts(passed)}"
    for alert in summary.alerts:
        lasts = alert.ended_at is None or alert.ended_at >= seen.last_at
        end = "until the end" if lasts else f"over at {alert.ended_at:.2f} s"
        rule = "" if alert.rule == USUAL_RULE else f" ({alert.rule})"
        who = f"{alert.unprotected} of {alert.people} without a mask"
        yield f"alert at {alert.at:.2f} s{rule}: {who}, {end}"
    if not summary.alerts:
        yield "no alert"


def _verdicts(counts: "Counter[Label]") -> str:
    from maskwatch.core.records import Label

    told = (counts[Label.PROTECTED], counts[Label.UNPROTECTED], counts[Label.UNKNOWN])
    return "{} with a mask, {} without, {} unknown".format(*told)
