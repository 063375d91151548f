"""The composition root: configuration in, a running program out. The only place that knows all parts."""

import logging
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from starlette.routing import BaseRoute

from maskwatch.alerts.kinds.log import LogSink
from maskwatch.alerts.registry import SINKS, SinkContext
from maskwatch.classify.registry import CLASSIFIERS
from maskwatch.classify.settings import ClassifierSettings
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config.load import CameraConfig, Config, Defaults
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError, ModelError
from maskwatch.core.ports import AlertSink, Classifier, Detector, Source
from maskwatch.core.records import Decision, Frame, FrameReport, Rgb, Versions
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.core.selection import Selection
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.motion import MotionGate
from maskwatch.detect.registry import DETECTORS
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.drift.confidences import Confidences, named
from maskwatch.drift.watch import Drift, DriftWatch, measured
from maskwatch.models.hot_swap import Follower
from maskwatch.models.registry import SHIPPED, ModelFiles, Registry, shipped_files
from maskwatch.models.smoke_test import smoke_test
from maskwatch.pipeline.camera import Camera, CameraModels
from maskwatch.pipeline.engine import Engine
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.plugins import KindSettings, ModelContext
from maskwatch.samples.retention import Limits
from maskwatch.samples.settings import QueueSettings, SelectionSettings
from maskwatch.samples.store import Queue
from maskwatch.sources.images import ImageSource
from maskwatch.sources.paced import PacedSource
from maskwatch.sources.registry import open_source
from maskwatch.web import health, metrics, models, status
from maskwatch.web import queue as queue_web
from maskwatch.web.application import make_app
from maskwatch.web.server import Listener, WebServer
from maskwatch.web.settings import WebSettings
from maskwatch.web.watched import ServiceView, StorageMeter

GAP_S = 5.0  # after longer without a frame, the time under the bound counts anew
FEW_FRAMES = 3  # what so many frames take is no gap, however few are wanted a second

log = logging.getLogger(__name__)


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one. Raises `ConfigError` when `cuda` is wanted and missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda is asked for, but torch finds none on this machine")
    cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if cuda else "cpu")


class Models:
    """Loads each model once; cameras with equal settings share. `files` serve where the settings name no weights."""

    def __init__(self, device: torch.device, files: ModelFiles | None = None) -> None:
        self.files = chosen = files or shipped_files()

        # nothing in here refers to `self`: whoever drops the last model frees its memory there and then
        shared: dict[Hashable, Any] = {}

        def share(key: Hashable, make: Callable[[], Any]) -> Any:
            if key not in shared:
                shared[key] = make()
            return shared[key]

        of_detector = ModelContext(str(device), chosen.detector, share)
        of_classifier = ModelContext(str(device), chosen.classifier, share)
        self.detector: Callable[[KindSettings], Detector] = cache(
            lambda settings: DETECTORS.build(settings, of_detector)
        )
        self.classifier: Callable[[ClassifierSettings], Classifier] = cache(
            lambda settings: CLASSIFIERS.build(settings, of_classifier)
        )

    def mtcnn(self, settings: DetectSettings) -> Mtcnn:
        """The same as `detector`, of our own cascade."""
        detector = self.detector(settings)
        assert isinstance(detector, Mtcnn)
        return detector

    def computes_with(self, detect: KindSettings) -> str:
        """What the detector's networks are computed by."""
        detector = self.detector(detect)
        return detector.backend_name if isinstance(detector, Mtcnn) else detect.kind

    def versions(self, detect: KindSettings, classify: ClassifierSettings) -> dict[str, str]:
        return {"detector": self.detector(detect).version, "classifier": self.classifier(classify).version}


def load_version(registry: Registry, name: str, device: torch.device) -> Models:
    """The models of one version, tried out. Raises `ModelError` when they are not whole, or of no use."""
    models = Models(device, registry.files(name))
    smoke_test(models.detector(DetectSettings()), models.classifier(ClassifySettings()), ())
    return models


