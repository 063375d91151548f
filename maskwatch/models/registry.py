"""The registry: a folder of the models' versions, and which of them serves.

    models/versions/<id>/    detector.safetensors, classifier.safetensors, their cards, meta.json
    models/current.json      the serving version, those that served before it, the one in the shadow, what was done when
    models/shadow/<id>.json  what was counted of it there

A version is whole or it is not there: its folder is renamed into place, and is never written to again.
Another version takes over by one rename of `current.json`. Where there is none, the shipped models serve,
under the name `shipped`.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from maskwatch.core.errors import MALFORMED, ModelError
from maskwatch.models.registry_state import SHIPPED, RegistryState, as_bytes, checked_name
from maskwatch.models.shadow_counts import remove_counts
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import locked, make_folder, new_folder, write_atomically
from maskwatch.platform.package_data import shipped

__all__ = [
    "CLASSIFIER",
    "DETECTOR",
    "SHIPPED",
    "ModelFiles",
    "Registry",
    "Version",
    "new_id",
    "shipped_files",
]

DETECTOR, CLASSIFIER = "detector.safetensors", "classifier.safetensors"


@dataclass(frozen=True, slots=True)
class Version:
    """Where a version comes from.

    `samples` are the ids of those it was trained on, `figures` what was measured, `files` the SHA-256 of each file.
    """

    id: str
    parent: str | None
    made_at: datetime
    samples: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The weights of one version."""

    version: str
    detector: Path
    classifier: Path


def shipped_files() -> ModelFiles:
    """The files of the version `SHIPPED`, which comes with the program; not checked to be there."""
    return ModelFiles(SHIPPED, shipped(f"models/{DETECTOR}"), shipped(f"models/{CLASSIFIER}"))


