"""The composition root: configuration in, a running program out. The only place that knows all parts."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from starlette.routing import BaseRoute

from maskwatch.alerts.kinds.log import LogSink
from maskwatch.alerts.registry import SINKS, SinkContext
from maskwatch.api import Analyzer
from maskwatch.app.rules import FEW_FRAMES, camera_rules
from maskwatch.app.upkeep import Upkeep
from maskwatch.config.load import Config
from maskwatch.config.sections import CameraConfig, Defaults
from maskwatch.core.address import Address, is_loopback
from maskwatch.core.errors import ConfigError
from maskwatch.core.people import Passages, People
from maskwatch.core.people.effect import Effect
from maskwatch.core.ports import AlertSink, SampleStore, Source
from maskwatch.core.privacy import CameraPrivacy, Privacy, as_shown
from maskwatch.core.records import Decision, Detections, FrameReport, Rgb, Versions
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.rules.camera_view import CameraView
from maskwatch.core.selection import Selection
from maskwatch.detect.motion import MotionGate
from maskwatch.drift.confidences import Confidences, named
from maskwatch.drift.watch import Drift, DriftWatch, measured
from maskwatch.events.clips import Clips
from maskwatch.events.counts import restore_passages
from maskwatch.events.forwarder import Forwarder
from maskwatch.events.media import Media
from maskwatch.events.recorder import Recorder
from maskwatch.events.retention import Retention
from maskwatch.models.hot_swap import Follower
from maskwatch.models.loading import (
    Models,
    camera_models,
    load_version,
    pick_device,
    serving_models,
    smallest_face_px,
)
from maskwatch.models.registry import SHIPPED, Registry
from maskwatch.pipeline.camera import Camera, CameraMemory, CameraModels
from maskwatch.pipeline.pipeline import Checkpoints, Pipeline
from maskwatch.platform import unix_socket
from maskwatch.platform.caches import cache_folder
from maskwatch.plugins import KindSettings
from maskwatch.samples.known import Known, KnownSamples
from maskwatch.samples.retention import Limits
from maskwatch.samples.settings import QueueSettings, SelectionSettings
from maskwatch.samples.store import Queue
from maskwatch.sources.paced import PacedSource
from maskwatch.sources.registry import address_of, open_source
from maskwatch.sources.resumed import Place, ResumedSource
from maskwatch.sources.settings import Decode
from maskwatch.tracking import FaceTracker
from maskwatch.web import health, metrics, models, predict, private, status
from maskwatch.web import queue as queue_web
from maskwatch.web.application import make_app
from maskwatch.web.server import Listener, PrivateListener, WebServer
from maskwatch.web.service_view import ConfigInForce, ServiceView, StorageMeter

NOTHING_QUEUED = "privacy: aggregate: nothing is queued, so the models cannot learn from this camera"

log = logging.getLogger(__name__)


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
    """Where a replay goes on: after which frame of the footage, with what is known of the camera, and the samples that are stored already."""

    place: Place
    memory: CameraMemory
    samples: Known


def configured_models(config: Config) -> Models:
    """The models that a configuration's registry lets serve, on its device."""
    return serving_models(Registry(config.models.dir), pick_device(config.device))


def service_pipeline(config: Config) -> Pipeline:
    """The service's pipeline with what accompanies it: it follows the registry."""
    registry = Registry(config.models.dir)
    change_stamp = registry.change_stamp()  # before the models are loaded, so that no change is missed
    models = configured_models(config)
    drift = config.drift
    confidences = Confidences(drift.dir, drift.max_days)
    pipeline = live_pipeline(config, models, lambda decision: confidences.add(decision.report))

    def look() -> Drift:
        versions = {name: named(each) for name, each in pipeline.versions().items()}
        return measured(drift, config.learn.archive, config.queue.dir, versions)

    def load(version: str) -> dict[str, CameraModels]:
        models = load_version(registry, version, pick_device(config.device))
        return camera_models(config.cameras, models, pipeline.sample_inputs())

    # once the card is lost, `pick_device` gives the processor
    pipeline.fall_back_on(lambda: camera_models(config.cameras, configured_models(config), ()))
    pipeline.add_background_task(DriftWatch(confidences, look, pipeline))
    if config.learn.archive_max_days is not None or config.queue.names_max_days is not None:
        pipeline.add_background_task(Upkeep(config.queue, config.learn, pipeline.fail))
    pipeline.add_background_task(Follower(registry, change_stamp, models.files.version, pipeline, load))
    return pipeline


