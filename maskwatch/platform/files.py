"""Writing files so that a crash leaves the old one or the new one, never half of one.

What root makes belongs to the owner of the folder that it is put in: who uses `sudo maskwatch queue label` beside the
service leaves nothing that the service may not read, change and remove.
"""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; when the block ends well, it is flushed and takes `path`'s place.

    Its name starts with a dot and keeps the suffix, which tells writers the format. When the block
    raises, it is removed, and so are folders that were made for it; `path` stays as it was.
    """
    part = path.with_name(f".{path.stem}.{uuid4().hex[:8]}.part{path.suffix}")
    with parents_of(path):
        try:
            yield part
            with _opened(part, os.O_RDONLY | os.O_NOFOLLOW) as descriptor:
                os.fsync(descriptor)
                _hand_over(descriptor, path.parent)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill; when the block ends well, what is in it is found in `path`, which may be there but empty.

    It lies beside `path`, or in it where that is there, on a disk of its own perhaps, and its name starts with a dot.
    When the block raises, it is removed, and so are folders that were made for it.
    """
    name = f".{path.name}.{uuid4().hex[:8]}.part"
    is_there = path.is_dir()
    part = path / name if is_there else path.with_name(name)
    with parents_of(path):
        try:
            make_folder(part)
            yield part
            if is_there:
                for each in list(part.iterdir()):
                    each.rename(path / each.name)
                part.rmdir()
            else:
                part.rename(path)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    sync_folder(path.parent)


@contextmanager
def parents_of(path: Path) -> Iterator[None]:
    """Make the folders that a path lies in; when the block raises, those of them that are empty go again."""
    made = list(takewhile(lambda folder: not folder.exists(), path.parents))
    try:
        make_folder(path.parent)
        yield
    except BaseException:
        with suppress(OSError):  # somebody put something there meanwhile
            for folder in made:
                folder.rmdir()
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file by `replacing`, flushed to the disk; missing folders are made. Raises `OSError`."""
    with replacing(path) as part:
        part.write_bytes(data)


def read_file(path: Path, max_bytes: int | None = None) -> bytes:
    """A whole file, of at most `max_bytes`. Raises `OSError`, also for what is none: a pipe nobody writes to, a device without an end."""
    with _opened(path, os.O_RDONLY | os.O_NONBLOCK) as descriptor:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "is no file", str(path))
        if max_bytes is not None and about.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"is larger than {max_bytes / 1_000_000:g} MB", str(path))
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read()


def make_folder(folder: Path) -> None:
    """Make it where it is not there, and the folders above it that are missing."""
    missing = list(takewhile(lambda each: not each.exists(), (folder, *folder.parents)))
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):  # from above: each takes its owner from the one before
        with _opened(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) as descriptor:
            _hand_over(descriptor, each.parent)


def make_file(path: Path) -> None:
    """Make an empty file, for its user alone, where it is not there; the folder must be. Raises `OSError`.

    One that is there is not opened: closing it again would take this process's locks on it away (fcntl(2)).
    """
    with (
        suppress(FileExistsError),
        _opened(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600) as descriptor,
    ):
        _hand_over(descriptor, path.parent)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Keep every other thread and process out that asks for the same lock, by a file that stays.

    It is opened for reading alone, so that one that belongs to another user will do. Where somebody holds
    it, this waits, or without `wait` raises `BlockingIOError`.
    """
    with _opened(
        path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW
    ) as descriptor:  # closing it also gives the lock back
        _hand_over(descriptor, path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut."""
    with _opened(folder, os.O_RDONLY) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(path: Path, flags: int, mode: int = 0o644) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _hand_over(descriptor: int, folder: Path) -> None:
    """Give what root has made to the owner of the folder; where the disk knows no owners, it stays as it is.

    Not a file of several names: who may write to the folder could have put another's file there.
    """
    if os.geteuid() != 0:
        return
    made, owner = os.fstat(descriptor), folder.stat()
    if stat.S_ISREG(made.st_mode) and made.st_nlink > 1:
        return
    if (made.st_uid, made.st_gid) != (owner.st_uid, owner.st_gid):
        with suppress(PermissionError):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
