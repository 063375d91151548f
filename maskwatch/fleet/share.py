"""Where a fleet's registry lies: a folder, mostly a file share that is mounted, or a folder that a web server serves."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from maskwatch.core.errors import FleetError, FleetUnreachable, NotInFleet
from maskwatch.fleet.settings import is_url
from maskwatch.platform.paths import is_there

CHUNK = 1 << 16


class Share(Protocol):
    """What is in a fleet's registry, by names that are no paths but those of `fleet/manifest.py`."""

    def read(self, name: str, max_bytes: int) -> bytes:
        """A whole file. Raises `FleetUnreachable`, `NotInFleet` too, and `FleetError` for one that is larger, or no file."""
        ...

    def opened(self, name: str, start: int) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """A file's bytes from `start` on, or from where the share begins in its place: 0. Raises like `read`."""
        ...


@runtime_checkable
class Writable(Protocol):
    """A share that services may write to."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def write(self, folder: str, name: str, data: bytes) -> None:
        """Put a file into a folder that is there. Raises `OSError`."""
        ...


def open_share(address: str) -> Share:
    """The share at a folder's path or a URL. Asks nothing yet."""
    if is_url(address):
        from maskwatch.fleet.http_share import HttpShare

        return HttpShare(address)
    return FolderShare(Path(address))


def whole(share: Share, name: str, max_bytes: int) -> bytes:
    """What `Share.read` returns, by `Share.opened`."""
    data = b""
    with share.opened(name, 0) as (_, chunks):
        for chunk in chunks:
            data += chunk
            if len(data) > max_bytes:
                raise FleetError(f"the fleet's {name} is larger than {max_bytes} bytes")
    return data


class FolderShare:
    """A folder. Its links are not followed: who may write to the share shall not choose what else is read and written here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, max_bytes: int) -> bytes:
        """See `Share.read`."""
        return whole(self, name, max_bytes)

    @contextmanager
    def opened(self, name: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """See `Share.opened`."""
        path = self._folder / name
        with ExitStack() as stack:
            with _told_of(path, self._folder):
                file = stack.enter_context(file_itself(path))
                file.seek(start)
            yield start, self._chunks(path, file)  # what the caller raises is not the share's fault

    def _chunks(self, path: Path, file: BinaryIO) -> Iterator[bytes]:
        with _told_of(path, self._folder):
            while chunk := file.read(CHUNK):
                yield chunk

    def has(self, name: str) -> bool:
        """See `Writable.has`."""
        return is_there(self._folder / name)

    def write(self, folder: str, name: str, data: bytes) -> None:
        """See `Writable.write`; the folder is held by its descriptor, so that no link can take its place meanwhile."""
        held = os.open(self._folder / folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        part = f".{name}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(part, flags, 0o644, dir_fd=held), "wb") as file:
                os.fchmod(file.fileno(), 0o644)  # whatever the umask: for the publisher to read
                file.write(data)
            os.replace(part, name, src_dir_fd=held, dst_dir_fd=held)
        finally:
            os.close(held)


@contextmanager
def file_itself(path: Path) -> Iterator[BinaryIO]:
    """A file to read from, and not what a link leads to, a pipe or a folder. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


@contextmanager
def _told_of(path: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as e:
        kind = NotInFleet if folder.is_dir() else FleetUnreachable
        raise kind(f"{path}: {e.strerror}") from e
    except OSError as e:
        if e.errno in {errno.ELOOP, errno.EINVAL}:  # a link is none, either
            raise FleetError(f"{path}: is no file") from e
        raise FleetUnreachable(f"{path}: {e.strerror or e}") from e
