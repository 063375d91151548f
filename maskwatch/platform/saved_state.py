"""Objects of the program in a JSON file, from one process to the next. Such a file runs no code: classes are taken from the
program's own packages, made without calling them, and given the attributes that they had.
"""

import copyreg
import json
from array import array
from base64 import b64decode, b64encode
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from maskwatch.platform.files import write_atomically

PLAIN = {type(None), bool, int, float, str}
FACTORIES = {each.__name__: each for each in (list, set, dict, int, float, deque)}  # of `defaultdict`
NUMBERS = "biufc"  # kinds of dtype that are kept; objects are not
SAME = "same"  # met before, by the order in which things were begun

Encoded = None | bool | int | float | str | dict[str, Any]


def save(path: Path, state: object) -> None:
    """Write it atomically. Raises `OSError`, and `TypeError` for what cannot be kept: functions, open files."""
    write_atomically(path, json.dumps(_Writer().encode(state)).encode())


def load(path: Path, packages: Collection[str]) -> Any:
    """What was saved. Classes are taken from these packages (`maskwatch.core`) and what is below them.

    Raises `OSError`, and `ValueError` for a file of anything else.
    """
    try:
        return _Reader(packages).decode(json.loads(path.read_bytes()))
    except (ValueError, TypeError, LookupError, AttributeError, ImportError, RecursionError) as e:
        raise ValueError(f"{path}: is not what was saved: {e}") from e


class _Writer:
    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # so that no number is given twice

    def encode(self, value: Any) -> Encoded:
        if type(value) in PLAIN:
            return value  # type: ignore[no-any-return]
        if id(value) in self._numbers:
            return {"is": SAME, "as": self._numbers[id(value)]}
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)
        for kind, of, encode in _KINDS:
            if of(value):
                return {"is": kind, **encode(value, self.encode)}
        return self._object(value)

    def _object(self, value: Any) -> dict[str, Any]:
        """By what `copy` and others go by, too (PEP 307): its class, what that is made with, its attributes, and items."""
        make, arguments, *rest = value.__reduce_ex__(4)
        if make is not copyreg.__newobj__:  # type: ignore[attr-defined]
            raise TypeError(f"{type(value).__qualname__} cannot be kept in a file")
        state, items, pairs = (*rest, None, None, None)[:3]
        return {
            "is": "object",
            "of": _name(arguments[0]),
            "with": [self.encode(each) for each in arguments[1:]],
            "items": [self.encode(each) for each in items or ()],
            "pairs": [[self.encode(key), self.encode(each)] for key, each in pairs or ()],
            "state": self.encode(state),
        }


class _Reader:
    def __init__(self, packages: Collection[str]) -> None:
        self._packages = tuple(packages)
        self._known: list[Any] = []

    def decode(self, data: Encoded) -> Any:
        if not isinstance(data, dict):
            if type(data) not in PLAIN:
                raise ValueError("a list stands where a value is to be")
            return data
        if data["is"] == SAME:
            return self._known[data["as"]]
        place = len(self._known)
        self._known.append(None)

        def begun(value: Any) -> Any:
            """What lies in it may be about it."""
            self._known[place] = value
            return value

        if data["is"] == "object":
            return self._object(data, begun)
        if data["is"] == "enum":
            return begun(self._class(data["of"])[data["name"]])
        return begun(_READERS[data["is"]](data, self.decode, begun))

    def _object(self, data: dict[str, Any], begun: Callable[[Any], Any]) -> Any:
        of = self._class(data["of"])
        value = begun(of.__new__(of, *(self.decode(each) for each in data["with"])))
        for each in data["items"]:
            value.append(self.decode(each))
        _fill(value, data["pairs"], self.decode)
        state = self.decode(data["state"])
        if state is None:
            return value
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)
            return value
        for attributes in state if isinstance(state, tuple) else (state,):
            for name, each in (attributes or {}).items():
                object.__setattr__(value, name, each)
        return value

    def _class(self, name: str) -> Any:
        module, _, path = name.partition(":")
        if any(module == each or module.startswith(f"{each}.") for each in self._packages):
            found: Any = import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise ValueError(f"{name} is not taken from a file")


def _name(of: type) -> str:
    return f"{of.__module__}:{of.__qualname__}"


