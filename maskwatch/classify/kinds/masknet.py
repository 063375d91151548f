"""Our own network. Loads no torch before it is built."""

from pathlib import Path
from typing import TYPE_CHECKING

from maskwatch.classify.settings import Settings
from maskwatch.plugins import ModelContext

if TYPE_CHECKING:
    from maskwatch.classify.classifier import MaskClassifier

__all__ = ["Settings", "build"]


def build(settings: Settings, context: ModelContext) -> "MaskClassifier":
    """Raises `ModelError`, naming the file."""
    import torch

    from maskwatch.classify.classifier import MaskClassifier
    from maskwatch.classify.network import load_network
    from maskwatch.platform.device_frames import DeviceFrames

    path, device = Path(settings.weights or context.weights), torch.device(context.device)

    def made() -> MaskClassifier:
        network, shape, version = load_network(path, device)
        return MaskClassifier(network, shape, device, version, context.share(DeviceFrames, DeviceFrames))

    classifier: MaskClassifier = context.share(("masknet", path), made)
    return classifier
