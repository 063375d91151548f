"""The configuration: strict YAML to records. Every problem is told with its line and key."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from maskwatch.alerts.registry import SinkName
from maskwatch.alerts.settings import VoiceSettings
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.core.address import Address, redacted
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import Polygon
from maskwatch.detect.settings import MotionSettings
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.learn.settings import QueueSettings, SelectionSettings
from maskwatch.sources.settings import RtspSettings
from maskwatch.web.settings import WebSettings

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Key = tuple[str | int, ...]


def _as_address(value: object) -> Address:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a path or URL")
    return Address(value)


def _as_corners(polygon: Polygon) -> Polygon:
    if len(polygon) < 3:
        raise ValueError("must have at least three corners")
    return polygon


def _once_each(sinks: tuple[SinkName, ...]) -> tuple[SinkName, ...]:
    for sink in sinks:
        if sinks.count(sink) > 1:
            raise ValueError(f"{sink} stands twice")
    return sinks


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class AlertSettings(_Strict):
    """The `alert` section: speak when the ratio is strictly under `protected_ratio` for `for_s`.

    And when a camera gave no frame for `dead_after_s` (None: never); `{camera}` in `say_dead` is its name.
    """

    protected_ratio: Share = 0.75
    min_people: Annotated[int, Field(ge=1)] = 1
    for_s: Seconds = 1.0
    cooldown_s: Seconds = 30.0
    say: Annotated[str, Field(min_length=1, max_length=500)] = "Please wear your mask."
    sinks: Annotated[tuple[SinkName, ...], AfterValidator(_once_each)] = ("voice", "log")
    dead_after_s: Annotated[float, Field(ge=1, le=86_400)] | None = 60.0
    say_dead: Annotated[str, Field(min_length=1, max_length=500)] = "Camera {camera} gives no picture."
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

    source: Annotated[Address, BeforeValidator(_as_address)]


class _Globals(Defaults):
    queue: QueueSettings = QueueSettings()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    web: WebSettings = WebSettings()
    # each is validated by itself; kept here, its source would show the password
    cameras: Annotated[dict[str, Any], AfterValidator(lambda _: {})] = {}


@dataclass(frozen=True, slots=True)
class Config:
    """`defaults` serves a source that is no camera of the configuration, in a replay say."""

    cameras: dict[str, CameraConfig]
    defaults: Defaults
    queue: QueueSettings
    device: str
    web: WebSettings


def default() -> Config:
    """What holds without a file: no cameras."""
    return parse("", "defaults", {})


def load(path: Path) -> Config:
    """Read a file; `{MASKWATCH_NAME}` in it is replaced from the environment.

    Raises `ConfigError` with a line for every problem: the file, the line, the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: {e.strerror if isinstance(e, OSError) else 'is not UTF-8'}") from e
    return parse(text, str(path), os.environ)


def load_web(path: Path) -> WebSettings:
    """The `web` section of a file alone, as `load` reads it, for which no camera's password is needed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: {e.strerror if isinstance(e, OSError) else 'is not UTF-8'}") from e
    return parse(text, str(path), _WithoutPasswords(os.environ)).web


class _WithoutPasswords(dict[str, str]):
    """An environment that has something for every name but the token's own."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name != "MASKWATCH_WEB_TOKEN"

    def __missing__(self, name: str) -> str:
        return "unknown"


def parse(text: str, name: str, environment: Mapping[str, str]) -> Config:
    """The same for a text; `name` stands for the file in errors."""
    return _Reading(text, name, environment).config()


