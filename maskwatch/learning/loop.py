"""The training loop: from labelled samples to a promoted version, or to the reason why not.

Each step writes its result to disk before the next one begins: killed anywhere, the same command continues.
Samples are whole in the queue or in the archive at any time, and the registry changes by one rename at the end.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from maskwatch.core.errors import DataError, QueueError, SourceError
from maskwatch.core.text import pluralize
from maskwatch.datasets.records import Split
from maskwatch.evaluation.bootstrap import Difference
from maskwatch.evaluation.document import Section
from maskwatch.learning import gate, report
from maskwatch.learning.archive import Archive, LearningBatch
from maskwatch.learning.collect import LearningData, SampleImage, base_images, sample_image, sample_images
from maskwatch.learning.compare import F1, Analysts, JudgedImages, compared, contradicted, judge_each
from maskwatch.learning.gate import GateDecision, Margins
from maskwatch.learning.retention import tidy_archive
from maskwatch.learning.settings import LearnSettings
from maskwatch.learning.split import SplitAssignment, assign_samples, hash_sample
from maskwatch.learning.tune import Callbacks, Tuning, tune
from maskwatch.models.registry import CLASSIFIER, DETECTOR, ModelFiles, Registry, Version, new_id
from maskwatch.platform.clock import utc_now
from maskwatch.platform.paths import looked_at
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue
from maskwatch.samples.team import read_team
from maskwatch.sources.images import read_rgb
from maskwatch.training.run_folder import claim


@dataclass(frozen=True, slots=True)
class Loop:
    """What a learning run works with: the queue, the archive of used samples, and the registry of versions.

    `analysts` judge for the comparison with the serving version; `drift` makes a section of the report,
    None for none.
    """

    queue: Queue
    archive: Archive
    registry: Registry
    settings: LearnSettings
    tuning: Tuning
    analysts: Analysts
    callbacks: Callbacks
    drift: Callable[[], Section | None] = lambda: None  # for the report


@dataclass(frozen=True, slots=True)
class LoopResult:
    """The outcome: `report` is the page's path, None where nothing was trained; `said` is a line for the user."""

    said: str
    promoted: str | None = None
    report: Path | None = None


def waiting(loop: Loop) -> list[Sample]:
    """The labelled samples, without those whose labels were doubted and have not been changed since.

    Samples that were returned, on which two people disagree, or that wait for a second opinion are left out, too.
    """
    doubted, team = loop.archive.doubted(), read_team(loop.queue.folder)
    return [s for s in loop.queue.samples() if team.may_learn(s) and doubted.get(s.id) != s.revision]


def enough(loop: Loop, samples: Sequence[Sample]) -> str:
    """How many wait, how many are needed, and where they are looked for, as a line for people."""
    count = pluralize(len(samples), "labelled sample")
    return (
        f"{count} {'waits' if len(samples) == 1 else 'wait'}, {loop.settings.min_samples} are needed (learn.min_samples); "
        f"looked for in {looked_at(loop.queue.folder)}"
    )


def assignments_of(loop: Loop, samples: Sequence[Sample]) -> dict[str, SplitAssignment]:
    """The split assignment that each sample would get; one whose picture cannot be read is told and gets none."""
    hashes = {}
    for sample in samples:
        try:
            hashes[sample.id] = hash_sample(sample, read_rgb(loop.queue.image(sample.id)))
        except (SourceError, QueueError) as e:
            loop.callbacks.say(f"{sample.id}: left out: {e}")
    return assign_samples([s for s in samples if s.id in hashes], hashes, loop.archive.assignments())


def learn(loop: Loop) -> LoopResult:
    """Train when enough samples wait, or continue an interrupted training. Raises `DataError` while another one runs."""
    with loop.archive.alone():
        tidy_archive(loop.archive, loop.queue.folder, loop.settings.archive_max_days, loop.callbacks.say)
        batch = loop.archive.unfinished()
        if batch is not None:
            loop.callbacks.say(f"goes on with the batch {batch.id}")
            return _finished(loop, batch)
        samples = waiting(loop)
        if len(samples) < loop.settings.min_samples:
            return LoopResult(enough(loop, samples))
        good, doubtful = _sifted(loop, samples)
        if doubtful:
            return _refused_labels(loop, samples, good, doubtful)
        return _finished(loop, _begun(loop, samples))


