"""The service's composition root: builds the running program from the configuration."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import torch

from maskwatch.app.cameras import (
    camera_privacy,
    camera_source,
    make_camera,
    make_sink,
    sample_queue,
    why_not_decoded,
)
from maskwatch.app.fleet import fleet_follower, fleet_switch
from maskwatch.app.spread import spread_camera_models, spread_models
from maskwatch.app.upkeep import Upkeep
from maskwatch.config.load import Config
from maskwatch.core.errors import ConfigError
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Decision
from maskwatch.drift.confidences import Confidences, named
from maskwatch.drift.watch import Drift, DriftWatch, measured
from maskwatch.events.clips import Clips
from maskwatch.events.counts import restore_passages
from maskwatch.events.forwarder import Forwarder
from maskwatch.events.media import Media
from maskwatch.events.recorder import Recorder
from maskwatch.events.retention import Retention
from maskwatch.models.hot_swap import Follower
from maskwatch.models.loading import Models, load_version, serving_models, shadow_models
from maskwatch.models.registry import Registry
from maskwatch.models.registry_state import Shadow
from maskwatch.models.shadow import ShadowFollower
from maskwatch.pipeline.camera import CameraModels, ShadowModels
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.sources.paced import PacedSource

NOTHING_QUEUED = "privacy: aggregate: nothing is queued, so the models cannot learn from this camera"

log = logging.getLogger(__name__)


def service_pipeline(config: Config) -> Pipeline:
    """The service's pipeline with what accompanies it: it follows the registry."""
    registry = Registry(config.models.dir)
    fleet = fleet_switch(config, registry)
    change_stamp = registry.change_stamp()  # before the models are loaded, so that no change is missed

    def serving(device: torch.device) -> Models:
        return serving_models(registry, device)

    models = spread_models(config, serving)
    drift = config.drift
    confidences = Confidences(drift.dir, drift.max_days)
    pipeline = live_pipeline(config, models, lambda decision: confidences.add(decision.report))

    def look() -> Drift:
        versions = {name: named(each) for name, each in pipeline.versions().items()}
        return measured(drift, config.learn.archive, config.queue.dir, versions)

    def load(version: str) -> dict[str, CameraModels]:
        return spread_camera_models(
            config, lambda device: load_version(registry, version, device), pipeline.sample_inputs()
        )

    def load_candidate(shadow: Shadow) -> dict[str, ShadowModels]:
        cameras = {name: camera for name, camera in config.cameras.items() if shadow.covers(name)}
        return shadow_models(cameras, registry.files(shadow.version))

    # of lost cards `pick_devices` knows: what is left are the others, and at last the processor
    pipeline.fall_back_on(lambda: spread_camera_models(config, serving))
    pipeline.add_background_task(DriftWatch(confidences, look, pipeline))
    if config.learn.archive_max_days is not None or config.queue.names_max_days is not None:
        pipeline.add_background_task(Upkeep(config.queue, config.learn, pipeline.fail))
    version = next(iter(models.values())).files.version
    shadow = ShadowFollower(registry, pipeline, load_candidate, config.models.shadow_share)
    pipeline.add_background_task(Follower(registry, change_stamp, version, pipeline, load, shadow=shadow))
    if fleet is not None:
        pipeline.add_background_task(fleet_follower(config, fleet, pipeline, load))
    return pipeline


def live_pipeline(
    config: Config, models: Mapping[str, Models], on_decision: Callable[[Decision], None] | None = None
) -> Pipeline:
    """The configured cameras, each with its models; footage among them runs at its own speed.

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
        made = make_camera(paced, camera, models[name], name=name, sinks=sinks, selection=camera.queue)
        cameras.append(replace(made, sinks_of=sinks_of))
        if camera.privacy is Privacy.AGGREGATE:
            log.warning("%s: %s", name, NOTHING_QUEUED)
    name, first = next(iter(config.cameras.items()))
    queue = sample_queue(config.queue, models[name], first)
    pipeline = Pipeline(cameras, store=queue, on_decision=on_decision)
    for name, camera in config.cameras.items():
        if why := why_not_decoded(camera):
            pipeline.board.set_notice(f"camera {name}", f"{name}: {why}")
    return pipeline


def event_recorder(config: Config, pipeline: Pipeline, before: Recorder | None) -> Recorder | None:
    """The recorder of the events of `pipeline`, already attached to it; None where none are kept.

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
        camera_privacy(config),
        clip_s=events.clip_s,
        max_mb=events.clips_mb,
        on_crash=pipeline.fail,
    )
    pipeline.add_background_task(clips)
    pipeline.record_events(recorder, clips)
    return recorder
