"""What may be set about HTTP. Importing this loads no web library."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from maskwatch.core.address import is_loopback
from maskwatch.platform.settings_base import SettingsBase

MIN_TOKEN = 16


def _as_token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if len(text) < MIN_TOKEN:
        raise ValueError(f"must have at least {MIN_TOKEN} characters")
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("must be of letters, digits and signs of ASCII, without spaces")
    return token


class WebSettings(SettingsBase):
    """The `web` section: where the service answers over HTTP, unless `enabled` is false.

    Without a `token` it listens on loopback alone; with one, every request but those for health has to carry it.
    `host` is an IP address or `localhost`, `port` 0 any free port, which the log tells.
    """

    enabled: bool = True
    # before `host`, which is judged by it
    token: Annotated[SecretStr, AfterValidator(_as_token)] | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8470

    @field_validator("host")
    @classmethod
    def _guarded(cls, host: str, info: ValidationInfo) -> str:
        if host != "localhost":
            try:
                ip_address(host)
            except ValueError:
                raise ValueError("must be an IP address, or localhost") from None
        if not is_loopback(host) and "token" in info.data and info.data["token"] is None:
            raise ValueError("is reached from other machines, which needs web.token")
        return host

    @property
    def token_text(self) -> str | None:
        """The token itself: never to be logged or shown."""
        return self.token.get_secret_value() if self.token else None
