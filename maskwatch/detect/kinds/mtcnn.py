"""Our own cascade. Loads no torch before it is built."""

from typing import TYPE_CHECKING

from maskwatch.detect.settings import Settings
from maskwatch.plugins import ModelContext

if TYPE_CHECKING:
    from maskwatch.detect.cascade import Mtcnn

__all__ = ["Settings", "build"]


def build(settings: Settings, context: ModelContext) -> "Mtcnn":
    """Raises `ModelError`, naming the file, and `ConfigError` where the device cannot do what is wanted."""
    import torch

    from maskwatch.detect.backends.choice import choose
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.weights import load_weights
    from maskwatch.platform.cuda import lost_cards
    from maskwatch.platform.device_frames import DeviceFrames

    path, device = settings.weights or str(context.weights), torch.device(context.device)
    is_fallback = device.type == "cpu" and bool(lost_cards())
    weights = context.share(("mtcnn weights", path), lambda: load_weights(path))
    backend = context.share(
        ("mtcnn backend", settings.backend, path, settings.half, settings.is_exact, settings.compile),
        lambda: choose(
            settings.backend,
            weights,
            device,
            half=settings.half and not is_fallback,
            exact=settings.is_exact,
            compiles=settings.compile,
        ),
    )
    frames = context.share(DeviceFrames, DeviceFrames)
    return Mtcnn(backend, settings, weights.version, weights.point, frames)
