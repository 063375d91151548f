"""Version and settings to models that are ready: each file is read once, and cameras with equal settings share."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import torch

from maskwatch.classify.classifier import MaskClassifier
from maskwatch.classify.network import load_network
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.errors import ConfigError, ModelError
from maskwatch.core.records import Rgb
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.motion import MotionGate
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.detect.weights import load_weights
from maskwatch.models.registry import SHIPPED, ModelFiles, Registry, shipped_files
from maskwatch.models.smoke_test import smoke_test
from maskwatch.pipeline.camera import CameraModels

log = logging.getLogger(__name__)


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one. Raises `ConfigError` when `cuda` is wanted and missing, or for another name."""
    if name not in {"auto", "cpu", "cuda"}:
        raise ConfigError(f"device: must be auto, cpu or cuda, got {name}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda is asked for, but torch finds none on this machine")
    cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if cuda else "cpu")


class Models:
    """Loads each model once, on `device`; cameras with equal settings share.

    `files` serve where the settings name no weights; None for those that are shipped. Asking for a model raises
    `ModelError`, naming the file, when it is missing or damaged, and `ConfigError` for a backend that is not there.
    Models that share a backend are for one thread.
    """

    def __init__(self, device: torch.device, files: ModelFiles | None = None) -> None:
        self.files = chosen = files or shipped_files()

        # nothing in here refers to `self`: whoever drops the last model frees its memory there and then
        def made_detector(settings: DetectSettings) -> Mtcnn:
            loaded = weights(settings.weights)
            computed = backend(settings.backend, settings.weights, settings.half)
            return Mtcnn(computed, settings, loaded.version, loaded.point)

        def made_classifier(path: str | None) -> MaskClassifier:
            network, shape, version = load_network(Path(path) if path else chosen.classifier, device)
            return MaskClassifier(network, shape, device, version)

        weights = cache(lambda name: load_weights(name or str(chosen.detector)))
        backend = cache(lambda name, path, half: choose(name, weights(path), device, half=half))
        self._backend = backend
        self.detector: Callable[[DetectSettings], Mtcnn] = cache(made_detector)
        self.classifier: Callable[[str | None], MaskClassifier] = cache(made_classifier)

    def computes_with(self, detect: DetectSettings) -> str:
        """What the detector's networks are computed by."""
        return self._backend(detect.backend, detect.weights, detect.half).name

    def versions(self, detect: DetectSettings, classify: ClassifySettings) -> dict[str, str]:
        """What judges with these settings: `detector` and `classifier`, each the version of its weights."""
        return {
            "detector": self.detector(detect).version,
            "classifier": self.classifier(classify.weights).version,
        }


def load_version(registry: Registry, name: str, device: torch.device) -> Models:
    """The models of one version, tried out. Raises `ModelError` when they are not whole, or of no use."""
    models = Models(device, registry.files(name))
    smoke_test(models.detector(DetectSettings()), models.classifier(None), ())
    return models


def serving_models(registry: Registry, device: torch.device) -> Models:
    """Those of the registry's serving version; when they are of no use, which is logged, those that served before."""
    try:
        state = registry.state()
    except ModelError as e:
        log.error("%s; the shipped models serve", e)
        return Models(device)
    for name in (state.serving, *reversed(state.before)):
        if name == SHIPPED:
            break
        try:
            return load_version(registry, name, device)
        except ModelError as e:
            log.error("version %s cannot serve: %s", name, e)
    return Models(device)


class CameraSettings(Protocol):
    """What of a camera's settings decides on its models."""

    @property
    def detect(self) -> DetectSettings: ...

    @property
    def motion(self) -> MotionSettings: ...

    @property
    def classify(self) -> ClassifySettings: ...


def camera_models(
    cameras: Mapping[str, CameraSettings], models: Models, images: Sequence[Rgb]
) -> dict[str, CameraModels]:
    """What each camera is to see and judge with, by its name, tried out on `images`.

    Raises `ModelError` when one gives no finite numbers.
    """
    result = {}
    tried: list[tuple[Mtcnn, MaskClassifier]] = []
    for name, camera in cameras.items():
        detector, classifier = models.detector(camera.detect), models.classifier(camera.classify.weights)
        if (detector, classifier) not in tried:
            smoke_test(detector, classifier, images)
            tried.append((detector, classifier))
        gate = MotionGate(name, camera.motion) if camera.motion.gate else None
        result[name] = CameraModels(detector, classifier, gate)
    return result
