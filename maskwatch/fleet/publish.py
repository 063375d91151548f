"""Writes a fleet's registry: what the person does who has the private key."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from maskwatch.core.errors import FleetError, ModelError
from maskwatch.fleet.manifest import (
    FILES,
    MANIFEST,
    MAX_BYTES,
    MAX_RELEASES,
    SERVICES,
    FileFacts,
    FileName,
    Manifest,
    Release,
    parse,
    pull_manifest,
)
from maskwatch.fleet.share import FolderShare
from maskwatch.fleet.signing import sign
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import SHIPPED, Registry
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import locked, make_folder, read_file, replacing
from maskwatch.platform.paths import is_there

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VALIDITY = timedelta(days=30)  # of a manifest, unless somebody said another
GROUP = 0o2020  # where several publish, their group may write: as in the folder, so in `files/`
TAKEN: tuple[FileName, ...] = get_args(FileName)


class Publisher:
    """A fleet's folder, and the key that signs for it. Raises `FleetError` where the folder is signed with another."""

    def __init__(self, folder: Path, key: "Ed25519PrivateKey") -> None:
        self._folder = folder
        self._key = key

    def publish(self, registry: Registry, version: str, stage: Stage = Stage.SHADOW) -> Manifest:
        """Offer a version of a registry. Raises `ModelError` when its files are not whole, and `FleetError`."""
        if version == SHIPPED:
            raise FleetError("the shipped models come with the program; there is nothing to publish")
        self.manifest()  # raises before anything is put where it does not belong
        home, about = registry.files(version).detector.parent, registry.version(version)
        files: dict[FileName, FileFacts] = {}
        with self._locked():
            for name in TAKEN:
                if name in about.files:
                    data = _read(home / name)
                    files[name] = FileFacts(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
                    self._put(f"{FILES}/{files[name].sha256}", data)
            before = self.manifest()
            known = before.release(version) if before else None
            if known and known.files != files:
                raise FleetError(f"{version}: other files are published under this name")
            release = Release(
                version=version,
                stage=stage,
                sequence=_next(before),
                made_at=about.made_at,
                parent=about.parent,
                files=files,
            )
            return self._sign(before, release)

    def stage(self, version: str, stage: Stage, pilots: Sequence[str] = ()) -> Manifest:
        """Let a published version go to another stage, in `Stage.TENTH` to the `pilots` that are named. Raises `FleetError` when it was not published."""
        self._release(version)  # else not even a lock is left there
        with self._locked():
            before, known = self._release(version)
            changes = {"stage": stage, "sequence": _next(before), "pilots": tuple(pilots)}
            return self._sign(before, known.model_copy(update=changes))

    def refresh(self, validity: timedelta | None = None) -> Manifest:
        """Sign what is published anew, so that it holds for `validity`, None: as long as it did. Raises `FleetError` where nothing is."""
        self._published()
        with self._locked():
            before = self._published()
            return self._sign_all(before, before.releases, _next(before), validity)

    def manifest(self) -> Manifest | None:
        """What is published; None where nothing is. Raises `FleetError` for what this key has not signed, and without the folder."""
        return read_manifest(self._folder, [self._key.public_key()])

    def _published(self) -> Manifest:
        before = self.manifest()
        if before is None:
            raise FleetError(f"{self._folder}: nothing is published there")
        return before

    def _release(self, version: str) -> tuple[Manifest, Release]:
        before = self._published()
        known = before.release(version)
        if known is None:
            raise FleetError(f"{self._folder}: {version} is not published there")
        return before, known

    def _sign(self, before: Manifest | None, release: Release) -> Manifest:
        """With the release in its place, or before all others where it is new or was withdrawn."""
        releases = before.releases if before else ()
        known = before.release(release.version) if before else None
        if known and known.stage is not Stage.WITHDRAWN:
            releases = tuple(release if each is known else each for each in releases)
        else:
            releases = (release, *(each for each in releases if each is not known))[:MAX_RELEASES]
        return self._sign_all(before, releases, release.sequence)

    def _sign_all(
        self,
        before: Manifest | None,
        releases: tuple[Release, ...],
        sequence: int,
        validity: timedelta | None = None,
    ) -> Manifest:
        now, usual = utc_now(), (before.validity if before else None) or VALIDITY
        manifest = Manifest(
            sequence=sequence, published_at=now, expires_at=now + (validity or usual), releases=releases
        )
        self._put(MANIFEST, sign(manifest.as_bytes(), self._key))
        return manifest

    def _put(self, name: str, data: bytes) -> None:
        """For all to read: models are no secret, and another user's web server hands them on."""
        with replacing(self._folder / name) as part:
            part.write_bytes(data)
            part.chmod(0o644)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One publication at a time, over processes, and in folders that all who use them may."""
        self._make(FILES, 0o755 | self._folder.stat().st_mode & GROUP)
        self._make(SERVICES, 0o1777)  # each service replaces only its own file
        lock = self._folder / ".lock"
        with locked(lock):
            _allow(lock, 0o644)
            yield

    def _make(self, name: str, mode: int) -> None:
        make_folder(self._folder / name)
        _allow(self._folder / name, mode)


def read_manifest(folder: Path, keys: "Sequence[Ed25519PublicKey]") -> Manifest | None:
    """What is published in a folder; None where nothing is. Raises `FleetError` for what none of the keys has signed."""
    if not _is_published(folder):
        return None
    return pull_manifest(FolderShare(folder), keys)


def unverified_manifest(folder: Path) -> Manifest | None:
    """The same without a key, to be looked at and not acted on. Raises `FleetError` for what is no manifest at all."""
    if not _is_published(folder):
        return None
    return parse(FolderShare(folder).read(MANIFEST, MAX_BYTES).partition(b"\n")[0])


def _allow(path: Path, mode: int) -> None:
    """Whatever the umask; what another publisher made is as he made it."""
    with suppress(PermissionError):
        path.chmod(mode)


def _is_published(folder: Path) -> bool:
    if not is_there(folder):
        raise FleetError(f"{folder}: the share is not there; mount it, or make the folder first")
    return is_there(folder / MANIFEST)


def _next(before: Manifest | None) -> int:
    """Above the one before, and the Unix time.

    So the number grows even where somebody put an old manifest back before this one is made.
    """
    return max(before.sequence + 1 if before else 1, int(time.time()))


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror or e})") from e