def serving_models(config: Config) -> Models:
    """Those of the registry's serving version; when they are of no use, which is logged, those that served before."""
    registry, device = Registry(config.models.dir), pick_device(config.device)
    try:
        state = registry.state()
    except ModelError as e:
        log.error("%s; the shipped models serve", e)
        return Models(device)
    for name in (state.serving, *reversed(state.before)):
        if name == SHIPPED:
            break
        try:
            return load_version(registry, name, device)
        except ModelError as e:
            log.error("version %s cannot serve: %s", name, e)
    return Models(device)


def camera_models(config: Config, models: Models, images: Sequence[Rgb]) -> dict[str, CameraModels]:
    """What each camera is to see and judge with, tried out on `pictures`.

    Raises `ModelError` when one gives no finite numbers.
    """
    result = {}
    tried: list[tuple[Detector, Classifier]] = []
    for name, camera in config.cameras.items():
        detector, classifier = models.detector(camera.detect), models.classifier(camera.classify)
        if (detector, classifier) not in tried:
            smoke_test(detector, classifier, images)
            tried.append((detector, classifier))
        gate = MotionGate(name, camera.motion) if camera.motion.gate else None
        result[name] = CameraModels(detector, classifier, gate)
    return result


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """A source to replay with the settings of `defaults`, as camera `name`; `queue` None stores nothing."""

    name: str
    address: Address
    defaults: Defaults
    queue: QueueSettings | None


def service_pipeline(config: Config) -> Pipeline:
    """The service's pipeline with what accompanies it: it follows the registry."""
    registry = Registry(config.models.dir)
    change_stamp = registry.change_stamp()  # before the models are loaded, so that no change is missed
    models = serving_models(config)
    drift = config.drift
    confidences = Confidences(drift.dir, drift.max_days)
    pipeline = live_pipeline(config, models, lambda decision: confidences.add(decision.report))

    def look() -> Drift:
        versions = {name: named(each) for name, each in pipeline.versions().items()}
        return measured(drift, config.learn.archive, config.queue.dir, versions)

    def load(version: str) -> dict[str, CameraModels]:
        return camera_models(
            config, load_version(registry, version, pick_device(config.device)), pipeline.images()
        )

    pipeline.add_background_task(DriftWatch(confidences, look, pipeline))
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
    """The cameras as they are; footage among them runs at its own speed."""
    if not config.cameras:
        raise ConfigError("cameras: there is none to watch")
    sink = cache(make_sink)
    cameras = []
    for name, camera in config.cameras.items():
        source = open_source(name, camera.source, fps=camera.fps, rtsp_settings=camera.rtsp)
        sinks = tuple(map(sink, camera.alert.sink_settings()))
        paced = source if source.live else PacedSource(source)
        cameras.append(_camera(paced, camera, models, name=name, sinks=sinks, selection=camera.queue))
    first = next(iter(config.cameras.values()))
    return Pipeline(cameras, store=_queue(config.queue, models, first), on_decision=on_decision)


@contextmanager
def listening(settings: WebSettings, before: WebServer | None) -> Iterator[Listener | None]:
    """The socket for a new web server, None where there is to be none; closed again when the block raises."""
    if not settings.enabled:
        yield None
        return
    listener = Listener(settings, before.listener if before else None)
    try:
        yield listener
    except BaseException:
        listener.close()
        raise


def web_server(config: Config, pipeline: Pipeline, listener: Listener | None) -> WebServer | None:
    """What answers for `pipeline`, whose cameras it ends with itself when it dies."""
    if listener is None:
        return None
    app = make_app(web_routes(config, pipeline), token=config.web.token_text, host=config.web.host)
    return WebServer(listener, app, pipeline.fail)


