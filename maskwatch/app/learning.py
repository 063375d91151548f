"""Puts together what learns from the queue."""

from collections.abc import Callable
from functools import cache

from maskwatch.app.compose import analyst, camera_versions, configured_models
from maskwatch.config.load import Config
from maskwatch.core.records import FrameReport, Rgb
from maskwatch.drift.report import section
from maskwatch.drift.watch import measured
from maskwatch.evaluation.document import Section
from maskwatch.learning.archive import Archive
from maskwatch.learning.loop import Loop
from maskwatch.learning.tune import Callbacks, Tuning, light_classifier, light_detector
from maskwatch.models.loading import Models, pick_device
from maskwatch.models.registry import ModelFiles, Registry
from maskwatch.samples.store import Queue


def learning_loop(config: Config, callbacks: Callbacks) -> Loop:
    """Training from the queue, with the settings of the cameras that the samples are of."""
    device, learn = pick_device(config.device), config.learn
    models = cache(lambda files: Models(device, files))  # for all cameras together

    def analyst_of(files: ModelFiles, camera: str) -> Callable[[Rgb], FrameReport]:
        settings = config.cameras.get(camera, config.defaults)
        detect = settings.detect.model_copy(update={"weights": None})
        classify = settings.classify.model_copy(update={"weights": None})
        return analyst(settings.model_copy(update={"detect": detect, "classify": classify}), models(files))

    def drift() -> Section | None:
        if not config.cameras:
            return None
        versions = camera_versions(config, configured_models(config))
        return section(measured(config.drift, learn.archive, config.queue.dir, versions))

    return Loop(
        queue=Queue(config.queue.dir),
        archive=Archive(learn.archive),
        registry=Registry(config.models.dir),
        settings=learn,
        tuning=Tuning(
            light_detector(learn.effort),
            light_classifier(learn.effort),
            config.defaults.detect.min_face_px,
            device,
        ),
        analysts=analyst_of,
        callbacks=callbacks,
        drift=drift,
    )
