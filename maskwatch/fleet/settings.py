"""What may be set about the fleet that a service belongs to."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, model_validator

from maskwatch.core.address import Address
from maskwatch.platform.paths import beside
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.rules.settings import wrong_key

KEY_TEXT = "ed25519:"  # what a public key begins with where it is written out


def is_url(address: str) -> bool:
    """Whether a fleet's address is one of a web server; else it is a folder's path."""
    return "://" in address


def _as_address(address: SecretStr, info: ValidationInfo) -> SecretStr:
    text = address.get_secret_value()
    if not is_url(text):
        if not text.strip():
            raise ValueError("must be a folder, or begin with https:// or http://")
        return SecretStr(str(beside(Path(text), info)))
    if not text.startswith(("https://", "http://")):
        raise ValueError("must be a folder, or begin with https:// or http://")
    return address


def _as_key(key: str, info: ValidationInfo) -> str:
    return key if key.startswith(KEY_TEXT) else str(beside(Path(key), info))


class FleetSettings(SettingsBase):
    """The `fleet` section: models pulled from `address`, a folder or a URL, when they are signed with `public_key`.

    It is looked at each `every_s`. The service is known as `name`, None for `events.site`. While a version is in its
    shadow stage, the cameras `shadow` try it without serving, None for the first camera. A version of more than
    `max_mb` is refused. For `watch_hours` after a version was taken, it goes back when it is sure of its faces otherwise
    than the one before: by a population stability index above `max_shift`.
    """

    address: Annotated[SecretStr, AfterValidator(_as_address)] | None = None
    public_key: Annotated[str, Field(min_length=1), AfterValidator(_as_key)] | None = None
    every_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    name: Annotated[str, Field(pattern=r"^\w[\w .-]{0,63}$")] | None = None
    shadow: tuple[str, ...] | None = None
    max_mb: Annotated[int, Field(ge=1, le=10_000)] = 200
    watch_hours: Annotated[float, Field(ge=0, le=8760)] = 48.0
    max_shift: Annotated[float, Field(gt=0)] = 0.5

    @model_validator(mode="after")
    def _has_a_key(self) -> "FleetSettings":
        if self.address is not None and self.public_key is None:
            raise wrong_key(("address",), "needs public_key beside it: only what is signed with it is taken")
        return self

    @property
    def shown_address(self) -> str:
        """The address without what may be secret in it."""
        return "" if self.address is None else str(Address(self.address.get_secret_value()))
