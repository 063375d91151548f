"""The configuration: strict YAML to records. Every problem is told with its line and key."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from maskwatch.alerts.kinds.log import Settings as LogSettings
from maskwatch.alerts.kinds.voice import Settings as VoiceSettings
from maskwatch.alerts.registry import SINKS
from maskwatch.classify.registry import CLASSIFIERS
from maskwatch.classify.settings import ClassifierSettings
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config.credentials import variables
from maskwatch.config.yaml_document import (
    CONTROL,
    Key,
    Tree,
    TreeError,
    holds,
    overridden,
    printable,
    read,
    text_of,
)
from maskwatch.core.address import Address, redacted
from maskwatch.core.errors import ConfigError
from maskwatch.core.geometry import area, spread
from maskwatch.core.records import Polygon
from maskwatch.detect.registry import DETECTORS
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.plugins import Kinds, KindSettings, OneOf
from maskwatch.samples.settings import (
    DriftSettings,
    LearnSettings,
    ModelsSettings,
    QueueSettings,
    SelectionSettings,
)
from maskwatch.sources.registry import SOURCES, AddressOrKind, address_of, why_missing
from maskwatch.sources.settings import RtspSettings
from maskwatch.web.settings import WebSettings

VARIABLE = re.compile(r"\{(MASKWATCH_\w+)\}")
CAMERA_NAME = r"\w[\w .-]{0,63}"
MAX_SHOWN = 60  # characters of a wrong value
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
            raise ValueError(f"{sink['kind']} duplicate key")
    return sinks


class _Strict(SettingsBase):
    model_config = ConfigDict(arbitrary_types_allowed=True)


class AlertSettings(_Strict):
    """The `alert` section: speak when the ratio is strictly under `protected_ratio` for `for_s`.

    And when a camera gave no frame for `dead_after_s` (None: never); `{camera}` in `say_dead` is its name. Each of
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


class _Globals(Defaults):
    queue: QueueSettings = QueueSettings()
    models: ModelsSettings = ModelsSettings()
    learn: LearnSettings = LearnSettings()
    drift: DriftSettings = DriftSettings()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    web: WebSettings = WebSettings()
    # each is validated by itself; kept here, its source would show the password
    cameras: Annotated[dict[str, Any], AfterValidator(lambda _: {})] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """`defaults` serves a source that is no camera of the configuration, in a replay say."""

    cameras: dict[str, CameraConfig]
    defaults: Defaults
    queue: QueueSettings
    device: str
    web: WebSettings
    models: ModelsSettings
    learn: LearnSettings
    drift: DriftSettings


def file_schema() -> dict[str, Any]:
    """The JSON Schema of a file's sections; of the cameras it tells nothing."""
    return _Globals.model_json_schema()


def default() -> Config:
    """What holds without a file: no cameras."""
    return parse("", "defaults", {})


def load(path: Path) -> Config:
    """Read a file; `{MASKWATCH_NAME}` in it is replaced from systemd's credentials or the environment.

    Raises `ConfigError` with a line for every problem: the file, the line, the key. A file of weights that
    is not there is one. Footage that is not there is none: the other cameras must be watched.
    """
    return _Reading(text_of(path), str(path), variables()).config(need_weights=True)


def load_web(path: Path) -> WebSettings:
    """The `web` section of a file alone, as `load` reads it, for which no camera's password is needed."""
    reading = _Reading(text_of(path), str(path), variables(), trusts=lambda key: key[:1] != ("web",))
    return reading.config(need_weights=False).web


def parse(text: str, name: str, environment: Mapping[str, str]) -> Config:
    """The same for a text, which looks at no file; `name` stands for the file in errors."""
    return _Reading(text, name, environment).config(need_weights=False)


def check(path: Path) -> None:
    """`load` where nobody knows the passwords: a value with `{MASKWATCH_NAME}` in it is taken on trust."""
    _Reading(text_of(path), str(path), {}, trusts=lambda _: True).config(need_weights=True)


def missing_footage(path: Path) -> list[str]:
    """A line for every camera of a file that `load` takes whose footage is not there."""
    reading = _Reading(text_of(path), str(path), variables())
    return reading.missing(reading.config(need_weights=False))


