"""The sections of the configuration as records, and a camera's."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from maskwatch.alerts.kinds.log import Settings as LogSettings
from maskwatch.alerts.kinds.voice import Settings as VoiceSettings
from maskwatch.alerts.registry import SINKS
from maskwatch.classify.registry import CLASSIFIERS
from maskwatch.classify.settings import ClassifierSettings
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.address import Address
from maskwatch.core.geometry import area, spread
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Polygon
from maskwatch.detect.registry import DETECTORS
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.drift.settings import DriftSettings
from maskwatch.learning.settings import LearnSettings
from maskwatch.models.settings import ModelsSettings
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.plugins import KindSettings, OneOf
from maskwatch.samples.settings import QueueSettings, SelectionSettings
from maskwatch.sources.registry import SOURCES, AddressOrKind
from maskwatch.sources.settings import RtspSettings
from maskwatch.web.settings import WebSettings

MIN_AREA, MAX_AREA = 1e-6, 0.999  # of the picture, that an ignored polygon may cover
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


def _as_corners(polygon: Polygon) -> Polygon:
    if len(polygon) < 3:
        raise ValueError("must have at least three corners")
    if spread(polygon) < MIN_AREA:
        raise ValueError("must enclose an area; these corners are on one line")
    if area(polygon) > MAX_AREA:
        raise ValueError("must leave something to see; this is the whole picture")
    return polygon


def _once_each(sinks: tuple[KindSettings, ...]) -> tuple[KindSettings, ...]:
    said = [sink.model_dump(exclude_unset=True) for sink in sinks]
    for sink in said:
        if said.count(sink) > 1:
            raise ValueError(f"{sink['kind']} is named twice")
    return sinks


class _Strict(SettingsBase):
    model_config = ConfigDict(arbitrary_types_allowed=True)


class AlertSettings(_Strict):
    """The `alert` section: speak when the ratio is strictly under `protected_ratio` for `for_s`.

    What people do is watched for `effect_s` after it (at most `cooldown_s`); `withhold_share` of the alerts are withheld by
    chance, to compare. And when a camera gave no frame for `dead_after_s` (None: never); `{camera}` in `say_dead` is its name. Each of
    the `sinks` is the name of a kind, or its settings; `voice` is what the sinks of that kind do not say themselves.
    """

    protected_ratio: Share = 0.75
    min_people: Annotated[int, Field(ge=1, le=1000)] = 1
    for_s: Seconds = 1.0
    cooldown_s: Seconds = 30.0
    say: Annotated[str, Field(min_length=1, max_length=500)] = "Please wear your mask."
    sinks: Annotated[
        tuple[Annotated[KindSettings, OneOf(SINKS, short=True)], ...], AfterValidator(_once_each)
    ] = (VoiceSettings(), LogSettings())
    effect_s: Annotated[float, Field(ge=1, le=3600)] = 20.0
    withhold_share: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    dead_after_s: Annotated[float, Field(ge=1, le=86_400)] | None = 60.0
    say_dead: Annotated[str, Field(min_length=1, max_length=500)] = "Camera {camera} is offline."
    voice: VoiceSettings = VoiceSettings()

    def sink_settings(self) -> tuple[KindSettings, ...]:
        """Those of each sink, with what `voice` says for all of its kind."""
        return tuple(
            self.voice.model_copy(update=each.model_dump(exclude_unset=True))
            if isinstance(each, VoiceSettings)
            else each
            for each in self.sinks
        )


class Defaults(_Strict):
    """What holds for every camera that does not say otherwise."""

    fps: Annotated[float, Field(gt=0, le=120)] = 5
    privacy: Privacy = Privacy.FULL
    ignore: tuple[Annotated[tuple[tuple[Share, Share], ...], AfterValidator(_as_corners)], ...] = ()
    detect: Annotated[KindSettings, OneOf(DETECTORS, default="mtcnn")] = DetectSettings()
    motion: MotionSettings = MotionSettings()
    classify: Annotated[ClassifierSettings, OneOf(CLASSIFIERS, default="masknet")] = ClassifySettings()
    alert: AlertSettings = AlertSettings()
    queue: SelectionSettings = SelectionSettings()
    rtsp: RtspSettings = RtspSettings()


class CameraConfig(Defaults):
    """One camera, with the defaults already filled in. The source's password shows nowhere."""

    source: Annotated[Address | KindSettings, AddressOrKind(SOURCES)]


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
