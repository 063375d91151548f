"""Judges labelled pictures by any version of the models, with the settings of the camera that took them."""

from collections.abc import Callable
from functools import cache

import torch

from maskwatch.app.cameras import analyst
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config.load import Config
from maskwatch.config.sections import Defaults
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import FrameReport, Rgb
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.learning.compare import Analysts
from maskwatch.models.loading import Models
from maskwatch.models.registry import ModelFiles


def require_own(settings: Defaults) -> tuple[DetectSettings, ClassifySettings]:
    """Raises `ConfigError` for kinds of model that do not use the weights of the registry's versions."""
    detect, classify = settings.detect, settings.classify
    if isinstance(detect, DetectSettings) and isinstance(classify, ClassifySettings):
        return detect, classify
    raise ConfigError(
        f"learn: trains the kinds mtcnn and masknet, and the configuration judges by {detect.kind} and {classify.kind}"
    )


def version_analysts(config: Config, device: torch.device) -> Analysts:
    """Each version is loaded once. Calls raise `ConfigError` for a camera that uses other kinds of model, and `ModelError`."""
    models = cache(lambda files: Models(device, files))  # for all cameras together

    def analyst_of(files: ModelFiles, camera: str) -> Callable[[Rgb], FrameReport]:
        settings = config.cameras.get(camera, config.defaults)
        own = [each.model_copy(update={"weights": None}) for each in require_own(settings)]
        return analyst(
            settings.model_copy(update=dict(zip(("detect", "classify"), own, strict=True))), models(files)
        )

    return analyst_of
