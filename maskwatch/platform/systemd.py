"""Word to systemd over its notify socket (sd_notify(3)); without one, nothing happens."""

import logging
import os
import socket
from functools import cache

log = logging.getLogger(__name__)

PATIENCE_S = 1.0  # systemd that is stuck must not make the service so


def notify(*lines: str) -> None:
    """Send `READY=1`, `STATUS=…` and the like. What cannot be sent is dropped, and the reason logged once."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(PATIENCE_S)
        try:
            channel.connect(address)
            channel.sendall("\n".join(lines).encode())
        except OSError as e:
            _warn(e.strerror or str(e))


@cache
def _warn(reason: str) -> None:
    log.warning("systemd cannot be notified: %s", reason)


def watchdog_s() -> float | None:
    """How often systemd wants to hear of life, in seconds; None when it does not watch."""
    usec = os.environ.get("WATCHDOG_USEC")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(usec) / 1e6 if usec and watched else None