def camera_versions(config: Config, models: Models) -> dict[str, str]:
    """What judges each camera, as drift is counted by."""
    return {
        name: named(Versions(**models.versions(camera.detect, camera.classify)))
        for name, camera in config.cameras.items()
    }


def live_pipeline(
    config: Config, models: Models, on_decision: Callable[[Decision], None] | None = None
) -> Pipeline:
    """The cameras as they are; footage among them runs at its own speed.

    Raises `ConfigError` when there is no camera or a part cannot be made, `SourceError`, and `ModelError`.
    """
    if not config.cameras:
        raise ConfigError("cameras: there is none to watch")
    sink = cache(make_sink)
    cameras = []
    for name, camera in config.cameras.items():
        source = camera_source(name, camera, camera.fps)
        sinks = tuple(map(sink, camera.at_camera(camera.alert.sink_settings())))
        sinks_of = {
            (rule, 2): tuple(
                map(sink, camera.at_camera(camera.alert.spoken_as_here(settings.escalation.sinks)))
            )
            for rule, settings in camera.alert.rule_settings().items()
            if settings.escalation.sinks
        }
        paced = source if source.live else PacedSource(source)
        made = _camera(paced, camera, models, name=name, sinks=sinks, selection=camera.queue)
        cameras.append(replace(made, sinks_of=sinks_of))
        if camera.privacy is Privacy.AGGREGATE:
            log.warning("%s: %s", name, NOTHING_QUEUED)
    first = next(iter(config.cameras.values()))
    pipeline = Pipeline(cameras, store=_queue(config.queue, models, first), on_decision=on_decision)
    for name, camera in config.cameras.items():
        if why := why_not_decoded(camera):
            pipeline.board.set_notice(f"camera {name}", f"{name}: {why}")
    return pipeline


def event_recorder(config: Config, pipeline: Pipeline, before: Recorder | None) -> Recorder | None:
    """What keeps the events of `pipeline`, which tells it from now on; None where none are kept.

    Raises `ConfigError` when the shared database's address is none.
    """
    events = config.events
    if not events.enabled:
        return None
    forwarder = Forwarder(events.dir, events.url, events.site, pipeline.fail) if events.url else None
    # footage begins anew at each start, with a clock of its own
    live = [camera.name for camera in pipeline.cameras if camera.source.live]
    recorder = Recorder(
        Retention(events.dir, events.max_days, events.max_mb),
        events.site,
        pipeline.board,
        pipeline.fail,
        forwarder=forwarder,
        on_open=lambda store: restore_passages(store, pipeline.board, live, time.time()),
        before=before,
    )
    clips = Clips(
        Media(events.dir),
        _privacy(config),
        clip_s=events.clip_s,
        max_mb=events.clips_mb,
        on_crash=pipeline.fail,
    )
    pipeline.add_background_task(clips)
    pipeline.record_events(recorder, clips)
    return recorder


def private_server(
    config: Config, pipeline: Pipeline, before: WebServer | None, in_force: ConfigInForce | None = None
) -> WebServer | None:
    """What answers the console about `pipeline` and the configuration; None where there is to be none, or no folder for it."""
    if not config.console.enabled:
        return None
    old = before.listener if before else None
    try:
        listener = PrivateListener(
            config.events.dir / unix_socket.SERVICE, old if isinstance(old, PrivateListener) else None
        )
    except ConfigError as e:  # a full disk, say: cameras are watched all the same
        log.error("%s; the console cannot show the cameras", e)
        pipeline.board.set_notice("console", "the console cannot show the cameras")
        return None
    app = private.private_app(_service_view(config, pipeline), pipeline.latest, _privacy(config), in_force)
    return WebServer(listener, app, pipeline.fail)


