"""Kinds: what the configuration may name. Those that come with maskwatch, and those of other installed packages.

A kind is a module with `Settings`, what may stand beside its name in the configuration, and
`build(settings, context)`, which makes the part. maskwatch's own are the modules of a room's `kinds/` package;
another package names its modules as entry points. A kind is imported when it is named, and its module imports
what is heavy in `build`, so that reading the configuration loads no torch and no decoder.
"""

import difflib
import logging
import pkgutil
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from maskwatch.core.errors import ConfigError
from maskwatch.platform.settings_base import SettingsBase

log = logging.getLogger(__name__)

Part = TypeVar("Part")
Context = TypeVar("Context")
Part_co = TypeVar("Part_co", covariant=True)
Context_contra = TypeVar("Context_contra", contravariant=True)


class KindSettings(SettingsBase):
    """What the settings of all kinds have: the name. Each declares its own, `kind: Literal["webhook"] = "webhook"`."""

    kind: str


class Kind(Protocol[Part_co, Context_contra]):
    """What a kind's module holds. `Settings` are hashable: parts with equal settings are shared."""

    Settings: type[KindSettings]

    def build(self, settings: Any, context: Context_contra, /) -> Part_co:
        """The part, made but not started. Raises `ConfigError` when what it needs is not there, `ModelError` for weights."""
        ...


class Kinds(Generic[Part, Context]):
    """The kinds of one sort of part: `what` it is called, `group` of the entry points, `package` of our own.

    `base` is what all their settings have.
    """

    def __init__(self, what: str, group: str, package: str, base: type[KindSettings] = KindSettings) -> None:
        self.what = what
        self._base = base
        self._group = group
        self._package = package
        self._loaded: dict[str, Kind[Part, Context]] = {}

    @property
    def names(self) -> list[str]:
        """All that can be named, in the order of the alphabet; nothing of other packages is imported for it."""
        return sorted({*self._own, *self._foreign})

    def kind(self, name: str) -> Kind[Part, Context]:
        """Its module. Raises `ConfigError` when there is none of that name, or when it cannot be imported."""
        if name not in self._loaded:
            if name in self._own:
                module: Any = import_module(f"{self._package}.{name}")
            elif name in self._foreign:
                module = self._imported(self._foreign[name])
            else:
                raise ConfigError(f"there is no {self.what} of the kind {name}, but: {', '.join(self.names)}")
            self._loaded[name] = module
        return self._loaded[name]

    def all(self) -> Iterator[tuple[str, Kind[Part, Context]]]:
        """Both together."""
        yield from self.own()
        yield from self.foreign()

    def own(self) -> Iterator[tuple[str, Kind[Part, Context]]]:
        """Those that come with maskwatch."""
        return ((name, self.kind(name)) for name in sorted(self._own))

    def foreign(self) -> Iterator[tuple[str, Kind[Part, Context]]]:
        """Those of other packages that can be imported; of the rest a warning says why they cannot."""
        for name in sorted(self._foreign):
            try:
                yield name, self.kind(name)
            except ConfigError as e:
                log.warning("%s", e)

    def build(self, settings: KindSettings, context: Context) -> Part:
        """The part that these settings are of. Raises `ConfigError`, and `ModelError` for weights."""
        return self.kind(settings.kind).build(settings, context)

    @cached_property
    def _own(self) -> set[str]:
        return {each.name for each in pkgutil.iter_modules(import_module(self._package).__path__)}

    @cached_property
    def _foreign(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for each in entry_points(group=self._group):
            if each.name in self._own or each.name in found:
                log.warning("%s: left out, there is one of this name already", _described(each, self.what))
            else:
                found[each.name] = each
        return found

    def _imported(self, point: EntryPoint) -> Kind[Part, Context]:
        described = _described(point, self.what)
        try:
            module = point.load()
        except Exception as e:  # another's code: whatever it raises, its package is named
            raise ConfigError(f"{described} cannot be imported ({type(e).__name__}: {e})") from e
        settings = getattr(module, "Settings", None)
        if not (isinstance(settings, type) and issubclass(settings, self._base)):
            raise ConfigError(f"{described} has no class Settings that is a {self._base.__name__}")
        if settings.model_fields["kind"].default != point.name:
            raise ConfigError(
                f'{described}: its Settings must have `kind: Literal["{point.name}"] = "{point.name}"`'
            )
        if not callable(getattr(module, "build", None)):
            raise ConfigError(f"{described} has no function build(settings, context)")
        return module  # type: ignore[no-any-return]


def _described(point: EntryPoint, what: str) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    return f"{what} {point.name} of the package {package}"


@dataclass(frozen=True, slots=True)
class ModelContext:
    """What detectors and classifiers are given beside their settings.

    `device` is torch's name of one, `cpu` or `cuda`; `weights` the file of the serving version of maskwatch's own
    models. `share(key, make)` makes once what parts with different settings may have in common.
    """

    device: str
    weights: Path
    share: Callable[[Hashable, Callable[[], Any]], Any]


@dataclass(frozen=True)
class OneOf:
    """Annotates a `KindSettings`: the settings of one of these kinds, chosen by the value's `kind`.

    `default` is the kind of a value that names none. `short`: a name alone stands for a kind as it comes.
    """

    kinds: Kinds[Any, Any]
    default: str | None = None
    short: bool = False

    def settings_of(self, value: Any) -> type[KindSettings] | None:
        """Those that a value is meant to be; None when nobody knows."""
        name = (
            value.get("kind", self.default) if isinstance(value, Mapping) else value if self.short else None
        )
        if not isinstance(name, str) or name not in self.kinds.names:
            return None
        return self.kinds.kind(name).Settings

    def validated(self, value: Any, info: ValidationInfo) -> Any:
        """The settings that a value of the configuration stands for. Raises pydantic's errors."""
        if isinstance(value, KindSettings):
            return value
        if self.short and isinstance(value, str):
            return self._chosen(value, None).model_validate({"kind": value}, context=info.context)
        if not isinstance(value, Mapping):
            expected = "a name, or keys and values" if self.short else "a valid dictionary"
            raise PydanticCustomError("kind_type", "Input should be {expected}", {"expected": expected})
        if "kind" not in value and self.default is None:
            raise _at("kind", PydanticCustomError("missing", "is missing"))
        return self._chosen(value.get("kind", self.default), "kind").model_validate(
            value, context=info.context
        )

    def _chosen(self, name: Any, place: str | None) -> type[KindSettings]:
        try:
            if isinstance(name, str) and name in self.kinds.names:
                return self.kinds.kind(name).Settings
            names = self.kinds.names
            near = difflib.get_close_matches(str(name), names, 1)
            error = PydanticCustomError(
                "unknown_kind",
                "Input should be {names}",
                {"names": f"{', '.join(names[:-1])} or {names[-1]}" if names[1:] else names[0], "near": near},
            )
        except ConfigError as e:
            error = PydanticCustomError("broken_kind", "{why}", {"why": str(e)})
        raise _at(place, error) if place else error

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.validated)

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        choices: list[dict[str, Any]] = [{"enum": self.kinds.names}] if self.short else []
        for name, kind in self.kinds.all():
            schema = handler(kind.Settings.__pydantic_core_schema__)
            choices.append(
                dict(schema) if name == self.default else {"allOf": [schema, {"required": ["kind"]}]}
            )
        return {"anyOf": choices}


def _at(place: str, error: PydanticCustomError) -> ValidationError:
    return ValidationError.from_exception_data("kind", [{"type": error, "loc": (place,), "input": None}])
