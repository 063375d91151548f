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

    def sent(self) -> int:
        """The descriptor of a file in memory that holds it, which outlives exec(2), as the socket then does."""
        os.set_inheritable(self.listener.fileno(), True)
        text = json.dumps(
            {"wanted": self.wanted, "socket": self.listener.fileno(), "access": dict(self.access)}
        )
        descriptor = os.memfd_create("console", 0)
        os.write(descriptor, text.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    @classmethod
    def received(cls, descriptor: int) -> "Handover":
        """From `sent`."""
        with os.fdopen(descriptor) as file:
            told = json.load(file)
        listener = socket.socket(fileno=told["socket"])
        os.set_inheritable(listener.fileno(), False)
        host, port = told["wanted"]
        return cls((host, port), listener, told["access"])
