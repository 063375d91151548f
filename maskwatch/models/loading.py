"""Loads models by version and settings: each file is read once, and cameras with equal settings share a model."""

import logging
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import torch

from maskwatch.classify.registry import CLASSIFIERS
from maskwatch.classify.settings import ClassifierSettings
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.errors import ConfigError, ModelError
from maskwatch.core.ports import Classifier, Detector
from maskwatch.core.records import Rgb
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.motion import MotionGate
from maskwatch.detect.registry import DETECTORS
from maskwatch.detect.second_look import ENLARGE, ThoroughLook
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.models.registry import SHIPPED, ModelFiles, Registry, shipped_files
from maskwatch.models.smoke_test import smoke_test
from maskwatch.pipeline.camera import CameraModels, ShadowModels
from maskwatch.platform.cuda import lost_cards
from maskwatch.platform.device_names import DEVICES
from maskwatch.plugins import KindSettings, ModelContext

log = logging.getLogger(__name__)

SMALLER = 0.7  # of the live detector's smallest face: what a second look takes, in pixels of the frame
# of the live thresholds: P- and R-Net lose faces, and two looks agree on what both show
EARLY, LAST = 0.25, 0.8


def pick_device(name: str) -> torch.device:
    """The first of `pick_devices`, for what computes on one alone."""
    return pick_devices(name)[0]


def pick_devices(name: str) -> tuple[torch.device, ...]:
    """The devices for a setting: `cuda` is all cards, `auto` all cards or else the processor, `cuda:0,cuda:2` these two, `cpu` the processor.

    Cards that this process has lost are left out; when none is left it is the processor. Raises `ConfigError` when
    a card is wanted and missing, or for another name.
    """
    if not re.fullmatch(DEVICES, name):
        raise ConfigError(f"device: must be auto, cpu, cuda, or cards like cuda:0,cuda:1, got {name}")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return (torch.device("cpu"),)
    if not torch.cuda.is_available():
        if lost_cards():
            return (torch.device("cpu"),)
        raise ConfigError(f"device: {name} is asked for, but torch finds no card on this machine")
    count = torch.cuda.device_count()
    if count < 2 and name in {"auto", "cuda"}:
        return (torch.device("cpu" if lost_cards() else "cuda"),)
    wanted = range(count) if ":" not in name else dict.fromkeys(map(int, re.findall(r"\d+", name)))
    if missing := [number for number in wanted if number >= count]:
        raise ConfigError(
            f"device: cuda:{missing[0]} is asked for, but cards here are {count}, counted from 0"
        )
    left = tuple(torch.device("cuda", number) for number in wanted if number not in lost_cards())
    return left or (torch.device("cpu"),)


class Models:
    """Loads each model once, on `device`; cameras with equal settings share.

    `files` serve where the settings name no weights; None for those that are shipped. Asking for a model raises
    `ModelError`, naming the file, when it is missing or damaged, and `ConfigError` for a backend that is not there.
    Models that share a backend are for one thread.
    """

    def __init__(self, device: torch.device, files: ModelFiles | None = None) -> None:
        self.files = chosen = files or shipped_files()
        self.device = device

        # nothing in here refers to `self`: whoever drops the last model frees its memory there and then
        shared: dict[Hashable, Any] = {}

        def share(key: Hashable, make: Callable[[], Any]) -> Any:
            if key not in shared:
                shared[key] = make()
            return shared[key]

        of_detector = ModelContext(str(device), chosen.detector, share)
        of_classifier = ModelContext(str(device), chosen.classifier, share)
        self.detector: Callable[[KindSettings], Detector] = cache(
            lambda settings: DETECTORS.build(settings, of_detector)
        )
        self.classifier: Callable[[ClassifierSettings], Classifier] = cache(
            lambda settings: CLASSIFIERS.build(settings, of_classifier)
        )

    def __reduce__(self) -> tuple[type["Models"], tuple[torch.device, ModelFiles]]:
        """A copy in another process loads its own."""
        return Models, (self.device, self.files)

    def mtcnn(self, settings: DetectSettings) -> Mtcnn:
        """Like `detector`, of our own cascade."""
        detector = self.detector(settings)
        assert isinstance(detector, Mtcnn)
        return detector

    def second_look(self, detect: KindSettings) -> ThoroughLook:
        """A second look by a detector of its own with these weights, for a thread of its own; loaded when it is first asked."""
        device, files = self.device, self.files  # and not `self`, with the models that serve
        return ThoroughLook(lambda: _thorough(Models(device, files), detect), smallest_face_px(detect) or 0.0)

    def computes_with(self, detect: KindSettings) -> str:
        """What the detector's networks are computed by; of a detector that is no cascade, its kind."""
        detector = self.detector(detect)
        return detector.backend_name if isinstance(detector, Mtcnn) else detect.kind

    def versions(self, detect: KindSettings, classify: ClassifierSettings) -> dict[str, str]:
        """What judges with these settings: `detector` and `classifier`, each the version of its weights."""
        return {"detector": self.detector(detect).version, "classifier": self.classifier(classify).version}


