"""Training: recipes, augmentation, mining, thresholds, checkpoints, cards.

A whole training, from labelled folders to a weight file with its card, is one call: `train_detector`,
`train_classifier`. What each step of it does stands in the modules of the same names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskwatch.training.jobs.callbacks import Callbacks
    from maskwatch.training.jobs.classifier import train_classifier
    from maskwatch.training.jobs.detector import train_detector

__all__ = ["Callbacks", "train_classifier", "train_detector"]

_HOMES = {
    "Callbacks": "callbacks",
    "train_classifier": "classifier",
    "train_detector": "detector",
}


def __getattr__(name: str) -> Any:
    """Whoever needs one part of the room does not load TensorBoard and all the others."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"maskwatch.training.jobs.{_HOMES[name]}"), name)
