"""What a console hands to the process that takes its place: the socket, the sessions and the links."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Handover:
    """`wanted` is the host and port of the configuration that `listener` was made for; `access` the sessions and links."""

    wanted: tuple[str, int]
    listener: socket.socket
    access: Mapping[str, Any]

    def to_memfd(self) -> int:
        """Write it to a file in memory, and return its descriptor; that and the socket outlive exec(2)."""
        os.set_inheritable(self.listener.fileno(), True)
        text = json.dumps(
            {"wanted": self.wanted, "socket": self.listener.fileno(), "access": dict(self.access)}
        )
        descriptor = os.memfd_create("console", 0)
        os.write(descriptor, text.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    @classmethod
    def from_memfd(cls, descriptor: int) -> "Handover":
        """Read what `to_memfd` wrote, and close it."""
        with os.fdopen(descriptor) as file:
            content = json.load(file)
        listener = socket.socket(fileno=content["socket"])
        os.set_inheritable(listener.fileno(), False)
        host, port = content["wanted"]
        return cls((host, port), listener, content["access"])
