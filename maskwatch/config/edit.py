"""The configuration file as people change it from a page: checked, written whole or not at all, and undone.

The file's text is changed where the value stands (`yaml_edit.py`). What `{MASKWATCH_NAME}` stands for is neither asked for nor
written. Every version before a change is kept in a folder of its own, so that the last change can be taken back.
"""

import difflib
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwatch.config.load import check_text
from maskwatch.config.reader import SECRET
from maskwatch.config.yaml_document import Key, TreeError, printable, read, text_of
from maskwatch.config.yaml_edit import edited
from maskwatch.core.address import redacted
from maskwatch.core.errors import ConfigError
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import locked, make_folder, replacing

BOM = "\ufeff"
MAX_KEPT = 50  # versions before
HIDDEN = "…"
SECRET_LINE = re.compile(rf"""((?:^|[\s{{,"'])(?:{"|".join(sorted(SECRET))})["']?\s*:\s*)\S.*""")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that was checked and not yet written.

    `before` is the digest of the file that it is of, `after` the whole new text. `removed` and `added` are the lines that
    differ, as they may be shown: what may be a secret is hidden.
    """

    before: str
    after: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


class ConfigFile:
    """One file; the versions before it are kept in the folder `history`, which is made when it is first needed."""

    def __init__(self, path: Path, history: Path) -> None:
        self._path = path
        self._history = history

    def digest(self) -> str:
        """What tells one state of the file from another: 16 hexadecimal digits of its SHA-256. Raises `ConfigError`."""
        return digest_of(self._bytes())

    def value(self) -> Any:
        """What is written, with no variable filled in: dicts, lists and scalars. Raises `ConfigError`."""
        try:
            return read(text_of(self._path)).value
        except TreeError as e:
            raise self._error(e) from e

    def why_not_writable(self) -> str | None:
        """The reason why this process cannot replace the file, None when it can."""
        real = self._path.resolve()
        try:
            owner = real.stat().st_uid
        except OSError as e:
            return f"{self._path}: {e.strerror}"
        if not os.access(real.parent, os.W_OK) or not os.access(real, os.W_OK):
            return f"{self._path}: this process may only read it"
        if os.geteuid() not in {0, owner}:
            return f"{self._path}: it belongs to another user"
        return None

    def propose(self, changes: Mapping[Key, Any], before: str) -> Proposal:
        """The file with these values (`REMOVE` for none) in place of those now there, as `maskwatch check --config-only` takes it.

        `before` is the digest of what the person has seen. Raises `ConfigError` with the key and line of every problem,
        and when the file is another by now.
        """
        text = text_of(self._require(before))
        try:
            after = edited(text, changes)
        except TreeError as e:
            raise self._error(e) from e
        check_text(after, self._path)
        removed, added = _difference(text, after)
        return Proposal(before, after, removed, added)

    def write(self, proposal: Proposal) -> str:
        """Write it, with owner and mode of the file before; returns the new digest. Raises `ConfigError`."""
        with self._alone():
            now = self._bytes()
            if digest_of(now) != proposal.before:
                raise self._changed()
            data = (BOM if now.startswith(BOM.encode()) else "").encode() + proposal.after.encode()
            after = digest_of(data)
            with replacing(self._history / f"{utc_now():%Y%m%dT%H%M%S%f}-{after}.yaml") as part:
                _write_privately(part, now)
            self._replace(data)
            for old in self._versions()[:-MAX_KEPT]:
                old.unlink(missing_ok=True)
        return after

    def can_undo(self) -> bool:
        """Whether the file is as the last `write` left it, and the version before is kept."""
        try:
            return self._before_this(self.digest()) is not None
        except (ConfigError, OSError):
            return False

    def undo(self) -> str:
        """Write the version before the last change; again, the one before that. Returns the new digest.

        Raises `ConfigError` when there is none, when the file was changed since, and when that version is no longer right.
        """
        with self._alone():
            version = self._before_this(self.digest())
            if version is None:
                raise ConfigError(
                    f"{self._path}: was changed by somebody else since, or nothing is left to undo"
                )
            data = version.read_bytes()
            check_text(data.decode().removeprefix(BOM), self._path)
            self._replace(data)
            version.unlink()
        return digest_of(data)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process writes at a time; what the system refuses is a `ConfigError`."""
        try:
            make_folder(self._history)
            with locked(self._history / ".lock"):
                yield
        except OSError as e:
            raise ConfigError(f"{e.filename or self._path}: {e.strerror or e}") from e

    def _require(self, before: str) -> Path:
        if self.digest() != before:
            raise self._changed()
        return self._path

    def _bytes(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as e:
            raise ConfigError(f"{self._path}: {e.strerror}") from e

    def _replace(self, data: bytes) -> None:
        real = self._path.resolve()
        told = real.stat()
        with replacing(real) as part:
            _write_privately(part, data)
            if part.stat().st_gid != told.st_gid:
                os.chown(part, -1, told.st_gid)
            part.chmod(stat.S_IMODE(told.st_mode))
        if os.geteuid() == 0:
            os.chown(real, told.st_uid, told.st_gid)

    def _versions(self) -> list[Path]:
        return sorted(self._history.glob("*-*.yaml"))

    def _before_this(self, digest: str) -> Path | None:
        """The kept version that the file of that digest was written over."""
        versions = self._versions()
        return versions[-1] if versions and versions[-1].stem.endswith(f"-{digest}") else None

    def _changed(self) -> ConfigError:
        return ConfigError(f"{self._path}: was changed by somebody else meanwhile; nothing is written")

    def _error(self, error: TreeError) -> ConfigError:
        return ConfigError(f"{self._path}:{error.line}: {printable(str(error))}")


def digest_of(data: bytes) -> str:
    """16 hexadecimal digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def _write_privately(path: Path, data: bytes) -> None:
    """A new file that nobody else may read: there may be a secret in it."""
    path.touch(mode=0o600)
    path.write_bytes(data)


def _difference(before: str, after: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    removed, added = ([_shown(line[2:]) for line in lines if line.startswith(sign)] for sign in ("- ", "+ "))
    return tuple(removed), tuple(added)


def _shown(line: str) -> str:
    """A line of the file without what may be a secret."""
    return printable(redacted(SECRET_LINE.sub(rf"\1{HIDDEN}", line)))