def _privacy(config: Config) -> dict[str, CameraPrivacy]:
    return {name: CameraPrivacy(each.privacy, each.ignore) for name, each in config.cameras.items()}


def _service_view(config: Config, pipeline: Pipeline) -> ServiceView:
    return ServiceView(pipeline.board.snapshot, pipeline.versions, StorageMeter(config.queue.dir))


def web_server(config: Config, pipeline: Pipeline, listener: Listener | None) -> WebServer | None:
    """What answers for `pipeline`, whose cameras it ends with itself when it dies."""
    if listener is None:
        return None
    app = make_app(web_routes(config, pipeline), token=config.web.token_text)
    return WebServer(listener, app, pipeline.fail)


def web_routes(config: Config, pipeline: Pipeline) -> list[BaseRoute]:
    """All that is answered over HTTP. Each module of `maskwatch.web` gives its own part."""
    watched = _service_view(config, pipeline)

    def console_at(host: str) -> str | None:
        settings = config.console
        is_reached = is_loopback(host) or not is_loopback(settings.host)
        return settings.url_at(host) if settings.enabled and settings.port and is_reached else None

    about = [*health.routes(watched.status), *status.routes(watched, console_at), *metrics.routes(watched)]
    versions = models.routes(Registry(config.models.dir), pipeline.board.snapshot)
    pictures = predict.routes(_serving_analyst(config, pipeline))
    return [*about, *queue_web.routes(config.queue.dir), *versions, *pictures]


def _serving_analyst(config: Config, pipeline: Pipeline) -> Callable[[Rgb], FrameReport]:
    """Judges single pictures by the version that serves, with models of its own: the engine's are its thread's.

    They are loaded when a picture comes, and again when another version serves.
    """
    registry = Registry(config.models.dir)

    @lru_cache(maxsize=1)
    def analyst_of(version: str) -> Callable[[Rgb], FrameReport]:
        return analyst(config.defaults, load_version(registry, version, pick_device(config.device)))

    def analyse(rgb: Rgb) -> FrameReport:
        serving = pipeline.board.snapshot().models or SHIPPED
        return analyst_of(serving)(rgb)

    return analyse


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
    camera = _camera(source, plan.defaults, models, name=plan.name, sinks=told, selection=plan.queue)
    store: SampleStore | None = None
    if plan.queue is not None:
        store = _queue(plan.queue, models, plan.defaults)
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
    return _camera(source, plan.defaults, models, name=plan.name, sinks=tuple(sinks), selection=plan.queue)


def footage_queue(plan: ReplayPlan, models: Models) -> Queue | None:
    """The queue for a plan's samples, None where it wants none."""
    return None if plan.queue is None else _queue(plan.queue, models, plan.defaults)


def bench_camera(name: str, source: Source, settings: Defaults, models: Models) -> Camera:
    """A camera that tells nobody and stores nothing."""
    return _camera(source, settings, models, name=name, sinks=(), selection=None)


def analyst(settings: Defaults, models: Models) -> Callable[[Rgb], FrameReport]:
    """Judges single pictures as the engine judges a camera's frames, each looked at whole and everywhere."""
    return Analyzer(
        models.detector(settings.detect),
        models.classifier(settings.classify),
        protected_at=settings.classify.protected_at,
        min_face_px=settings.classify.min_face_px,
    ).predict


def camera_source(name: str, camera: CameraConfig, fps: float | None = None) -> Source:
    """The camera's source, of at most `fps` frames a second, None for all that come; not yet opened.

    Raises `SourceError` when no kind takes its address.
    """
    return open_source(
        name,
        camera.source,
        fps=fps,
        rtsp_settings=camera.rtsp,
        aspect=camera.aspect,
        decode=camera.decode,
    )


def why_not_decoded(camera: CameraConfig) -> str | None:
    """Why the hardware that a camera's `decode` names is not there, so that its stream is decoded in software; None where it is."""
    address = address_of(camera.source)
    if camera.decode in {Decode.SOFTWARE, Decode.AUTO} or address is None or "://" not in address.reveal():
        return None
    from maskwatch.sources.hardware import why_missing

    why = why_missing(camera.decode)
    return why and f"decode: {camera.decode.value}: {why}; its stream is decoded in software"


