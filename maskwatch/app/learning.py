"""Puts together what learns from the queue."""

from collections.abc import Callable
from functools import cache

from maskwatch.app.cameras import analyst, camera_versions, configured_models
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config.load import Config
from maskwatch.config.sections import Defaults
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import FrameReport, Rgb
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.drift.report import section
from maskwatch.drift.watch import measured
from maskwatch.evaluation.document import Section
from maskwatch.learning.archive import Archive
from maskwatch.learning.loop import Loop
from maskwatch.learning.tune import Callbacks, Tuning, light_classifier, light_detector
from maskwatch.models.loading import Models, pick_device
from maskwatch.models.registry import ModelFiles, Registry
from maskwatch.samples.store import Queue


def _require_own(settings: Defaults) -> tuple[DetectSettings, ClassifySettings]:
    """Raises `ConfigError` for kinds that `maskwatch learn` cannot train."""
    detect, classify = settings.detect, settings.classify
    if isinstance(detect, DetectSettings) and isinstance(classify, ClassifySettings):
        return detect, classify
    raise ConfigError(
        f"learn: trains the kinds mtcnn and masknet, and the configuration judges by {detect.kind} and {classify.kind}"
    )


def learning_loop(config: Config, callbacks: Callbacks) -> Loop:
    """Training from the queue, with the settings of the cameras that the samples are of."""
    device, learn = pick_device(config.device), config.learn
    detect, _ = _require_own(config.defaults)
    models = cache(lambda files: Models(device, files))  # for all cameras together

    def analyst_of(files: ModelFiles, camera: str) -> Callable[[Rgb], FrameReport]:
        settings = config.cameras.get(camera, config.defaults)
        own = [each.model_copy(update={"weights": None}) for each in _require_own(settings)]
        return analyst(
            settings.model_copy(update=dict(zip(("detect", "classify"), own, strict=True))), models(files)
        )

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
            detect.min_face_px,
            device,
        ),
        analysts=analyst_of,
        callbacks=callbacks,
        drift=drift,
    )
