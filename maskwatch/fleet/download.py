"""A release's files from a share into the registry: resumed where they broke off, and taken when their SHA-256 is right."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from maskwatch.core.errors import FleetError, FleetUnreachable
from maskwatch.fleet.manifest import FILES, FileFacts, Release
from maskwatch.fleet.share import Share
from maskwatch.models.registry import Registry, Version
from maskwatch.platform.files import make_folder


def install(
    registry: Registry, share: Share, release: Release, max_bytes: int, is_stopped: Callable[[], bool]
) -> None:
    """Put a release into the registry, where it is not there yet. It does not serve by that.

    Raises `FleetError` when it is larger, or the registry has other files under its name, and as `download` does.
    """
    if release.size > max_bytes:
        raise FleetError(
            f"version {release.version} has {release.size} bytes, {max_bytes} are allowed (fleet.max_mb)"
        )
    digests = {name: facts.sha256 for name, facts in release.files.items()}
    known = next((each for each in registry.versions() if each.id == release.version), None)
    if known is not None:
        if known.files != digests:
            raise FleetError(f"version {release.version}: the registry here has other files under this name")
        return
    folder = registry.folder / "fleet"
    files = download(share, release, folder, is_stopped)
    registry.add(files, Version(release.version, release.parent, release.made_at))
    shutil.rmtree(folder, ignore_errors=True)


def download(share: Share, release: Release, folder: Path, is_stopped: Callable[[], bool]) -> dict[str, Path]:
    """The files by the names that the release gives them, each under its SHA-256 in `folder`.

    Raises `FleetUnreachable` when one breaks off, which the next call goes on with, `FleetError` for one that is not what
    was signed, and `OSError`.
    """
    make_folder(folder)
    for other in folder.iterdir():  # of releases that were given up
        if other.name.split(".")[0] not in {facts.sha256 for facts in release.files.values()}:
            other.unlink()
    return {name: _file(share, facts, folder, is_stopped) for name, facts in release.files.items()}


def _file(share: Share, facts: FileFacts, folder: Path, is_stopped: Callable[[], bool]) -> Path:
    whole = folder / facts.sha256
    if whole.is_file() and _digest(whole) == facts.sha256:
        return whole
    part = folder / f"{facts.sha256}.part"
    try:
        size = _append(share, facts, part, is_stopped)
        _require_signed(part, size, facts)
    except FleetUnreachable:
        raise
    except FleetError:
        part.unlink(missing_ok=True)  # from the beginning next time
        raise
    part.replace(whole)
    return whole


def _append(share: Share, facts: FileFacts, part: Path, is_stopped: Callable[[], bool]) -> int:
    """Bytes that are there then, at most one chunk more than there are to be."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(part, flags, 0o600), "r+b") as file:
        before = file.seek(0, os.SEEK_END)
        if before == facts.size:
            return before
        with share.opened(f"{FILES}/{facts.sha256}", before if before < facts.size else 0) as (start, chunks):
            file.truncate(start)
            size = file.seek(start)
            for chunk in chunks:
                if is_stopped():
                    raise FleetUnreachable("a download was stopped")
                size += file.write(chunk)
                if size > facts.size:
                    raise FleetError(f"a file is larger than the {facts.size} bytes that were signed")
        file.flush()
        os.fsync(file.fileno())
    return size


def _require_signed(part: Path, size: int, facts: FileFacts) -> None:
    if size < facts.size:
        raise FleetUnreachable(
            f"a download broke off after {size} of {facts.size} bytes; the next attempt goes on there"
        )
    if _digest(part) != facts.sha256:
        raise FleetError("a file is not what was signed (its SHA-256 differs)")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
