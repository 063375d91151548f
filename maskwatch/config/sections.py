"""The sections of the configuration as records, and a camera's."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from maskwatch.alerts.kinds.log import Settings as LogSettings
from maskwatch.alerts.kinds.voice import Settings as VoiceSettings
from maskwatch.alerts.registry import SupportsCamera
from maskwatch.alerts.speech import SpeechSettings
from maskwatch.classify.registry import CLASSIFIERS
from maskwatch.classify.settings import ClassifierSettings
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.console.settings import ConsoleSettings
from maskwatch.core.address import Address
from maskwatch.core.geometry import area, spread
from maskwatch.core.people import Line, Side
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Polygon
from maskwatch.core.rules.condition import When
from maskwatch.detect.registry import DETECTORS
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.drift.settings import DriftSettings
from maskwatch.events.settings import EventSettings
from maskwatch.fleet.settings import FleetSettings
from maskwatch.learning.settings import LearnSettings
from maskwatch.models.settings import ModelsSettings
from maskwatch.platform.device_names import Device
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.plugins import KindSettings, OneOf
from maskwatch.rules.kinds.protected_ratio import Settings as RatioSettings
from maskwatch.rules.registry import RULES
from maskwatch.rules.settings import RuleKeys, RuleSettings, Sentence, Share, Sinks, WhenSettings, wrong_key
from maskwatch.samples.settings import QueueSettings, SelectionSettings
from maskwatch.sources.registry import SOURCES, AddressOrKind, address_of
from maskwatch.sources.settings import Aspect, Decode, RtspSettings
from maskwatch.web.settings import WebSettings

MIN_AREA, MAX_AREA = 1e-6, 0.999  # of the picture, that an ignored polygon may cover
MIN_LENGTH = 0.01  # of the picture's width or height, that a line must have
PLACE_NAME = r"\w[\w .-]{0,63}"
Place = TypeVar("Place")


def _as_corners(polygon: Polygon) -> Polygon:
    if len(polygon) < 3:
        raise ValueError("must have at least three corners")
    if spread(polygon) < MIN_AREA:
        raise ValueError("must enclose an area; these corners are on one line")
    return polygon


def _as_ignored(polygon: Polygon) -> Polygon:
    if area(polygon) > MAX_AREA:
        raise ValueError("must leave something to see; this is the whole picture")
    return polygon


def _named(places: dict[str, Place]) -> dict[str, Place]:
    for name in places:
        if not re.fullmatch(PLACE_NAME, name):
            raise ValueError(f"a name is letters, digits, space, _ . - (at most 64), not {name[:64]!r}")
    return places


def _as_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:
        raise ValueError("must be a time zone, Europe/Berlin say") from e
    return name


Corners = Annotated[tuple[tuple[Share, Share], ...], AfterValidator(_as_corners)]


class _Strict(SettingsBase):
    model_config = ConfigDict(arbitrary_types_allowed=True)


class AlertSettings(WhenSettings, RuleKeys):
    """The `alert` section: the `rules`, and what holds for all of them.

    Without rules of its own there is one: speak when the ratio is strictly under `protected_ratio` for `for_s`. And when
    a camera gave no frame for `dead_after_s` (None: never), or saw nothing useful for `view_after_s`
    (None: never); `{camera}` in `say_dead` and `say_view` is its name. Each of the `sinks` is
    the name of a kind, or its settings; `voice` is what sinks that speak do not say themselves. `timezone` is that of
    schedules, None for that of the machine. What people do is watched for `effect_s` after an alert (at most
    `cooldown_s`); `withhold_share` of the alerts are withheld by chance, to compare.
    """

    protected_ratio: Share = 0.75
    rules: tuple[Annotated[RuleSettings, OneOf(RULES, short=True)], ...] = (RatioSettings(),)
    timezone: Annotated[str, AfterValidator(_as_zone)] | None = None
    sinks: Sinks = (VoiceSettings(), LogSettings())
    effect_s: Annotated[float, Field(ge=1, le=3600)] = 20.0
    withhold_share: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    view_after_s: Annotated[float, Field(ge=1, le=3600)] | None = 8.0
    say_view: Sentence = "Camera {camera} sees nothing useful."
    dead_after_s: Annotated[float, Field(ge=1, le=86_400)] | None = 60.0
    say_dead: Sentence = "Camera {camera} is offline."
    voice: VoiceSettings = VoiceSettings()

    @model_validator(mode="after")
    def _clears_above_the_bound(self) -> Self:
        for place, rule in enumerate(self.rules):
            if isinstance(rule, RatioSettings) and rule.protected_ratio is None:
                clear = rule.clear_ratio
                if clear is not None and clear < self.protected_ratio:
                    why = f"must be at least alert.protected_ratio ({self.protected_ratio:g})"
                    raise wrong_key(("rules", place, "clear_ratio"), why)
        return self

    def rule_settings(self) -> dict[str, RuleSettings]:
        """Those of each rule by its name, with what this section says for all of them."""
        result: dict[str, RuleSettings] = {}
        shared = {key: getattr(self, key) for key in (*RuleKeys.model_fields, *WhenSettings.model_fields)}
        for rule in self.rules:
            unsaid = type(rule).model_fields.keys() - rule.model_fields_set
            filled = rule.model_copy(update={key: shared[key] for key in shared.keys() & unsaid})
            name, number = rule.name or rule.kind, 1
            while name in result:
                number += 1
                name = f"{rule.name or rule.kind} {number}"
            result[name] = filled
        return result

    def sink_settings(self) -> tuple[KindSettings, ...]:
        """Those of each sink, with what `voice` says for all that speak."""
        return self.spoken_as_here(self.sinks)

    def all_sink_settings(self) -> tuple[KindSettings, ...]:
        """Those, and those of escalations; each once."""
        louder = (sink for rule in self.rule_settings().values() for sink in rule.escalation.sinks)
        return tuple(dict.fromkeys([*self.sink_settings(), *self.spoken_as_here(louder)]))

    def spoken_as_here(self, sinks: Iterable[KindSettings]) -> tuple[KindSettings, ...]:
        """Their settings, with what `voice` says for all that speak."""
        return tuple(self._spoken(each) if isinstance(each, SpeechSettings) else each for each in sinks)

    def _spoken(self, sink: SpeechSettings) -> SpeechSettings:
        unsaid = type(sink).model_fields.keys() & VoiceSettings.model_fields.keys() - sink.model_fields_set
        return sink.model_copy(update={key: getattr(self.voice, key) for key in unsaid - {"kind"}})


class LineSettings(_Strict):
    """A line of `lines`: a segment between two points, and the side of it where people have left.

    `leaving` is that side as it is seen in the picture by who stands at `from` and looks towards `to`.
    """

    start: Annotated[tuple[Share, Share], Field(alias="from")]
    end: Annotated[tuple[Share, Share], Field(alias="to")]
    leaving: Side

    @model_validator(mode="after")
    def _require_length(self) -> Self:
        if max(abs(a - b) for a, b in zip(self.start, self.end, strict=True)) < MIN_LENGTH:
            raise ValueError("from and to must be apart, by a hundredth of the picture at least")
        return self

    @property
    def line(self) -> Line:
        """The same as what decides takes it."""
        return Line(self.start, self.end, self.leaving)


class Defaults(_Strict):
    """What holds for every camera that does not say otherwise."""

    fps: Annotated[float, Field(gt=0, le=120)] = 5
    aspect: Aspect | None = None
    decode: Decode = Decode.SOFTWARE
    privacy: Privacy = Privacy.FULL
    ignore: tuple[Annotated[Corners, AfterValidator(_as_ignored)], ...] = ()
    zones: Annotated[dict[str, Corners], AfterValidator(_named)] = Field(default_factory=dict)
    lines: Annotated[dict[str, LineSettings], AfterValidator(_named)] = Field(default_factory=dict)
    detect: Annotated[KindSettings, OneOf(DETECTORS, default="mtcnn")] = DetectSettings()
    motion: MotionSettings = MotionSettings()
    classify: Annotated[ClassifierSettings, OneOf(CLASSIFIERS, default="masknet")] = ClassifySettings()
    alert: AlertSettings = AlertSettings()
    queue: SelectionSettings = SelectionSettings()
    rtsp: RtspSettings = RtspSettings()

    def missing_place(self) -> tuple[tuple[str | int, ...], str] | None:
        """The key of a rule that asks for a line or a zone that is not there, and what is missing; mostly None."""
        for place, rule in enumerate(self.alert.rule_settings().values()):
            key = ("alert", "rules", place)
            when = dict(rule).get("when", When.IN_VIEW)
            if when is not When.IN_VIEW and not self.lines:
                said = "when" in self.alert.rules[place].model_fields_set
                place_of_when = (*key, "when") if said else ("alert", "when")
                return place_of_when, f"{when} needs lines, and there are none"
            if rule.zone is not None and rule.zone not in self.zones:
                known = f"zones has {', '.join(self.zones)}" if self.zones else "there are no zones"
                return (*key, "zone"), f"is no zone of the camera; {known}"
        return None


class CameraConfig(Defaults):
    """One camera, with the defaults already filled in. The source's password shows nowhere."""

    source: Annotated[Address | KindSettings, AddressOrKind(SOURCES)]

    def at_camera(self, sinks: Iterable[KindSettings]) -> tuple[KindSettings, ...]:
        """Their settings, with what those take from the camera that are each camera's own."""
        address = address_of(self.source)
        return tuple(each.at_camera(address) if isinstance(each, SupportsCamera) else each for each in sinks)

    @model_validator(mode="after")
    def _has_what_its_rules_ask_for(self) -> Self:
        if missing := self.missing_place():
            raise wrong_key(*missing)
        return self


class Globals(Defaults):
    """Every section of a file."""

    queue: QueueSettings = QueueSettings()
    models: ModelsSettings = ModelsSettings()
    fleet: FleetSettings = FleetSettings()
    learn: LearnSettings = LearnSettings()
    drift: DriftSettings = DriftSettings()
    device: Device = "auto"
    web: WebSettings = WebSettings()
    console: ConsoleSettings = ConsoleSettings()
    events: EventSettings = EventSettings()
    # each is validated by itself; kept here, its source would show the password
    cameras: Annotated[dict[str, Any], AfterValidator(lambda _: {})] = Field(default_factory=dict)
