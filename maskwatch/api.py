"""The public Python interface: models, pictures and frames in, records out, by the same code as the service.

    import maskwatch

    analyzer = maskwatch.Analyzer(maskwatch.load_detector(), maskwatch.load_classifier())
    rule = maskwatch.Rule(protected_ratio=0.75, for_s=1)
    for report in analyzer.analyze(maskwatch.open_source("clip.mp4")):
        if alert := rule.update(report):
            rule.delivered(alert.at)
            print(alert.say)

Every error that is not the caller's own bug is a `MaskwatchError`, whose message is one line. A library is loaded
when a function needs it: torch with the models, a decoder with a source, and never a web server.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError, ImageError, MaskwatchError, ModelError, SourceError
from maskwatch.core.people import People
from maskwatch.core.ports import Classifier, Detector, Frames
from maskwatch.core.records import Alert, Box, Face, Frame, FrameReport, Label, Person, Polygon, Rgb
from maskwatch.core.rules.protected_ratio import Rule
from maskwatch.pipeline.camera import AnalysisConfig
from maskwatch.pipeline.engine import Engine

if TYPE_CHECKING:
    from maskwatch.models.loading import Models
    from maskwatch.platform.settings_base import SettingsBase

    Settings = TypeVar("Settings", bound=SettingsBase)

__all__ = [
    "Alert",
    "Analyzer",
    "Box",
    "Classifier",
    "ConfigError",
    "Detector",
    "Face",
    "Frame",
    "FrameReport",
    "ImageError",
    "Label",
    "MaskwatchError",
    "ModelError",
    "Person",
    "Rule",
    "SourceError",
    "load_classifier",
    "load_detector",
    "open_source",
]

Device = Literal["auto", "cpu", "cuda"]
CAMERA = "camera"  # the name of frames that bring none
DEVICES = ("auto", "cpu", "cuda")


def load_detector(
    weights: str | os.PathLike[str] | None = None,
    *,
    registry: str | os.PathLike[str] | None = None,
    device: Device = "auto",
    min_face_px: float = 20,
    thresholds: tuple[float, float, float] | None = None,
    backend: Literal["auto", "torch", "openvino"] = "auto",
) -> Detector:
    """A face detector, MTCNN (Zhang et al. 2016), ready to be asked by one thread at a time.

    `weights` is a file that `maskwatch train detector` wrote, or `"stock"` for the published weights; None takes
    those that are shipped, or with `registry`, the folder of a registry, those of the version that serves there.
    `device` is where it computes; `auto` takes CUDA where there is one. `min_face_px` (8..1000) is the side of the
    smallest face to look for: halving it takes four times as long. `thresholds` (0..1 each) are the lowest
    probabilities that pass P-Net, R-Net and O-Net; None takes those that were chosen with the weights. `backend` is
    what computes the networks; `auto` takes OpenVINO on the processor where it is installed, else torch.

    Raises `ModelError`, naming the file, when one is missing, damaged or no detector, and `ConfigError`, naming the
    argument, for a value out of its range, a device or backend that is not there.
    """
    from maskwatch.detect.settings import Settings

    settings = _validated(
        Settings,
        {
            "weights": _path(weights),
            "min_face_px": min_face_px,
            "thresholds": thresholds,
            "backend": backend,
        },
    )
    return _models(weights, registry, device).detector(settings)


def load_classifier(
    weights: str | os.PathLike[str] | None = None,
    *,
    registry: str | os.PathLike[str] | None = None,
    device: Device = "auto",
) -> Classifier:
    """What tells from a face whether a mask covers nose and mouth, ready to be asked by one thread at a time.

    `weights` is a file that `maskwatch train classifier` wrote; `registry`, `device` and the errors are as with
    `load_detector`.
    """
    from maskwatch.classify.settings import Settings

    return _models(weights, registry, device).classifier(Settings(weights=_path(weights)))


def open_source(address: str | os.PathLike[str], *, name: str = CAMERA, fps: float | None = None) -> Frames:
    """The frames of a video, a picture, a folder or glob of pictures, `usb:0`, or `rtsp://…`, one after the other.

    `name` is the camera's in frames and reports. `fps` is how many frames a second are wanted at most, evenly
    spaced; None for every frame. A frame is `(H, W, 3)` uint8 RGB, upright; its time `at` is seconds, of the clip
    or, from a live camera, Unix time. Nothing is opened before the first frame is asked for; closing the iterator
    closes the source. A live camera is read as fast as frames are asked for, and not opened again when it breaks
    off: `maskwatch run` does both better.

    Raises `SourceError` at once when no kind of source takes the address, and while frames are read when it cannot
    be opened or breaks off. No message shows a password. Raises `ConfigError` when `fps` is not above 0.
    """
    from maskwatch.sources import registry

    _require_fps(fps)
    return registry.open_source(name, Address(os.fspath(address)), fps=fps).frames()


class Analyzer:
    """Finds and judges faces as the service does for one camera: the same engine, gate, bounds and defaults.

    `detector` and `classifier` are what `load_detector` and `load_classifier` give, or any objects that have the
    methods of `Detector` and `Classifier`. A face whose probability is at least `protected_at` (0..1, both
    excluded) is protected; one whose box is smaller than `min_face_px` pixels on its longer side is too small to
    judge and stays `Label.UNKNOWN`. A face whose centre lies in one of the polygons `ignore`, at least three
    corners (x, y) as shares (0..1) of width and height, is none.

    With the `gate`, what did not change in a sequence of frames since it was last looked at is not looked at again:
    its faces are carried on. Everything is looked at each `full_s` seconds (above 0, at most 60).

    One thread at a time may use it, because the models are so. Raises `ConfigError`, naming the argument, for a
    value out of its range.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier,
        *,
        protected_at: float = 0.5,
        min_face_px: float = 8,
        ignore: Iterable[Polygon] = (),
        gate: bool = True,
        full_s: float = 3,
    ) -> None:
        from maskwatch.classify.settings import Settings
        from maskwatch.detect.settings import MotionSettings

        bounds = _validated(Settings, {"protected_at": protected_at, "min_face_px": min_face_px})
        self._motion = _validated(MotionSettings, {"gate": gate, "full_s": full_s})
        polygons = tuple(_polygon(corners) for corners in ignore)
        self._whole = AnalysisConfig(
            CAMERA, detector, classifier, bounds.protected_at, bounds.min_face_px, polygons
        )

    def predict(self, rgb: Rgb) -> FrameReport:
        """What is seen in one picture, `(H, W, 3)` uint8 RGB, all of which is looked at.

        Boxes are in pixels of the picture and end with it. The report's `at` is 0, and its `persons` None. Raises `ImageError` for anything
        else: another shape or dtype, an empty picture, a side above 32,766 px.
        """
        (report,) = Engine({CAMERA: self._whole}).analyse([Frame(CAMERA, "picture", 0, 0.0, rgb)])
        return report

    def analyze(self, frames: Iterable[Frame | Rgb], *, fps: float | None = None) -> Iterator[FrameReport]:
        """One report a frame, in the same order, each as soon as its frame has come.

        `frames` are those of `open_source`, or your own: `Frame` records, or pictures `(H, W, 3)` uint8 RGB, which
        are so many a second (`fps`) and get times from 0 s on. Frames of several cameras may be mixed.

        People are followed from frame to frame: `persons` of a report are those in view, each with the verdict of all
        that was seen of her, and its `protected_ratio` is theirs; `raw_ratio` is that of the frame's faces alone.

        Raises `ConfigError` when `fps` is not above 0, or missing where pictures come without a time. While it
        goes on, raises `ImageError` for what is no such picture, and what `frames` raises.
        """
        _require_fps(fps)
        return self._reports(frames, fps)

    def _reports(self, frames: Iterable[Frame | Rgb], fps: float | None) -> Iterator[FrameReport]:
        from maskwatch.tracking import FaceTracker

        cameras: dict[str, tuple[Engine, People]] = {}
        for seq, each in enumerate(frames):
            frame = each if isinstance(each, Frame) else _timed(each, seq, fps)
            if frame.camera not in cameras:
                engine = Engine({frame.camera: self._analysis(frame.camera)})
                cameras[frame.camera] = engine, People(FaceTracker(), protected_at=self._whole.protected_at)
            engine, people = cameras[frame.camera]
            (found,) = engine.analyse([frame])
            yield people.update(frame, found)[0]

    def _analysis(self, camera: str) -> AnalysisConfig:
        from maskwatch.detect.motion import MotionGate

        gate = MotionGate(camera, self._motion) if self._motion.gate else None
        return replace(self._whole, name=camera, gate=gate)


