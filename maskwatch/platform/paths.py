"""Paths in a configuration: relative to its file, so that they mean the same wherever a command is run."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from glob import escape, has_magic, iglob
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

BASE = "base"  # where pydantic's context holds a `Base`; without one, paths stay as they are written


def is_there(path: str | Path) -> bool:
    """Whether there is such a file or folder. What we may not look at counts as there: nobody knows."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def looked_at(folder: Path) -> str:
    """A folder in full, so that nobody has to guess which it was, and whether it is there at all."""
    return f"{folder.absolute()}{'' if is_there(folder) else ', which is not there'}"


def _is_found(text: str) -> bool:
    """Like `is_there`, of what may be a pattern."""
    return is_there(text) or (has_magic(text) and next(iglob(text), None) is not None)  # noqa: PTH207 - takes absolute patterns


def _is_used(folder: Path, marks: Sequence[str]) -> bool:
    """Whether the program has written there. Others call their folders `models`, too."""
    closed = is_there(folder) and not os.access(folder, os.R_OK | os.X_OK)
    return closed or any(next(folder.glob(mark), None) is not None for mark in marks)


@dataclass
class Base:
    """What the relative paths of one configuration are relative to.

    What is read lies in `folder`, that of the file; what the program keeps (queue, models) in `state`. Earlier
    releases took the working directory: what is there and not at its right place is used from there, which `warnings`
    tell.
    """

    folder: Path
    state: Path
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: Path) -> "Base":
        """A file in `/etc/NAME`, as the service's, has its state in `/var/lib/NAME`, every other one beside itself."""
        # links stay, so that /etc/maskwatch may be one; a pipe's folder holds nothing of anybody's
        folder = file.parent.resolve() if ".." in file.parts else file.parent.absolute()
        folder = folder if file.is_file() else Path.cwd()
        etc, name = folder.parent, folder.name
        return cls(folder, etc.parent / "var/lib" / name if etc.name == "etc" else folder)

    def beside(self, text: str) -> str:
        """The path, or the pattern of paths, of something to read."""
        pattern = has_magic(text) and not is_there(self.folder / text)
        return self._found(Path(escape(str(self.folder))) if pattern else self.folder, text, _is_found)

    def kept(self, text: str, marks: Sequence[str]) -> str:
        """The path of a folder that the program writes to; what `marks` match in it is the program's own."""
        return self._found(self.state, text, lambda folder: _is_used(Path(folder), marks))

    def _found(self, base: Path, text: str, is_there: Callable[[str], bool]) -> str:
        right = str(base / text)
        if Path(text).is_absolute() or is_there(right) or not is_there(text):
            return right
        old = os.path.abspath(text)  # noqa: PTH100 - without . and ..
        warning = (
            f"{old} is used, because {right} is not there: a relative path in a configuration is relative to its "
            "file, not to the working directory. Move it there, or write the path in full"
        )
        if warning not in self.warnings:
            self.warnings.append(warning)
        return old


def base_of(info: ValidationInfo) -> Base | None:
    """The `Base` that the configuration is validated with; None where there is none."""
    return info.context.get(BASE) if isinstance(info.context, dict) else None


def _require_path(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must be a path")
    return value


def beside(path: Path, info: ValidationInfo) -> Path:
    """A path of the configuration, taken from the folder of its file; as written where there is no `Base`."""
    base = base_of(info)
    return path if base is None else Path(base.beside(str(path)))


def kept(*marks: str) -> AfterValidator:
    """For a `StatePath`: what in such a folder tells that it is one."""

    def where(path: Path, info: ValidationInfo) -> Path:
        base = base_of(info)
        return path if base is None else Path(base.kept(str(path), marks))

    return AfterValidator(where)


def _beside_text(text: str, info: ValidationInfo) -> str:
    return str(beside(Path(text), info))


_PATH = BeforeValidator(_require_path)
_SCHEMA = WithJsonSchema({"type": "string", "format": "path", "minLength": 1})

InputPath = Annotated[Path, _PATH, AfterValidator(beside), _SCHEMA]
"""Of what is read. A field's default goes through it with `validate_default` alone."""

StatePath = Annotated[Path, _PATH, _SCHEMA]
"""Of a folder that the program keeps; `kept` goes with it."""

InputText = Annotated[str, _PATH, AfterValidator(_beside_text), _SCHEMA]
"""As `InputPath`, but text."""
