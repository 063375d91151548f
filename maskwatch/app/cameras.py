"""Builds cameras from the configuration: models, rules, sinks, selection and queue."""

from collections.abc import Callable
from pathlib import Path

from maskwatch.alerts.registry import SINKS, SinkContext
from maskwatch.api import Analyzer
from maskwatch.app.rules import FEW_FRAMES, camera_rules
from maskwatch.config.load import Config
from maskwatch.config.sections import CameraConfig, Defaults
from maskwatch.core.people import Passages, People
from maskwatch.core.people.effect import Effect
from maskwatch.core.ports import AlertSink, Source
from maskwatch.core.privacy import CameraPrivacy, Privacy
from maskwatch.core.records import FrameReport, Rgb, Versions
from maskwatch.core.rules.camera_offline import CameraOffline
from maskwatch.core.rules.camera_view import CameraView
from maskwatch.core.selection import Selection
from maskwatch.detect.motion import MotionGate
from maskwatch.drift.confidences import named
from maskwatch.models.loading import Models, pick_device, serving_models, smallest_face_px
from maskwatch.models.registry import Registry
from maskwatch.pipeline.camera import Camera
from maskwatch.platform.caches import cache_folder
from maskwatch.plugins import KindSettings
from maskwatch.samples.retention import Limits
from maskwatch.samples.settings import QueueSettings, SelectionSettings
from maskwatch.samples.store import Queue
from maskwatch.sources.registry import address_of, open_source
from maskwatch.sources.settings import Decode
from maskwatch.tracking import FaceTracker


def configured_models(config: Config) -> Models:
    """The models that a configuration's registry lets serve, on its device."""
    return serving_models(Registry(config.models.dir), pick_device(config.device))


def camera_versions(config: Config, models: Models) -> dict[str, str]:
    """Each camera's model versions as one name, by which drift statistics are kept apart."""
    return {
        name: named(Versions(**models.versions(camera.detect, camera.classify)))
        for name, camera in config.cameras.items()
    }


def make_camera(
    source: Source,
    settings: Defaults,
    models: Models,
    *,
    name: str,
    sinks: tuple[AlertSink, ...],
    selection: SelectionSettings | None,
) -> Camera:
    """A camera with its models, people, rules and selection by `settings`; `selection` None queues nothing.

    Raises `ModelError` and `ConfigError`.
    """
    if settings.privacy is Privacy.AGGREGATE:
        selection = None
    alert = settings.alert
    return Camera(
        name=name,
        source=source,
        detector=models.detector(settings.detect),
        classifier=models.classifier(settings.classify),
        protected_at=settings.classify.protected_at,
        min_face_px=settings.classify.min_face_px,
        ignore=settings.ignore,
        device=str(models.device),
        people=People(
            FaceTracker(), protected_at=settings.classify.protected_at, passages=_passages(settings)
        ),
        rules=camera_rules(settings, live=source.live),
        sinks=sinks,
        selection=camera_selection(selection, settings) if selection else None,
        second_look=models.second_look(settings.detect)
        if selection and selection.second_look_share
        else None,
        near_miss_from=_near_miss_from(settings, selection),
        gate=MotionGate(name, settings.motion) if settings.motion.gate else None,
        offline_rule=_offline_rule(name, settings),
        view_rule=_view_rule(name, settings) if source.live else None,
        effect=Effect(
            name,
            effect_s=max(1.0, min(alert.effect_s, alert.cooldown_s)),
            withhold_share=alert.withhold_share,
        ),
        privacy=settings.privacy,
        sentences=alert_sentences(name, settings),
    )


def _near_miss_from(settings: Defaults, selection: SelectionSettings | None) -> float | None:
    """From which share of the detector's threshold near misses are needed; None where they are not.

    The selection queues them; `blur` pixelates them with the faces.
    """
    if selection:
        share = selection.near_miss_from
    elif settings.privacy is Privacy.BLUR:
        share = settings.queue.near_miss_from
    else:
        return None
    return None if share == 1 else share


def _offline_rule(name: str, settings: Defaults) -> CameraOffline | None:
    after_s = settings.alert.dead_after_s
    if after_s is None:
        return None
    say = alert_sentences(name, settings)[-1]
    return CameraOffline(name, dead_after_s=max(after_s, _few_frames_s(settings)), say=say)


def _view_rule(name: str, settings: Defaults) -> CameraView | None:
    after_s = settings.alert.view_after_s
    if after_s is None:
        return None
    say = settings.alert.say_view.replace("{camera}", name)
    return CameraView(name, after_s=max(after_s, _few_frames_s(settings)), say=say)


def _few_frames_s(settings: Defaults) -> float:
    """The time of a few frames, which matters for a camera that is analysed once a minute."""
    return FEW_FRAMES / settings.fps


def bench_camera(name: str, source: Source, settings: Defaults, models: Models) -> Camera:
    """A camera without sinks and without a queue."""
    return make_camera(source, settings, models, name=name, sinks=(), selection=None)


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


def analyst(settings: Defaults, models: Models) -> Callable[[Rgb], FrameReport]:
    """Judges single pictures as the engine judges a camera's frames, each looked at whole and everywhere."""
    return Analyzer(
        models.detector(settings.detect),
        models.classifier(settings.classify),
        protected_at=settings.classify.protected_at,
        min_face_px=settings.classify.min_face_px,
    ).predict


def alert_sentences(name: str, settings: Defaults) -> tuple[str, ...]:
    """The sentences that the camera's alerts may say: each rule's and, if configured, last, that it is offline."""
    alert = settings.alert
    dead = () if alert.dead_after_s is None else (alert.say_dead.replace("{camera}", name),)
    rules = alert.rule_settings().values()
    said = (sentence for rule in rules for sentence in (rule.say, rule.escalation.say))
    return *dict.fromkeys(sentence for sentence in said if sentence is not None), *dead


def make_sink(settings: KindSettings, cache: Path | None = None) -> AlertSink:
    """The sink of these settings; its cached files are in `cache` (None: the usual folder). Raises `ConfigError`."""
    return SINKS.build(settings, SinkContext(cache_folder() if cache is None else cache))


def camera_selection(settings: SelectionSettings, camera: Defaults) -> Selection:
    """The selection of one camera's samples, by its settings of the queue and of detection."""
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


def sample_queue(settings: QueueSettings, models: Models, camera: Defaults) -> Queue:
    """The queue, whose samples record the models that judged them."""
    versions = models.versions(camera.detect, camera.classify)
    limits = Limits(settings.max_mb, settings.max_days, settings.min_free_mb, settings.labelled_max_days)
    return Queue(settings.dir, limits, versions)


def camera_privacy(config: Config) -> dict[str, CameraPrivacy]:
    """Each camera's privacy setting, by its name: how much of its frames may be shown."""
    return {name: CameraPrivacy(each.privacy, each.ignore) for name, each in config.cameras.items()}


def _passages(settings: Defaults) -> Passages:
    lines = {name: each.line for name, each in settings.lines.items()}
    return Passages(zones=settings.zones, lines=lines, min_face_px=_smallest_px(settings))


def _smallest_px(camera: Defaults) -> float:
    return smallest_face_px(camera.detect) or camera.classify.min_face_px