def alert_sentences(name: str, settings: Defaults) -> tuple[str, ...]:
    """What the alerts of the camera of that name may say: each rule's, and last, if so wanted, that it is offline."""
    alert = settings.alert
    dead = () if alert.dead_after_s is None else (alert.say_dead.replace("{camera}", name),)
    rules = alert.rule_settings().values()
    said = (sentence for rule in rules for sentence in (rule.say, rule.escalation.say))
    return *dict.fromkeys(sentence for sentence in said if sentence is not None), *dead


def make_sink(settings: KindSettings, cache: Path | None = None) -> AlertSink:
    """The sink of these settings; what it can make again lies in `cache`, None for the usual place. Raises `ConfigError`."""
    return SINKS.build(settings, SinkContext(cache_folder() if cache is None else cache))


def _camera(
    source: Source,
    settings: Defaults,
    models: Models,
    *,
    name: str,
    sinks: tuple[AlertSink, ...],
    selection: SelectionSettings | None,
) -> Camera:
    alert = settings.alert
    # what is near a face is made coarse with it, so it has to be known
    near_miss_from = settings.queue.near_miss_from if settings.privacy is Privacy.BLUR else None
    if settings.privacy is Privacy.AGGREGATE:
        selection = None
    elif selection:
        near_miss_from = selection.near_miss_from
    few_frames_s = FEW_FRAMES / settings.fps  # of one that is looked at once a minute
    offline_rule = None
    if alert.dead_after_s is not None:
        say = alert_sentences(name, settings)[-1]
        offline_rule = CameraOffline(name, dead_after_s=max(alert.dead_after_s, few_frames_s), say=say)
    view_rule = None
    if alert.view_after_s is not None and source.live:
        say = alert.say_view.replace("{camera}", name)
        view_rule = CameraView(name, after_s=max(alert.view_after_s, few_frames_s), say=say)
    return Camera(
        name=name,
        source=source,
        detector=models.detector(settings.detect),
        classifier=models.classifier(settings.classify),
        protected_at=settings.classify.protected_at,
        min_face_px=settings.classify.min_face_px,
        ignore=settings.ignore,
        people=People(
            FaceTracker(), protected_at=settings.classify.protected_at, passages=_passages(settings)
        ),
        rules=camera_rules(settings, live=source.live),
        sinks=sinks,
        selection=camera_selection(selection, settings) if selection else None,
        second_look=models.second_look(settings.detect)
        if selection and selection.second_look_share
        else None,
        near_miss_from=None if near_miss_from is None or near_miss_from == 1 else near_miss_from,
        gate=MotionGate(name, settings.motion) if settings.motion.gate else None,
        offline_rule=offline_rule,
        view_rule=view_rule,
        effect=Effect(
            name,
            effect_s=max(1.0, min(alert.effect_s, alert.cooldown_s)),
            withhold_share=alert.withhold_share,
        ),
        privacy=settings.privacy,
        sentences=alert_sentences(name, settings),
    )


def _passages(settings: Defaults) -> Passages:
    lines = {name: each.line for name, each in settings.lines.items()}
    return Passages(zones=settings.zones, lines=lines, min_face_px=_smallest_px(settings))


def _smallest_px(camera: Defaults) -> float:
    return smallest_face_px(camera.detect) or camera.classify.min_face_px


def camera_selection(settings: SelectionSettings, camera: Defaults) -> Selection:
    """What selects for one camera, with its settings of the queue and those by which it looks."""
    return Selection(
        classifier_band=settings.classifier_band,
        detector_band=settings.detector_band,
        max_per_hour=settings.max_per_hour,
        shares=settings.shares.model_dump(),
        audit_share=settings.audit_share,
        second_look_share=settings.second_look_share,
        second_looks_per_hour=settings.second_looks_per_hour,
        min_face_px=_smallest_px(camera),
    )


def _queue(settings: QueueSettings, models: Models, camera: Defaults) -> Queue:
    versions = models.versions(camera.detect, camera.classify)
    limits = Limits(settings.max_mb, settings.max_days, settings.min_free_mb, settings.labelled_max_days)
    return Queue(settings.dir, limits, versions)