def _sifted(loop: Loop, samples: Sequence[Sample]) -> tuple[JudgedImages, list[str]]:
    """How the serving models judge the samples, and the cameras whose labels contradict them."""
    images = [sample_image(s, loop.queue.image(s.id), Split.TEST) for s in samples]
    serving = loop.registry.files(loop.registry.state().serving)
    judged = _judged(loop, serving, images, "holding labels against the models")
    return judged, contradicted(judged)


def _refused_labels(
    loop: Loop, samples: Sequence[Sample], judged: JudgedImages, cameras: Sequence[str]
) -> LoopResult:
    """Labels that contradict the models need a person: they stay in the queue."""
    mine = [s for s in samples if s.report.camera in cameras]
    batch = LearningBatch(new_id(), loop.registry.state().serving, tuple(s.id for s in mine), done=True)
    reason = (
        f"the labels of {', '.join(cameras)} say protected where the models say unprotected and the other way "
        "round, more often than chance would: they look exchanged. Nothing was trained; the samples stay in the queue "
        "until their labels are changed"
    )
    verdict = GateDecision(promoted=False, reasons=(reason,))
    page = report.write(
        loop.archive.batch_folder(batch), report.ReportInput(batch, verdict, serving_cameras=judged)
    )
    loop.archive.save_doubted({s.id: s.revision for s in mine})
    loop.archive.save_batch(replace(batch, decision=asdict(verdict)))
    return LoopResult(f"refused: {reason}", report=page)


def _begun(loop: Loop, samples: Sequence[Sample]) -> LearningBatch:
    """The batch, its samples' parts decided for good; the samples themselves move later, which can be repeated."""
    assignments = assignments_of(loop, samples)
    if not assignments:
        raise DataError("no picture of the labelled samples can be read")
    loop.archive.save_assignments(assignments)
    batch = LearningBatch(
        new_id(), loop.registry.state().serving, tuple(s.id for s in samples if s.id in assignments)
    )
    loop.archive.save_batch(batch)
    return batch


def _finished(loop: Loop, batch: LearningBatch) -> LoopResult:
    for name in batch.samples:
        if _is_in(loop.queue, name):
            loop.queue.move(name, loop.archive.samples_folder)
    if not batch.decision:
        batch = _decided(loop, batch)
    batch = _served(loop, batch)
    loop.archive.save_batch(replace(batch, done=True))
    loop.archive.forget_erased()
    shutil.rmtree(loop.archive.batch_folder(batch) / "training", ignore_errors=True)
    candidate = batch.decision.get("candidate")
    reasons = "; ".join(batch.decision["reasons"])
    serving = loop.registry.state().serving
    said = f"version {candidate} serves: {reasons}" if candidate else f"{serving} goes on: {reasons}"
    return LoopResult(said, candidate, loop.archive.batch_folder(batch) / report.PAGE)


def _served(loop: Loop, batch: LearningBatch) -> LearningBatch:
    """Promote the candidate, unless another version was chosen meanwhile, with which it was not compared."""
    candidate, serving = batch.decision.get("candidate"), loop.registry.state().serving
    reasons = "; ".join(batch.decision["reasons"])
    if candidate is None:
        loop.registry.refuse(batch.id, reasons)
        return batch
    if serving == candidate:
        return batch
    if serving == batch.parent:
        loop.registry.promote(candidate, reasons)
        loop.registry.tidy(loop.settings.keep)
        return batch
    reason = (
        f"{candidate} is better than {batch.parent}, but {serving} was promoted meanwhile, which it was not held "
        f"against; `maskwatch models promote {candidate}` lets it serve"
    )
    loop.registry.refuse(candidate, reason)
    return _kept(loop, batch, {"promoted": False, "reasons": [reason], "candidate": None})


def _is_in(queue: Queue, name: str) -> bool:
    try:
        queue.image(name)
    except QueueError:
        return False
    return True


