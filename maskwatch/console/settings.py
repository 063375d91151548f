"""What may be set about the console. Importing this loads no web library."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from maskwatch.core.address import http_url
from maskwatch.events.settings import SCHEMES
from maskwatch.platform.paths import InputPath, StatePath, kept
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.rules.settings import wrong_key


def _as_host(host: str) -> str:
    if host != "localhost":
        try:
            ip_address(host)
        except ValueError:
            raise ValueError("must be an IP address or localhost") from None
    return host


def _as_store(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(SCHEMES):
        raise ValueError("must begin with postgresql://")
    return url


class ConsoleSettings(SettingsBase):
    """The `console` section: pages for people, served by a process of its own beside `maskwatch run`.

    `dir` holds the users. `port` 0 is any free one. A camera's picture is sent at most `fps` times a second, while somebody looks. With
    `tls_cert` and `tls_key` (PEM files) it is served over HTTPS. Everybody has to sign in, on this machine too. `store` is
    a PostgreSQL database that several services share, whose sites are shown; nothing is written there.
    """

    enabled: bool = True
    dir: Annotated[StatePath, kept("users.json"), Field(validate_default=True)] = Path("console")
    host: Annotated[str, AfterValidator(_as_host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8471
    fps: Annotated[float, Field(gt=0, le=30)] = 2
    tls_cert: InputPath | None = None
    tls_key: InputPath | None = None
    store: Annotated[SecretStr, AfterValidator(_as_store)] | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing, there = ("tls_key", "tls_cert") if self.tls_key is None else ("tls_cert", "tls_key")
            raise wrong_key((there,), f"needs {missing} beside it")
        return self

    def url_at(self, host: str) -> str:
        """Where it is reached on the machine of that name, with a slash at the end."""
        address = f"{http_url(host, self.port)}/"
        return address if self.tls_cert is None else address.replace("http", "https", 1)
