"""What may be set about the sources. Importing this loads no decoder."""

from typing import Annotated, Literal

from pydantic import Field

from maskwatch.platform.settings_base import SettingsBase

Seconds = Annotated[float, Field(gt=0, le=600)]


class RtspSettings(SettingsBase):
    """The `rtsp` section.

    `open_s` and `read_s` bound one attempt to open and to read. `stale_s`: after a longer gap between
    two frames, what comes next is old, and the camera is opened again.
    """

    transport: Literal["tcp", "udp"] = "tcp"
    open_s: Seconds = 3
    read_s: Seconds = 3
    stale_s: Seconds = 5
