"""Folders whose place something else takes."""

import ctypes
import os
from pathlib import Path

EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), Linux 3.15
HERE = -100  # AT_FDCWD: paths are as they are written


def exchange(one: Path, other: Path) -> None:
    """Each takes the other's place, at one moment.

    With two renames a service finds the place empty between them, and makes a folder there. Raises `OSError`.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))
