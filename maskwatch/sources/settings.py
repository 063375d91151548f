"""What may be set about the sources. Importing this loads no decoder."""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from maskwatch.platform.settings_base import SettingsBase


def _as_aspect(value: object) -> object:
    """`16:9` as its quotient."""
    if isinstance(value, str) and (sides := re.fullmatch(r"(\d{1,4}):(\d{1,4})", value)) and int(sides[2]):
        return int(sides[1]) / int(sides[2])
    if isinstance(value, int) and value >= 60:  # YAML 1.1 reads 16:9 as a number of base 60
        raise ValueError("must be in quotes, as in '16:9'")
    return value


Aspect = Annotated[float, BeforeValidator(_as_aspect), Field(ge=0.2, le=5)]
"""Width by height of a picture as it is to be seen: a number, or `16:9`."""
Seconds = Annotated[float, Field(gt=0, le=600)]


class Decode(StrEnum):
    """What decodes a network camera's stream. `AUTO` is hardware where there is some."""

    SOFTWARE = "software"
    AUTO = "auto"
    VAAPI = "vaapi"
    CUDA = "cuda"


class RtspSettings(SettingsBase):
    """The `rtsp` section.

    `open_s` and `read_s` bound one attempt to open and to read. `stale_s`: after a longer gap between
    two frames, what comes next is old, and the camera is opened again.
    """

    transport: Literal["tcp", "udp"] = "tcp"
    open_s: Seconds = 3
    read_s: Seconds = 3
    stale_s: Seconds = 5
