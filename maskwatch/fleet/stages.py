"""How far a version may go in a fleet, and which services that is."""

import hashlib
from enum import StrEnum

TENTH = 10


class Stage(StrEnum):
    """From shadowed on a camera, over a tenth of the services, to all; or taken back."""

    SHADOW = "shadow"
    TENTH = "tenth"
    ALL = "all"
    WITHDRAWN = "withdrawn"


def is_in_tenth(version: str, service: str) -> bool:
    """Whether a service is of the tenth that tries a version first.

    It is when the SHA-256 of `VERSION`, a line feed and `NAME` (UTF-8), read as a number, can be divided by ten: known
    without asking anybody, and another tenth for each version.
    """
    digest = hashlib.sha256(f"{version}\n{service}".encode()).digest()
    return int.from_bytes(digest) % TENTH == 0


def serves(stage: Stage, version: str, service: str) -> bool:
    """Whether a service is to serve a version at that stage."""
    return stage is Stage.ALL or (stage is Stage.TENTH and is_in_tenth(version, service))
