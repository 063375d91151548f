"""Puts together what learns from the queue."""

from maskwatch.app.analysts import require_own, version_analysts
from maskwatch.app.cameras import camera_versions, configured_models
from maskwatch.config.load import Config
from maskwatch.drift.report import section
from maskwatch.drift.watch import measured
from maskwatch.evaluation.document import Section
from maskwatch.learning.archive import Archive
from maskwatch.learning.loop import Loop
from maskwatch.learning.tune import Callbacks, Tuning, light_classifier, light_detector
from maskwatch.models.loading import pick_device
from maskwatch.models.registry import Registry
from maskwatch.samples.store import Queue


def learning_loop(config: Config, callbacks: Callbacks) -> Loop:
    """Training from the queue, with the settings of the cameras that the samples are of."""
    device, learn = pick_device(config.device), config.learn
    detect, _ = require_own(config.defaults)

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
        analysts=version_analysts(config, device),
        callbacks=callbacks,
        drift=drift,
    )
