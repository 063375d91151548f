"""What may be set about events."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from maskwatch.platform.paths import StatePath, kept
from maskwatch.platform.settings_base import SettingsBase

SCHEMES = ("postgresql://", "postgresql+psycopg://")


def _as_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(SCHEMES):
        raise ValueError("must begin with postgresql://; without a url, events are kept in dir alone")
    return url


class EventSettings(SettingsBase):
    """The `events` section: what happened is kept in `dir`, for `max_days` and up to `max_mb`.

    With a `url` it is also written to a PostgreSQL database that several services share; each is known there by
    its `site`. Stills and clips of alerts, these from `clip_s` before to as long after, may take `clips_mb`; with
    `clip_s` 0 there are no clips.
    """

    enabled: bool = True
    dir: Annotated[StatePath, kept("events.db"), Field(validate_default=True)] = Path("events")
    url: Annotated[SecretStr, AfterValidator(_as_url)] | None = None
    site: Annotated[str, Field(pattern=r"^\w[\w .-]{0,63}$")] = "maskwatch"
    max_days: Annotated[int, Field(ge=1, le=3650)] = 90
    max_mb: Annotated[int, Field(ge=10, le=1_000_000)] = 512
    clip_s: Annotated[float, Field(ge=0, le=30)] = 5
    clips_mb: Annotated[int, Field(ge=10, le=1_000_000)] = 1024