class Registry:
    """Any process may read and change it at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current = folder / "current.json"

    def state(self) -> RegistryState:
        """Raises `ModelError` when the file is damaged."""
        try:
            return RegistryState.from_json(self.current.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return RegistryState()
        except (OSError, *MALFORMED) as e:
            raise ModelError(f"{self.current}: cannot be read ({type(e).__name__})") from e

    def change_stamp(self) -> object:
        """A value that changes when another version may serve or be in the shadow; costs one stat call."""
        try:
            status = self.current.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def versions(self) -> list[Version]:
        """All but the shipped one, oldest first. Raises `ModelError` when one's `meta.json` is damaged."""
        found = [self.version(path.name) for path in self._versions.glob("[!.]*") if path.is_dir()]
        return sorted(found, key=lambda version: version.made_at)

    def version(self, name: str) -> Version:
        """Raises `ModelError` when there is none of that name."""
        if name == SHIPPED:
            files = shipped_files()
            made_at = datetime.fromtimestamp(0).astimezone()
            digests = {path.name: _digest(path) for path in (files.detector, files.classifier)}
            return Version(SHIPPED, None, made_at, files=digests)
        path = self._folder(name) / "meta.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            made_at = datetime.fromisoformat(data["made_at"])
            return Version(
                name, data["parent"], made_at, tuple(data["samples"]), data["figures"], data["files"]
            )
        except FileNotFoundError:
            raise ModelError(
                f"{self.folder}: no version {name!r} (maskwatch models list shows them)"
            ) from None
        except (OSError, *MALFORMED) as e:
            raise ModelError(f"{path}: cannot be read ({type(e).__name__})") from e

    def files(self, name: str) -> ModelFiles:
        """A version's files, each compared with its SHA-256. Raises `ModelError`, naming the file that differs."""
        if name == SHIPPED:
            return shipped_files()
        folder, known = self._folder(name), self.version(name).files
        for needed in (DETECTOR, CLASSIFIER):
            if needed not in known:
                raise ModelError(f"{folder}: its meta.json does not name {needed}")
        for file, digest in known.items():
            if _digest(folder / file) != digest:
                raise ModelError(f"{folder / file}: is not what was registered (its SHA-256 differs)")
        return ModelFiles(name, folder / DETECTOR, folder / CLASSIFIER)

    def add(self, files: Mapping[str, Path], version: Version) -> Version:
        """Copy a version's files, by their names in it, and note their SHA-256. It does not serve yet.

        Raises `ModelError` when the name is taken, or the weights of detector and classifier are not given.
        """
        folder = self._folder(version.id)
        if version.id == SHIPPED or folder.exists():
            raise ModelError(f"{self.folder}: there is a version {version.id!r} already")
        for needed in (DETECTOR, CLASSIFIER):
            if needed not in files:
                raise ModelError(f"{version.id}: a version needs its {needed}")
        with new_folder(folder) as part:
            for name, source in files.items():
                write_atomically(part / name, _read(source))
            digests = {name: _digest(part / name) for name in files}
            whole = replace(version, files=digests)
            write_atomically(part / "meta.json", as_bytes(asdict(whole)))
        return whole

    def promote(self, name: str, why: str | None = None) -> RegistryState:
        """Let a version serve; `why` goes into the event. Raises `ModelError`, and changes nothing, when its files are not whole."""
        self.files(name)
        with self._locked():
            state = self.state()
            if state.serving == name:
                return state
            return self._put(state.serve(name, (*state.before, state.serving), "promoted", why))

    def rollback(self, why: str | None = None) -> RegistryState:
        """Let the version serve again that did before the present one; `why` goes into the event.

        Raises `ModelError`, and changes nothing, when there is none or its files are not whole.
        """
        with self._locked():
            state = self.state()
            if not state.before:
                raise ModelError(f"{self.folder}: no version served before {state.serving}")
            name = state.before[-1]
            self.files(name)
            return self._put(state.serve(name, state.before[:-1], "rolled back", why))

    def refuse(self, name: str, why: str) -> RegistryState:
        """Record that a version, which need not be in this registry, was refused, and why. Raises `ModelError`."""
        with self._locked():
            return self._put(self.state().refuse(name, why))

    def begin_shadow(self, name: str, cameras: Iterable[str] | None = None) -> RegistryState:
        """Let a version judge these cameras' frames (None: all cameras') in the shadow, replacing any other there.

        A shadow run that the version has begun continues with these cameras. Raises `ModelError`, and changes
        nothing, when its files are not whole, it serves, or there is no camera.
        """
        self.files(name)
        with self._locked():
            return self._put(self.state().begin_shadow(name, cameras))

    def end_shadow(self) -> RegistryState:
        """End the shadow run; where there is none, nothing is written."""
        with self._locked():
            state = self.state()
            return state if state.shadow is None else self._put(state.end_shadow())

    def tidy(self, keep: int) -> list[str]:
        """Remove all versions but the newest `keep`, those that serve or are in the shadow, and the `keep` that rollbacks reach first.

        Returns the names of those removed. Raises `ModelError` when a `meta.json` is damaged.
        """
        with self._locked():
            state = self.state()
            before = state.before[-keep:]
            if before != state.before:
                self._put(replace(state, before=before))
            kept = {state.serving, *before, *([state.shadow.version] if state.shadow else [])}
            old = [v.id for v in self.versions()[:-keep] if v.id not in kept]
            for name in old:
                self._folder(name).rename(self._versions / f".{name}.gone")  # at once, whole or not at all
                remove_counts(self.folder, name)
            for gone in self._versions.glob(".*.gone"):
                shutil.rmtree(gone, ignore_errors=True)
        return old

    def _put(self, state: RegistryState) -> RegistryState:
        write_atomically(self.current, state.as_bytes())
        return state

    @property
    def _versions(self) -> Path:
        return self.folder / "versions"

    def _folder(self, name: str) -> Path:
        try:
            return self._versions / checked_name(name)
        except ValueError as e:
            raise ModelError(f"{self.folder}: {e}") from e

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """A lock for one change at a time, across processes; the system releases it when a process dies."""
        make_folder(self.folder)
        with locked(self.folder / ".lock"):
            yield


def new_id() -> str:
    """A version's name: when it was made."""
    return f"{utc_now():%Y%m%dT%H%M%SZ}-{uuid4().hex[:4]}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror or e})") from e


def _digest(path: Path) -> str:
    return hashlib.sha256(_read(path)).hexdigest()
