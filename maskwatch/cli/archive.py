"""`maskwatch archive`: many clips at once, on the cores of this machine or on many machines."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.footage_options import CameraOption, EveryFrameOption, FpsOption, QueueOption
from maskwatch.cli.replay_compare import Chosen
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, progress, say, tell_problems
from maskwatch.cli.worker_options import RayOption, WorkersOption, chosen_workers
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.core.text import pluralize

if TYPE_CHECKING:
    from maskwatch.app.archive.run import ClipResult

MB = 1_000_000


def archive(
    footage: Annotated[list[str], typer.Argument(help="Clips, folders of clips, globs.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The folder to write to; what is done there is not done again."),
    ],
    workers: WorkersOption = None,
    ray: RayOption = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")] = None,
    camera: CameraOption = None,
    queue: QueueOption = None,
    every_frame: EveryFrameOption = False,
    fps: FpsOption = None,
) -> None:
    """Analyse clips in parallel: a report each, and all their alerts and passages as events."""
    from dataclasses import replace

    from maskwatch.app.archive.analysis import AnalysisSetup
    from maskwatch.app.archive.chunks import find_clips
    from maskwatch.app.archive.outputs import has_parquet
    from maskwatch.app.archive.run import ArchivePlan, ArchiveRun, total_bytes
    from maskwatch.app.cameras import configured_models
    from maskwatch.core.privacy import Privacy
    from maskwatch.parallel.settings import WorkerSettings

    if output.exists() and not output.is_dir():
        raise ConfigError(f"-o: {output} is no folder")
    if camera and not config:
        raise ConfigError("--camera: needs a configuration, -c config.yaml")
    settings = settings_for("archive", config)
    store = settings.queue.model_copy(update={"dir": queue}) if queue else None
    plan = Chosen("", camera, every_frame, fps).plan(settings.cameras, settings.defaults, str(config), store)
    plan = plan if camera else replace(plan, name="archive")
    if plan.queue and plan.defaults.privacy is Privacy.AGGREGATE:
        raise ConfigError(f"privacy: aggregate: no picture is stored, so there is no {plan.queue.dir}")
    clips = find_clips(footage)
    models = configured_models(settings)
    work = AnalysisSetup(plan, settings.models.dir, settings.device)
    started = (chosen_workers(workers, ray) or WorkerSettings()).workers(work)
    with progress("MB of footage", total_bytes(clips) // MB) as advance, started as ready:
        task = ArchivePlan(output, plan, models, settings.events.site)
        results = list(ArchiveRun(task, ready, lambda count: advance(count / MB)).results(clips))
    for line in _lines(results):
        say(line)
    formats = (
        "JSON lines and Parquet" if has_parquet() else "JSON lines (Parquet: pip install 'maskwatch[scale]')"
    )
    out.print(f"wrote {output}: reports as {formats}, and events", markup=False, soft_wrap=True)
    broken = [each.broken for each in results if each.broken]  # which names the file
    tell_problems(broken)
    if broken:
        raise SourceError(
            f"{len(broken)} of {pluralize(len(clips), 'clip')} could not be analysed to the end"
        )


def _lines(results: "list[ClipResult]") -> Iterator[str]:
    """What all clips together show."""
    length_s = sum(each.length_s for each in results)
    frames = sum(each.frames for each in results)
    yield f"{pluralize(len(results), 'clip')}, {length_s / 3600:.2f} h, {pluralize(frames, 'frame')}"
    people: Counter[str] = Counter()
    passages: Counter[str] = Counter()
    for each in results:
        people.update(each.people)
        passages.update(each.passages)
    if people:
        told = (
            f"{people['protected']} with a mask, {people['unprotected']} without, {people['unknown']} unknown"
        )
        yield f"{pluralize(people.total(), 'person')} followed: {told}"
    for kind, count in sorted(passages.items()):
        yield f"{pluralize(count, 'passage')}: {kind}"
    alerts, samples = sum(each.alerts for each in results), sum(each.samples for each in results)
    yield f"{pluralize(alerts, 'alert')}, {pluralize(samples, 'sample')} queued"