class _Reading:
    """One text being read: collects the problems, so that all are told at once.

    Of a key that is trusted, a value for which the environment has nothing is no problem.
    """

    def __init__(
        self,
        text: str,
        name: str,
        environment: Mapping[str, str],
        trusts: Callable[[Key], bool] = lambda _: False,
    ) -> None:
        self._name = name
        self._trusts = trusts
        self._environment = environment
        self._problems: list[tuple[int, str]] = []
        try:
            self._tree = read(text)
        except TreeError as e:
            raise ConfigError(f"{name}:{e.line}: {printable(str(e))}") from e
        for line, key, first in self._tree.twice:
            self._problem(key, f"duplicate key (first in line {first})", line)

    def config(self, *, need_weights: bool) -> Config:
        whole = self._filled(self._tree.value, ())
        if not isinstance(whole, dict):
            raise ConfigError(f"{self._name}: must hold keys and values")
        shared = self._validated(_Globals, whole, (), whole)
        cameras = {}
        raw_cameras = whole.get("cameras")
        for camera, raw in (raw_cameras if isinstance(raw_cameras, dict) else {}).items():
            if self._is_camera(camera, raw):
                cameras[camera] = self._validated(
                    CameraConfig, overridden(_inherited(whole), raw), ("cameras", camera), raw
                )
        known = {name: camera for name, camera in cameras.items() if camera is not None}
        self._require_different(known)
        if need_weights:
            self._require_weights(())
            for name in cameras:
                self._require_weights(("cameras", name))
        if self._problems:
            raise ConfigError("\n".join(problem for _, problem in sorted(set(self._problems))))
        assert shared is not None
        return Config(
            known, shared, shared.queue, shared.device, shared.web, shared.models, shared.learn, shared.drift
        )

    def missing(self, config: Config) -> list[str]:
        for name, camera in config.cameras.items():
            if why := why_missing(camera.source):
                self._problem(("cameras", name, "source"), why)
        return [problem for _, problem in sorted(self._problems)]

    def _require_different(self, cameras: dict[str, CameraConfig]) -> None:
        """A camera that stands there twice is a door that nobody watches. Footage may be shown twice."""
        first: dict[str, str] = {}
        for name, camera in cameras.items():
            place = _place(camera.source)
            if place is not None and first.setdefault(place, name) != name:
                self._problem(("cameras", name, "source"), f"is that of {first[place]}, too")

    def _require_weights(self, prefix: Key) -> None:
        sections: tuple[tuple[str, Kinds[Any, Any]], ...] = (("detect", DETECTORS), ("classify", CLASSIFIERS))
        for section, kinds in sections:
            key = (*prefix, section, "weights")
            written = self._tree.at(key)
            kind = self._tree.at((*prefix, section, "kind")) or self._tree.at((section, "kind"))
            if not isinstance(written, str) or (section, written) == ("detect", "stock"):
                continue
            if kind and kind not in [name for name, _ in kinds.own()]:
                continue  # what another package means by weights need not be a file
            try:
                with Path(self._filled(written, key)).open("rb"):
                    pass
            except (OSError, ValueError) as e:
                why = (e.strerror if isinstance(e, OSError) else None) or "cannot be read"
                self._problem(key, f"{why}: {written}")

    def _filled(self, value: Any, key: Key) -> Any:
        """The tree with `{MASKWATCH_NAME}` replaced from the environment."""
        if isinstance(value, dict):
            return {k: self._filled(v, (*key, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [self._filled(v, (*key, place)) for place, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        for variable in VARIABLE.findall(value):
            if variable not in self._environment:
                self._problem(key, f"the environment has no {variable}, nor do systemd's credentials")
        value = VARIABLE.sub(lambda m: self._environment.get(m[1], m[0]), value)
        if CONTROL.search(value):
            self._problem(key, "holds a control character")
        return value

    def _validated(self, model: type[Any], data: Any, prefix: Key, own: Any) -> Any:
        try:
            return model.model_validate(data)
        except ValidationError as e:
            errors = e.errors(include_url=False)
            told = [error for error in errors if not prefix or holds(own, error["loc"])]
            # what is inherited was told already; but never is a camera left out without a word
            for error in told or ([] if self._problems else errors):
                self._problem((*prefix, *error["loc"]), self._wording(error, (*prefix, *error["loc"])))
            return None

    def _wording(self, error: ErrorDetails, key: Key) -> str:
        match error["type"]:
            case "missing":
                return "is missing"
            case "broken_kind":
                return error["msg"]
            case "extra_forbidden":
                near = difflib.get_close_matches(str(key[-1]), _known_keys(self._tree, key), 1)
                return "unknown key" + (f"; did you mean {near[0]}?" if near else "")
        message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        message = message.replace("greater than or equal to", "at least").replace("greater than", "above")
        message = message.replace("less than or equal to", "at most").replace("less than", "below")
        got = self._tree.at(key)  # as written: a value from the environment is never shown
        near = error["ctx"]["near"] if error["type"] == "unknown_kind" else []
        hint = f"; did you mean {near[0]}?" if near else ""
        if isinstance(got, (dict, list)) or "source" in key or "token" in key:
            return message + hint
        written = redacted(repr(got))
        return f"{message}, got {written if len(written) <= MAX_SHOWN else f'{written[:MAX_SHOWN]}…'}{hint}"

    def _is_camera(self, camera: str, raw: Any) -> bool:
        if not re.fullmatch(CAMERA_NAME, camera):
            self._problem(
                ("cameras", camera), "a camera's name is letters, digits, space, _ . - (at most 64)"
            )
        if not isinstance(raw, dict):
            self._problem(("cameras", camera), "must hold keys and values, source at least")
        return isinstance(raw, dict)

    def _is_unknown(self, written: Any) -> bool:
        """Whether a value depends on a variable that the environment does not have."""
        return isinstance(written, str) and not set(VARIABLE.findall(written)) <= self._environment.keys()

    def _problem(self, key: Key, text: str, line: int | None = None) -> None:
        if line is None and self._is_unknown(self._tree.at(key)) and self._trusts(key):
            return
        line = self._tree.line(key) if line is None else line
        path = redacted(".".join(str(part) for part in key))
        self._problems.append((line, f"{self._name}{f':{line}' if line else ''}: {printable(path)}: {text}"))


def _place(source: Address | KindSettings) -> str | None:
    """What two sources of one camera have in common; None for footage, and for what has no address."""
    address = address_of(source)
    text = re.sub(r"^/dev/video(?=\d+$)", "usb:", address.reveal() if address else "")
    return redacted(text) if "://" in text or text.startswith("usb:") else None


def _inherited(whole: dict[str, Any]) -> dict[str, Any]:
    """The global values that a camera starts from."""
    result = {key: value for key, value in whole.items() if key in Defaults.model_fields}
    if isinstance(result.get("queue"), dict):
        own = SelectionSettings.model_fields
        result["queue"] = {key: value for key, value in result["queue"].items() if key in own}
    return result


def _known_keys(tree: Tree, key: Key) -> list[str]:
    """The keys that may stand beside an unknown one, for a hint."""
    start = 2 if key[0] == "cameras" else 0
    model: type[SettingsBase] | None = CameraConfig if start else _Globals
    for place in range(start, len(key) - 1):
        field = model.model_fields.get(str(key[place])) if model else None
        if isinstance(key[place], int) or field is None:
            continue
        end = place + 1 + isinstance(key[place + 1], int)  # of a list, the item says its kind
        value = tree.at(key[:end])
        if start and isinstance(value, dict) and "kind" not in value:
            value = tree.at(key[start:end])
        model = _section(field, value)
    return list(model.model_fields) if model else []


def _section(field: FieldInfo, value: Any) -> type[SettingsBase] | None:
    """The records of a section, or of the kind that `value` names; None where a field is no section."""
    for each in (*field.metadata, *(m for a in get_args(field.annotation) for m in get_args(a)[1:])):
        if isinstance(each, OneOf):
            return each.settings_of(value)
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, SettingsBase) else None
