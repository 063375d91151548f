"""A Unix socket that only this user may use, whatever the length of its path."""

import os
import socket
from contextlib import suppress
from pathlib import Path

SERVICE = "service.sock"  # in the folder of events: where the service answers the console
WAITING = 32  # connections that may wait to be accepted


def listening(path: Path) -> socket.socket:
    """A socket that listens at `path`, mode 0600; one that an earlier process left there is replaced. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = socket.socket(socket.AF_UNIX)
    with suppress(FileNotFoundError):
        path.unlink()
    try:
        made.bind(short(path))
        # not by the umask, which is all threads': the command line has set that, so that the socket is nobody else's before either
        path.chmod(0o600)
    except BaseException:
        made.close()
        raise
    made.listen(WAITING)
    made.setblocking(False)
    return made


def short(path: Path) -> str:
    """A name of the same socket that fits into the 108 bytes of sockaddr_un (unix(7)); its folder stays open for it."""
    if len(os.fsencode(path)) < 108:
        return str(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{folder}/{path.name}"