def _decided(loop: Loop, batch: LearningBatch) -> LearningBatch:
    """Train, measure, apply the gate and write the report; the candidate is in the registry, not serving yet."""
    serving = loop.registry.files(batch.parent)
    material = _material(loop)
    folder = _claimed(loop, batch)
    try:
        files = tune(material, serving, folder, loop.tuning, loop.callbacks)
    except DataError as e:
        verdict = GateDecision(promoted=False, reasons=(str(e),))
        report.write(loop.archive.batch_folder(batch), report.ReportInput(batch, verdict, material=material))
        return _kept(loop, batch, asdict(verdict))
    candidate = ModelFiles(batch.id, files[DETECTOR], files[CLASSIFIER])
    before, after = (_measured(loop, each, material) for each in (serving, candidate))
    margins = Margins(loop.settings.margin, loop.settings.base_margin)
    verdict = _verdict(before, after, margins)
    told = report.ReportInput(
        batch, verdict, material, before[0], after[0], before[1], after[1], margins, loop.drift()
    )
    report.write(loop.archive.batch_folder(batch), told)
    decision: dict[str, Any] = asdict(verdict)
    if verdict.promoted:
        _registered(loop, batch, files, report.figures(told))
        decision["candidate"] = batch.id
    return _kept(loop, batch, decision)


def _registered(
    loop: Loop, batch: LearningBatch, files: Mapping[str, Path], figures: Mapping[str, Any]
) -> None:
    if any(version.id == batch.id for version in loop.registry.versions()):
        return  # it was killed right after
    loop.registry.add(files, Version(batch.id, batch.parent, utc_now(), batch.samples, figures))


def _kept(loop: Loop, batch: LearningBatch, decision: Mapping[str, Any]) -> LearningBatch:
    decided = replace(batch, decision=decision)
    loop.archive.save_batch(decided)
    return decided


def _material(loop: Loop) -> LearningData:
    own = sample_images(loop.archive.samples, loop.archive.assignments())
    base, found = base_images(loop.settings.base, loop.settings.base_pictures, loop.callbacks.bar)
    notes = [*_erased(loop, len(own[Split.TEST])), *found]
    for note in notes:
        loop.callbacks.say(note)
    return LearningData(own, base, tuple(notes))


def _erased(loop: Loop, held_out: int) -> list[str]:
    """A line where samples of earlier trainings are missing, as earlier figures are then of other pictures."""
    gone = loop.archive.erased()
    if not gone.total():
        return []
    what = f"erased from the archive since the last training: {pluralize(gone.total(), 'sample')}"
    return [f"{what}, {gone[Split.TEST]} of them held out; the holdout has {held_out} now"]


def _claimed(loop: Loop, batch: LearningBatch) -> Path:
    """The folder of the checkpoints, emptied when they are of other settings."""
    folder = loop.archive.batch_folder(batch) / "training"
    task = {
        "detector": asdict(loop.tuning.detector),
        "classifier": asdict(loop.tuning.classifier),
        "parent": batch.parent,
        "base": [str(path) for path in loop.settings.base],
        "base_pictures": loop.settings.base_pictures,
    }
    try:
        claim(folder, task)
    except DataError:
        shutil.rmtree(folder)
        claim(folder, task)
    return folder


def _measured(loop: Loop, files: ModelFiles, material: LearningData) -> tuple[JudgedImages, JudgedImages]:
    """On the cameras' holdout, and on the base's."""
    cameras = _judged(loop, files, material.cameras[Split.TEST], f"measuring {files.version}, cameras")
    base = _judged(loop, files, material.base[Split.TEST], f"measuring {files.version}, base")
    return cameras, base


def _judged(loop: Loop, files: ModelFiles, images: Sequence[SampleImage], what: str) -> JudgedImages:
    return judge_each(partial(loop.analysts, files), loop.callbacks.bar(what)(images))


def _verdict(
    before: tuple[JudgedImages, JudgedImages], after: tuple[JudgedImages, JudgedImages], margins: Margins
) -> GateDecision:
    (cameras_before, base_before), (cameras_after, base_after) = before, after
    return gate.decide(
        _gain(cameras_before, cameras_after),
        {n: compared(cameras_before.of(n), cameras_after.of(n))[F1] for n in cameras_before.cameras},
        _gain(base_before, base_after),
        margins,
        images=cameras_before.images,
    )


def _gain(before: JudgedImages, after: JudgedImages) -> Difference | None:
    """None where there is no picture."""
    return compared(before, after)[F1] if before.images else None