def web_routes(config: Config, pipeline: Pipeline) -> list[BaseRoute]:
    """All that is answered over HTTP. Each module of `maskwatch.web` gives its own part."""
    watched = ServiceView(pipeline.board.snapshot, pipeline.versions, StorageMeter(config.queue.dir))
    about = [*health.routes(watched.status), *status.routes(watched), *metrics.routes(watched)]
    versions = models.routes(Registry(config.models.dir), pipeline.board.snapshot)
    return [*about, *queue_web.routes(Queue(config.queue.dir)), *versions]


def replay_pipeline(plan: ReplayPlan, models: Models, on_decision: Callable[[Decision], None]) -> Pipeline:
    """Every frame in order, alerts to the log at once."""
    source = open_source(plan.name, plan.address)
    if source.live:
        raise ConfigError(f"{plan.address}: is live; replay takes footage, `maskwatch run` watches cameras")
    camera = _camera(source, plan.defaults, models, name=plan.name, sinks=(LogSink(),), selection=plan.queue)
    store = None if plan.queue is None else _queue(plan.queue, models, plan.defaults)
    return Pipeline([camera], store=store, replay=True, on_decision=on_decision)


def bench_camera(name: str, source: Source, settings: Defaults, models: Models) -> Camera:
    """A camera that tells nobody and stores nothing."""
    return _camera(source, settings, models, name=name, sinks=(), selection=None)


def analyst(settings: Defaults, models: Models) -> Callable[[Rgb], FrameReport]:
    """Judges single pictures as the engine judges a camera's frames, each looked at whole and everywhere."""
    whole = settings.motion.model_copy(update={"gate": False})
    source = ImageSource("picture", Address(""))  # which the engine does not ask
    chosen = settings.model_copy(update={"motion": whole, "ignore": ()})
    engine = Engine({"picture": bench_camera("picture", source, chosen, models)})

    def analyse(rgb: Rgb) -> FrameReport:
        (report,) = engine.analyse([Frame("picture", "picture", 0, 0.0, rgb)])
        return report

    return analyse


def camera_source(name: str, camera: CameraConfig) -> Source:
    return open_source(name, camera.source, rtsp_settings=camera.rtsp)


def cache_folder() -> Path:
    """Where things that can be made again are kept: systemd's choice, the user's, or `~/.cache`."""
    if "CACHE_DIRECTORY" in os.environ:
        return Path(os.environ["CACHE_DIRECTORY"].split(":")[0])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskwatch"


def make_sink(settings: KindSettings) -> AlertSink:
    """Raises `ConfigError`."""
    return SINKS.build(settings, SinkContext(cache_folder()))


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
    few_frames_s = FEW_FRAMES / settings.fps  # of one that is looked at once a minute
    offline_rule = None
    if alert.dead_after_s is not None:
        say = alert.say_dead.replace("{camera}", name)
        offline_rule = CameraOffline(name, dead_after_s=max(alert.dead_after_s, few_frames_s), say=say)
    return Camera(
        name=name,
        source=source,
        detector=models.detector(settings.detect),
        classifier=models.classifier(settings.classify),
        protected_at=settings.classify.protected_at,
        judge_from_px=settings.classify.min_face_px,
        ignore=settings.ignore,
        rule=Rule(
            protected_ratio=alert.protected_ratio,
            min_people=alert.min_people,
            for_s=alert.for_s,
            cooldown_s=alert.cooldown_s,
            say=alert.say,
            max_gap_s=max(GAP_S, few_frames_s),
        ),
        sinks=sinks,
        selection=_selection(selection) if selection else None,
        gate=MotionGate(name, settings.motion) if settings.motion.gate else None,
        offline_rule=offline_rule,
    )


def _selection(settings: SelectionSettings) -> Selection:
    return Selection(
        classifier_band=settings.classifier_band,
        detector_band=settings.detector_band,
        max_per_hour=settings.max_per_hour,
        audit_share=settings.audit_share,
    )


def _queue(settings: QueueSettings, models: Models, camera: Defaults) -> Queue:
    versions = models.versions(camera.detect, camera.classify)
    return Queue(settings.dir, Limits(settings.max_mb, settings.max_days, settings.min_free_mb), versions)
