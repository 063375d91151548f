"""From settings to a detector that is ready."""

import torch

from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_weights


def ready_detector(settings: Settings, device: torch.device) -> Mtcnn:
    """The detector of these settings, read from its file at every call.

    Raises `ModelError`, naming the file, or `ConfigError` when the backend is not there.
    """
    weights = load_weights(settings.weights)
    backend = choose(
        settings.backend,
        weights,
        device,
        half=settings.half,
        exact=settings.is_exact,
        compiles=settings.compile,
    )
    return Mtcnn(backend, settings, weights.version, weights.point)