class _Reading:
    """One text being read: collects the problems, so that all are told at once."""

    def __init__(self, text: str, name: str, environment: Mapping[str, str]) -> None:
        self._name = name
        self._environment = environment
        self._lines: dict[Key, int] = {}
        self._problems: list[tuple[int, str]] = []
        self._tree = self._parsed(text)

    def config(self) -> Config:
        whole = self._filled(self._tree, ())
        if not isinstance(whole, dict):
            raise ConfigError(f"{self._name}: must hold keys and values")
        shared = self._validated(_Globals, whole, (), whole)
        cameras = {}
        raw_cameras = whole.get("cameras")
        for camera, raw in (raw_cameras if isinstance(raw_cameras, dict) else {}).items():
            if self._is_camera(camera, raw):
                cameras[camera] = self._validated(
                    CameraConfig, _overridden(_inherited(whole), raw), ("cameras", camera), raw
                )
        if self._problems:
            raise ConfigError("\n".join(problem for _, problem in sorted(set(self._problems))))
        assert shared is not None
        known = {name: camera for name, camera in cameras.items() if camera is not None}
        return Config(known, shared, shared.queue, shared.device, shared.web)

    def _parsed(self, text: str) -> Any:
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if node is None or node.tag == "tag:yaml.org,2002:null":
                return {}
            self._walk(node, ())
            return loader.construct_document(node)
        except yaml.MarkedYAMLError as e:
            line = e.problem_mark.line + 1 if e.problem_mark else 1
            raise ConfigError(f"{self._name}:{line}: {e.problem or e.context}") from e
        except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as e:
            # PyYAML lets what an explicit tag does not fit (`!!bool x`, `!!int ""`) escape as it comes
            reason, *_ = f"{e}\n".splitlines()
            raise ConfigError(f"{self._name}: is not YAML ({reason})") from e

    def _walk(self, node: yaml.Node, key: Key) -> None:
        """Note each key's line, and the keys that stand twice, which YAML would let the last one win."""
        if isinstance(node, yaml.MappingNode):
            for key_node, value in node.value:
                inner = (*key, str(key_node.value))
                if inner in self._lines:
                    self._problem(inner, f"stands twice (first in line {self._lines[inner]})", key_node)
                self._lines[inner] = key_node.start_mark.line + 1
                self._walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for place, item in enumerate(node.value):
                self._lines[*key, place] = item.start_mark.line + 1
                self._walk(item, (*key, place))

    def _filled(self, value: Any, key: Key) -> Any:
        """The tree with `{MASKWATCH_NAME}` replaced from the environment."""
        if isinstance(value, dict):
            return {str(k): self._filled(v, (*key, str(k))) for k, v in value.items()}
        if isinstance(value, list):
            return [self._filled(v, (*key, place)) for place, v in enumerate(value)]
        if not isinstance(value, str):
            return value
        for variable in re.findall(r"\{(MASKWATCH_\w+)\}", value):
            if variable in self._environment:
                value = value.replace(f"{{{variable}}}", self._environment[variable])
            else:
                self._problem(key, f"the environment has no {variable}")
        return value

    def _validated(self, model: type[Any], data: Any, prefix: Key, own: Any) -> Any:
        try:
            return model.model_validate(data)
        except ValidationError as e:
            for error in e.errors(include_url=False):
                if not prefix or _holds(own, error["loc"]):  # what is inherited was told already
                    self._problem((*prefix, *error["loc"]), self._wording(error, (*prefix, *error["loc"])))
            return None

    def _wording(self, error: ErrorDetails, key: Key) -> str:
        match error["type"]:
            case "missing":
                return "is missing"
            case "extra_forbidden":
                near = difflib.get_close_matches(str(key[-1]), _known_keys(key), 1)
                return "unknown key" + (f"; did you mean {near[0]}?" if near else "")
        message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        message = message.replace("greater than or equal to", "at least").replace("greater than", "above")
        message = message.replace("less than or equal to", "at most").replace("less than", "below")
        got = _at(self._tree, key)  # as written: a value from the environment is never shown
        if isinstance(got, (dict, list)) or "source" in key or "token" in key:
            return message
        return redacted(f"{message}, got {got!r}")

    def _is_camera(self, camera: str, raw: Any) -> bool:
        if not re.fullmatch(r"[\w][\w .-]{0,63}", camera):
            self._problem(
                ("cameras", camera), "a camera's name is letters, digits, space, _ . - (at most 64)"
            )
        if not isinstance(raw, dict):
            self._problem(("cameras", camera), "must hold keys and values, source at least")
        return isinstance(raw, dict)

    def _problem(self, key: Key, text: str, node: yaml.Node | None = None) -> None:
        line = node.start_mark.line + 1 if node else self._line(key)
        path = ".".join(str(part) for part in key)
        self._problems.append((line, f"{self._name}{f':{line}' if line else ''}: {path}: {text}"))

    def _line(self, key: Key) -> int:
        """The line of the key, or of the nearest thing around it that stands in the file."""
        return next((self._lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._lines), 0)


def _inherited(whole: dict[str, Any]) -> dict[str, Any]:
    """The global values that a camera starts from."""
    result = {key: value for key, value in whole.items() if key in Defaults.model_fields}
    if isinstance(result.get("queue"), dict):
        own = SelectionSettings.model_fields
        result["queue"] = {key: value for key, value in result["queue"].items() if key in own}
    return result


def _overridden(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`base` with `own` over it, value by value."""
    result = dict(base)
    for key, value in own.items():
        inherited = result.get(key)
        both = isinstance(inherited, dict) and isinstance(value, dict)
        result[key] = _overridden(inherited, value) if both else value  # type: ignore[arg-type]
    return result


def _holds(own: Any, key: Key) -> bool:
    """Whether a camera's own section is what a problem is about: it says the key, or misses one."""
    for part in key[:-1]:
        own = own.get(part) if isinstance(own, dict) else None
    if not isinstance(own, dict):
        return own is not None
    return key[-1] in own or key == ("source",)


def _at(tree: Any, key: Key) -> Any:
    for part in key:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return {}
    return tree


def _known_keys(key: Key) -> list[str]:
    """The keys that stand beside an unknown one, for a hint."""
    model: type[BaseModel] = _Globals
    rest: Iterator[str | int] = iter(key[:-1])
    for part in rest:
        if part == "cameras":
            next(rest, None)
            model = CameraConfig
            continue
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