def smallest_face_px(detect: KindSettings) -> float | None:
    """The smallest face, in pixels, that a detector looks for; None where its kind does not say."""
    return detect.min_face_px if isinstance(detect, DetectSettings) else None


def _thorough(models: Models, detect: KindSettings) -> Detector:
    """The detector for second looks: our own cascade with lower thresholds in its first stages; of other kinds, the same.

    It computes with torch, which needs less memory than OpenVINO and no compiling, and takes smaller faces, but not
    as small as an enlarged frame would allow: those that are too small for the live one are left out anyway.
    """
    if not isinstance(detect, DetectSettings):
        return models.detector(detect)
    to_p, to_r, to_o = models.mtcnn(detect.model_copy(update={"backend": "torch"})).thresholds
    return models.detector(
        detect.model_copy(
            update={
                "crops": "exact",
                "backend": "torch",
                "min_face_px": max(8.0, detect.min_face_px * ENLARGE * SMALLER),
                "thresholds": (to_p * EARLY, to_r * EARLY, to_o * LAST),
            }
        )
    )


def load_version(registry: Registry, name: str, device: torch.device) -> Models:
    """The models of one version, tried out. Raises `ModelError` when they are not whole, or of no use."""
    models = Models(device, registry.files(name))
    smoke_test(models.detector(DetectSettings()), models.classifier(ClassifySettings()), ())
    return models


def serving_models(registry: Registry, device: torch.device) -> Models:
    """The models of the registry's serving version; when they cannot be used, which is logged, those that served before."""
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


class ShadowedSettings(Protocol):
    """What of a camera's settings decides on a candidate's models, and on what differs."""

    @property
    def detect(self) -> KindSettings:
        """The detector's settings, of whatever kind."""
        ...

    @property
    def classify(self) -> ClassifierSettings:
        """The classifier's settings, of whatever kind."""
        ...

    @property
    def alert(self) -> "AlertsBelow":
        """The alerts' settings."""
        ...


class AlertsBelow(Protocol):
    """What of the alerts' settings decides on what differs."""

    @property
    def protected_ratio(self) -> float:
        """The protected ratio (0..1) below which an alert is due."""
        ...


def shadow_models(cameras: Mapping[str, ShadowedSettings], files: ModelFiles) -> dict[str, ShadowModels]:
    """A candidate's models for each camera: its own, on the processor and by torch, tried out.

    So it takes nothing of a graphics card, compiles nothing, and its threads have the priority of the thread that asks.
    Raises `ModelError`, and `ConfigError` where the settings of all cameras name other weights.
    """
    models, result = Models(torch.device("cpu"), files), {}
    for name, camera in cameras.items():
        if all(getattr(each, "weights", None) for each in (camera.detect, camera.classify)):
            log.warning("%s: its weights are named in the configuration: no version is compared there", name)
            continue
        detect = camera.detect
        if isinstance(detect, DetectSettings):
            detect = detect.model_copy(update={"backend": "torch", "compile": "off", "half": False})
        detector, classifier = models.detector(detect), models.classifier(camera.classify)
        smoke_test(detector, classifier, ())
        result[name] = ShadowModels(detector, classifier, camera.alert.protected_ratio)
    if cameras and not result:
        raise ConfigError("the weights of all cameras are named in the configuration")
    return result


class CameraSettings(Protocol):
    """What of a camera's settings decides on its models."""

    @property
    def detect(self) -> KindSettings:
        """The detector's settings, of whatever kind."""
        ...

    @property
    def motion(self) -> MotionSettings:
        """The motion gate's settings; with `gate` false there is none."""
        ...

    @property
    def classify(self) -> ClassifierSettings:
        """The classifier's settings, of whatever kind."""
        ...

    @property
    def queue(self) -> "LooksAgain":
        """The queue's settings; second looks need a model."""
        ...


class LooksAgain(Protocol):
    """What of the queue's settings decides on models."""

    @property
    def second_look_share(self) -> float:
        """The share (0..1) of frames that get a second look; with 0 there are none."""
        ...


def camera_models(
    cameras: Mapping[str, CameraSettings], models: Models, images: Sequence[Rgb]
) -> dict[str, CameraModels]:
    """What each camera is to see and judge with, by its name, tried out on `images`.

    Raises `ModelError` when one gives no finite numbers.
    """
    result = {}
    tried: list[tuple[Detector, Classifier]] = []
    for name, camera in cameras.items():
        detector, classifier = models.detector(camera.detect), models.classifier(camera.classify)
        if (detector, classifier) not in tried:
            smoke_test(detector, classifier, images)
            tried.append((detector, classifier))
        gate = MotionGate(name, camera.motion) if camera.motion.gate else None
        look = models.second_look(camera.detect) if camera.queue.second_look_share else None
        result[name] = CameraModels(detector, classifier, gate, look, str(models.device))
    return result
