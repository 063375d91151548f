"""Word to systemd over its notify socket (sd_notify(3)); without one, nothing happens."""

import os
import socket


def notify(*lines: str) -> None:
    """Send `READY=1`, `STATUS=…` and the like."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect(address)
        channel.sendall("\n".join(lines).encode())


def watchdog_s() -> float | None:
    """How often systemd wants to hear of life, in seconds; None when it does not watch."""
    usec = os.environ.get("WATCHDOG_USEC")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(usec) / 1e6 if usec and watched else None