def _exactly(of: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is of


def _items(value: Any, encode: Callable[[Any], Encoded]) -> dict[str, Any]:
    return {"items": [encode(each) for each in value]}


def _pairs(value: Any, encode: Callable[[Any], Encoded]) -> dict[str, Any]:
    return {"pairs": [[encode(key), encode(each)] for key, each in value.items()]}


def _bytes(data: bytes) -> str:
    return b64encode(data).decode()


def _is_numbers(value: Any) -> bool:
    return type(value) is np.ndarray and value.dtype.kind in NUMBERS


def _array(value: Any, _: object) -> dict[str, Any]:
    return {
        "type": value.dtype.str,
        "shape": list(value.shape),
        "data": _bytes(np.ascontiguousarray(value).tobytes()),
    }


def _factory(value: Any) -> str:
    name = value.default_factory.__name__ if value.default_factory else ""
    if FACTORIES.get(name) is not value.default_factory:
        raise TypeError(f"a defaultdict of {name} cannot be kept in a file")
    return str(name)


_KINDS: tuple[
    tuple[str, Callable[[Any], bool], Callable[[Any, Callable[[Any], Encoded]], dict[str, Any]]], ...
] = (
    ("list", _exactly(list), _items),
    ("tuple", _exactly(tuple), _items),
    ("set", _exactly(set), _items),
    ("frozenset", _exactly(frozenset), _items),
    ("deque", _exactly(deque), lambda value, encode: {"length": value.maxlen, **_items(value, encode)}),
    ("dict", _exactly(dict), _pairs),
    ("ordered", _exactly(OrderedDict), _pairs),
    ("counter", _exactly(Counter), _pairs),
    (
        "default",
        _exactly(defaultdict),
        lambda value, encode: {"factory": _factory(value), **_pairs(value, encode)},
    ),
    ("bytes", _exactly(bytes), lambda value, _: {"data": _bytes(value)}),
    ("array", _exactly(array), lambda value, _: {"type": value.typecode, "data": _bytes(value.tobytes())}),
    ("ndarray", _is_numbers, _array),
    ("number", lambda value: isinstance(value, np.number | np.bool_), _array),
    ("datetime", _exactly(datetime), lambda value, _: {"at": value.isoformat()}),
    (
        "timedelta",
        _exactly(timedelta),
        lambda value, _: {"parts": [value.days, value.seconds, value.microseconds]},
    ),
    (
        "enum",
        lambda value: isinstance(value, Enum),
        lambda value, _: {"of": _name(type(value)), "name": value.name},
    ),
)


def _filled(of: Callable[[], Any]) -> Callable[..., Any]:
    """Of what holds pairs: it is begun before they are read."""

    def read(data: dict[str, Any], decode: Callable[[Encoded], Any], begun: Callable[[Any], Any]) -> Any:
        return _fill(begun(of()), data["pairs"], decode)

    return read


def _fill(value: Any, pairs: Any, decode: Callable[[Encoded], Any]) -> Any:
    for key, each in pairs:
        known = decode(key)  # before what it stands for, in the order in which they were numbered
        value[known] = decode(each)
    return value


def _read_list(data: dict[str, Any], decode: Callable[[Encoded], Any], begun: Callable[[Any], Any]) -> Any:
    value: list[Any] = begun([])
    value.extend(decode(each) for each in data["items"])
    return value


def _read_set(data: dict[str, Any], decode: Callable[[Encoded], Any], begun: Callable[[Any], Any]) -> Any:
    value: set[Any] = begun(set())
    value.update(decode(each) for each in data["items"])
    return value


def _read_deque(data: dict[str, Any], decode: Callable[[Encoded], Any], begun: Callable[[Any], Any]) -> Any:
    value: deque[Any] = begun(deque(maxlen=data["length"]))
    value.extend(decode(each) for each in data["items"])
    return value


def _read_default(data: dict[str, Any], decode: Callable[[Encoded], Any], begun: Callable[[Any], Any]) -> Any:
    factory = FACTORIES[data["factory"]] if data["factory"] else None
    return _filled(lambda: defaultdict(factory))(data, decode, begun)


def _read_array(data: dict[str, Any]) -> Any:
    dtype = np.dtype(data["type"])
    if dtype.kind not in NUMBERS:
        raise ValueError(f"an array of {data['type']}")
    return np.frombuffer(b64decode(data["data"]), dtype).reshape(data["shape"]).copy()


_READERS: dict[str, Callable[..., Any]] = {
    "list": _read_list,
    "tuple": lambda data, decode, _: tuple(decode(each) for each in data["items"]),
    "set": _read_set,
    "frozenset": lambda data, decode, _: frozenset(decode(each) for each in data["items"]),
    "deque": _read_deque,
    "dict": _filled(dict),
    "ordered": _filled(OrderedDict),
    "counter": _filled(Counter),
    "default": _read_default,
    "bytes": lambda data, *_: b64decode(data["data"]),
    "array": lambda data, *_: array(data["type"], b64decode(data["data"])),
    "ndarray": lambda data, *_: _read_array(data),
    "number": lambda data, *_: _read_array(data)[()],
    "datetime": lambda data, *_: datetime.fromisoformat(data["at"]),
    "timedelta": lambda data, *_: timedelta(*data["parts"]),
}
