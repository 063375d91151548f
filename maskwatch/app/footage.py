"""Builds a pipeline over recorded footage from the configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from maskwatch.alerts.kinds.log import LogSink
from maskwatch.app.cameras import make_camera, sample_queue
from maskwatch.config.sections import Defaults
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError
from maskwatch.core.ports import AlertSink, SampleStore, Source
from maskwatch.core.privacy import as_shown
from maskwatch.core.records import Decision, Detections
from maskwatch.models.loading import Models
from maskwatch.pipeline.camera import Camera, CameraMemory, Checkpoints
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.samples.known import Known, KnownSamples
from maskwatch.samples.settings import QueueSettings
from maskwatch.samples.store import Queue
from maskwatch.sources.registry import open_source
from maskwatch.sources.resumed import Place, ResumedSource


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """A source to replay with the settings of `defaults`, as camera `name`; `queue` None stores nothing.

    `fps` is how many frames a second are analysed at most, None for every frame.
    """

    name: str
    address: Address
    defaults: Defaults
    queue: QueueSettings | None
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a replay continues: the last frame done, the camera's state after it, and the samples stored so far."""

    place: Place
    memory: CameraMemory
    samples: Known


def replay_pipeline(
    plan: ReplayPlan,
    models: Models,
    on_decision: Callable[[Decision], None],
    sinks: Sequence[AlertSink] | None = None,
    *,
    checkpoints: Checkpoints | None = None,
    resumption: Resumption | None = None,
) -> Pipeline:
    """Every frame in order, alerts at once to `sinks`, None for the log; `on_decision` gets as much of a frame
    as may be shown. With `resumption`, it goes on where another broke off, as if in one piece.

    Raises `ConfigError` for a live source, `SourceError` when no kind takes the address, and `ModelError`.
    """
    source = open_source(plan.name, plan.address, fps=plan.fps, aspect=plan.defaults.aspect)
    if source.live:
        raise ConfigError(f"{plan.address}: is live; replay takes footage, `maskwatch run` watches cameras")
    if missing := plan.defaults.missing_place():
        key, why = missing
        raise ConfigError(f"{'.'.join(map(str, key))}: {why}; --camera NAME replays with those of a camera")
    told = (LogSink(),) if sinks is None else tuple(sinks)
    camera = make_camera(source, plan.defaults, models, name=plan.name, sinks=told, selection=plan.queue)
    store: SampleStore | None = None
    if plan.queue is not None:
        store = sample_queue(plan.queue, models, plan.defaults)
    seen: dict[str, Detections] = {}
    if resumption is not None:
        source = ResumedSource(source, resumption.place)
        camera = replace(camera, source=source).with_memory(resumption.memory)
        store = None if store is None else KnownSamples(store, resumption.samples)
        seen = {} if resumption.memory.seen is None else {plan.name: resumption.memory.seen}
    privacy, ignore = plan.defaults.privacy, plan.defaults.ignore
    return Pipeline(
        [camera],
        store=store,
        replay=True,
        on_decision=lambda decision: on_decision(as_shown(decision, privacy, ignore)),
        checkpoints=checkpoints,
        seen=seen,
    )


def footage_camera(
    plan: ReplayPlan, models: Models, source: Source, sinks: Sequence[AlertSink] = ()
) -> Camera:
    """The camera of a plan, with another source for its frames."""
    return make_camera(
        source, plan.defaults, models, name=plan.name, sinks=tuple(sinks), selection=plan.queue
    )


def footage_queue(plan: ReplayPlan, models: Models) -> Queue | None:
    """The queue for a plan's samples, None where it wants none."""
    return None if plan.queue is None else sample_queue(plan.queue, models, plan.defaults)
