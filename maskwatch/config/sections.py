"""The sections of the configuration as records, and a camera's."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema

from maskwatch.alerts.registry import SinkName
from maskwatch.alerts.settings import VoiceSettings
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.address import Address
from maskwatch.core.geometry import area, spread
from maskwatch.core.records import Polygon
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.platform.paths import base_of
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.samples.settings import (
    DriftSettings,
    LearnSettings,
    ModelsSettings,
    QueueSettings,
    SelectionSettings,
)
from maskwatch.sources.registry import is_footage, why_not_taken
from maskwatch.sources.settings import RtspSettings
from maskwatch.web.settings import WebSettings

MIN_AREA, MAX_AREA = 1e-6, 0.999  # of the picture, that an ignored polygon may cover
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


def _as_address(value: object, info: ValidationInfo) -> Address:
    if isinstance(value, Address):  # one that nobody opens: a variable in it may be unknown
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a path or URL")
    address = Address(value)
    if why := why_not_taken(address):
        raise ValueError(why)
    base = base_of(info)
    return Address(base.beside(value)) if base and is_footage(address) else address


def _as_corners(polygon: Polygon) -> Polygon:
    if len(polygon) < 3:
        raise ValueError("must have at least three corners")
    if spread(polygon) < MIN_AREA:
        raise ValueError("must enclose an area; these corners are on one line")
    if area(polygon) > MAX_AREA:
        raise ValueError("must leave something to see; this is the whole picture")
    return polygon


def _once_each(sinks: tuple[SinkName, ...]) -> tuple[SinkName, ...]:
    for sink in sinks:
        if sinks.count(sink) > 1:
            raise ValueError(f"{sink} duplicate key")
    return sinks


class _Strict(SettingsBase):
    model_config = ConfigDict(arbitrary_types_allowed=True)


class AlertSettings(_Strict):
    """The `alert` section: speak when the ratio is strictly under `protected_ratio` for `for_s`.

    And when a camera gave no frame for `dead_after_s` (None: never); `{camera}` in `say_dead` is its name.
    """

    protected_ratio: Share = 0.75
    min_people: Annotated[int, Field(ge=1, le=1000)] = 1
    for_s: Seconds = 1.0
    cooldown_s: Seconds = 30.0
    say: Annotated[str, Field(min_length=1, max_length=500)] = "Please wear your mask."
    sinks: Annotated[tuple[SinkName, ...], AfterValidator(_once_each)] = ("voice", "log")
    dead_after_s: Annotated[float, Field(ge=1, le=86_400)] | None = 60.0
    say_dead: Annotated[str, Field(min_length=1, max_length=500)] = "Camera {camera} is offline."
    voice: VoiceSettings = VoiceSettings()


class Defaults(_Strict):
    """What holds for every camera that does not say otherwise."""

    fps: Annotated[float, Field(gt=0, le=120)] = 5
    ignore: tuple[Annotated[tuple[tuple[Share, Share], ...], AfterValidator(_as_corners)], ...] = ()
    detect: DetectSettings = DetectSettings()
    motion: MotionSettings = MotionSettings()
    classify: ClassifySettings = ClassifySettings()
    alert: AlertSettings = AlertSettings()
    queue: SelectionSettings = SelectionSettings()
    rtsp: RtspSettings = RtspSettings()


class CameraConfig(Defaults):
    """One camera, with the defaults already filled in. The source's password shows nowhere."""

    source: Annotated[
        Address, BeforeValidator(_as_address), WithJsonSchema({"type": "string", "minLength": 1})
    ]


class Globals(Defaults):
    """Every section of a file."""

    queue: QueueSettings = QueueSettings()
    models: ModelsSettings = ModelsSettings()
    learn: LearnSettings = LearnSettings()
    drift: DriftSettings = DriftSettings()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    web: WebSettings = WebSettings()
    # each is validated by itself; kept here, its source would show the password
    cameras: Annotated[dict[str, Any], AfterValidator(lambda _: {})] = Field(default_factory=dict)
