"""Where a source is, without showing the password that may stand in it."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

UNIFI_PORT = 7447  # of UniFi Protect's rtsp://, with the same token as in its rtsps://


@dataclass(frozen=True)
class Address:
    """A path or URL. `str` and `repr` leave out what may be secret; only `reveal` gives the whole."""

    _whole: str = field(repr=False)

    def reveal(self) -> str:
        """The whole, with the password: to open it with, never to log, show or store."""
        return self._whole

    def __str__(self) -> str:
        if "://" not in self._whole:
            mistyped = re.match(r"\w+:/", self._whole) and "@" in self._whole
            return f"{self._whole.split(':')[0]}:…" if mistyped else self._whole
        try:
            parts = urlsplit(self._whole)
            host, port = parts.hostname or "", parts.port
        except ValueError:  # a port that is no number, say: show nothing of it
            return f"{self._whole.split('://')[0]}://…"
        rest = parts.path + parts.query + parts.fragment
        if "@" in rest:  # a password with / ? or # in it: what looks like host and port may be a part of it
            return f"{parts.scheme}://…"
        # cameras of some makers take the password in the path, name=value or name:value, and rtsps:// a token there
        token = parts.scheme == "rtsps" or port == UNIFI_PORT
        secret = any(mark in rest for mark in "=:%") or (token and rest.strip("/"))
        path = "/…" if secret else parts.path
        return f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"


def is_loopback(host: str) -> bool:
    """Whether an address to listen on, or a name in a `Host` header, is this machine's own."""
    if host.lower() in {"localhost", "localhost."}:
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def http_url(host: str, port: int) -> str:
    """Without a slash at its end; an IPv6 address stands in brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


_CREDENTIALS = re.compile(r"(?<=://)\S*@")  # a password may hold a slash


def redacted(text: str) -> str:
    """A library's message without the credentials of any URL in it."""
    return _CREDENTIALS.sub("", text)
