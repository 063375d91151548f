"""Objects of the program in a file, from one process to the next, and nothing else: such a file runs no code of others."""

import io
import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

from maskwatch.platform.files import write_atomically

PROTOCOL = 5
# what collections and arrays are made by
HARMLESS = {
    ("array", "array"),
    ("array", "_array_reconstructor"),
    ("builtins", "frozenset"),
    ("builtins", "set"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
    ("datetime", "datetime"),
    ("datetime", "timezone"),
    ("datetime", "timedelta"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}


def save(path: Path, state: object) -> None:
    """Write it atomically. Raises `OSError`, and what pickle raises of an object that cannot be saved."""
    write_atomically(path, pickle.dumps(state, PROTOCOL))


def load(path: Path, packages: Collection[str]) -> Any:
    """What was saved. Classes are taken from these packages (`maskwatch.core`) and what is below them, functions from nowhere.

    Raises `OSError`, and `ValueError` for a file of anything else.
    """
    try:
        return _Reader(path.read_bytes(), packages).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        ImportError,
        IndexError,
        TypeError,
        KeyError,
    ) as e:
        raise ValueError(f"{path}: is not what was saved: {e}") from e


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, packages: Collection[str]) -> None:
        super().__init__(io.BytesIO(data))
        self._packages = tuple(packages)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in HARMLESS:
            return super().find_class(module, name)
        if any(module == each or module.startswith(f"{each}.") for each in self._packages):
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not taken from a file")