def _polygon(corners: Iterable[tuple[float, float]]) -> Polygon:
    try:
        polygon = tuple((float(x), float(y)) for x, y in corners)
    except (TypeError, ValueError) as e:
        raise ConfigError("ignore: a corner must be two numbers") from e
    if len(polygon) < 3 or not all(0 <= share <= 1 for corner in polygon for share in corner):
        raise ConfigError("ignore: must be at least three corners as shares (0..1) of width and height")
    return polygon


def _timed(rgb: Rgb, seq: int, fps: float | None) -> Frame:
    if fps is None:
        raise ConfigError("fps: pictures without a time need so many a second")
    return Frame(CAMERA, "pictures", seq, seq / fps, rgb)


def _require_fps(fps: float | None) -> None:
    if fps is not None and not 0 < fps < float("inf"):
        raise ConfigError(f"fps: must be above 0, got {fps:g}")


def _models(
    weights: str | os.PathLike[str] | None, registry: str | os.PathLike[str] | None, device: str
) -> "Models":
    """Raises `ModelError` when the registry's serving version is not whole, or not there."""
    from maskwatch.models.loading import Models, load_version, pick_device
    from maskwatch.models.registry import Registry

    if device not in DEVICES:
        raise ConfigError(f"device: must be one of {', '.join(DEVICES)}, got {device}")
    chosen = pick_device(device)
    if registry is None:
        return Models(chosen)
    if weights is not None:
        raise ConfigError("weights: a registry names its own, so give one of the two")
    found = Registry(Path(registry))
    if not found.folder.is_dir():
        raise ModelError(f"{found.folder}: there is no registry")
    return load_version(found, found.state().serving, chosen)


def _path(weights: str | os.PathLike[str] | None) -> str | None:
    return None if weights is None else os.fspath(weights)


def _validated(section: "type[Settings]", values: Mapping[str, object]) -> "Settings":
    """The section of the configuration with these values."""
    from pydantic import ValidationError

    try:
        return section.model_validate(values)
    except ValidationError as e:
        problems = []
        for error in e.errors(include_url=False):
            problem = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            problems.append(f"{'.'.join(map(str, error['loc']))}: {problem}")
        raise ConfigError("\n".join(problems)) from e
