"""Who we are, to an RTSP server that asks: RTSP takes HTTP's ways to log in (RFC 2326, section 14; RFC 7616, RFC 7617)."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.request import parse_http_list

HASHES = ("SHA-256", "MD5")  # the better one first; `-sess` may stand behind it


@dataclass(frozen=True, slots=True)
class _Challenge:
    """What one header `WWW-Authenticate` asks for."""

    scheme: str
    values: dict[str, str]

    @property
    def algorithm(self) -> str:
        return self.values.get("algorithm", "MD5").upper()

    @property
    def rank(self) -> int:
        """Less is better; that of what cannot be answered is negative."""
        if self.scheme == "basic":
            return len(HASHES)
        qop = [each.strip() for each in self.values.get("qop", "auth").split(",")]
        known = self.scheme == "digest" and "nonce" in self.values and "auth" in qop
        plain = self.algorithm.removesuffix("-SESS")
        return HASHES.index(plain) if known and plain in HASHES else -1


def _parsed(header: str) -> _Challenge:
    scheme, _, rest = header.strip().partition(" ")
    pairs = (each.partition("=") for each in parse_http_list(rest))
    return _Challenge(scheme.lower(), {key.strip().lower(): value.strip(' "') for key, _, value in pairs})


class Login:
    """Answers the challenges of one connection by a user's name and password, neither of which is ever shown."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._challenge: _Challenge | None = None
        self._count = 0  # of answers to one nonce

    def learn(self, headers: Sequence[str]) -> bool:
        """Choose the best of the challenges; False when none can be answered."""
        known = (each for each in map(_parsed, headers) if each.rank >= 0)
        self._challenge, self._count = min(known, key=lambda each: each.rank, default=None), 0
        return self._challenge is not None

    def header(self, method: str, uri: str) -> str | None:
        """What the header `Authorization` of a request is to hold; None where nobody asked for it yet."""
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return "Basic " + b64encode(f"{self._user}:{self._password}".encode()).decode()
        self._count += 1
        return self._digest(challenge, method, uri, secrets.token_hex(8))

    def _digest(self, challenge: _Challenge, method: str, uri: str, cnonce: str) -> str:
        """RFC 7616, section 3.4; without `qop`, as older servers want it (RFC 2069)."""
        name = "sha256" if challenge.algorithm.startswith("SHA-256") else "md5"

        def hashed(*parts: str) -> str:
            return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

        values = challenge.values
        realm, nonce, count = values.get("realm", ""), values["nonce"], f"{self._count:08x}"
        user = hashed(self._user, realm, self._password)
        if challenge.algorithm.endswith("-SESS"):
            user = hashed(user, nonce, cnonce)
        fields = {"username": self._user, "realm": realm, "nonce": nonce, "uri": uri}
        bare = {}
        if "qop" in values:
            fields |= {"cnonce": cnonce}
            bare = {"qop": "auth", "nc": count}
            fields["response"] = hashed(user, nonce, count, cnonce, "auth", hashed(method, uri))
        else:
            fields["response"] = hashed(user, nonce, hashed(method, uri))
        if "opaque" in values:
            fields["opaque"] = values["opaque"]
        if "algorithm" in values:
            bare["algorithm"] = values["algorithm"]
        quoted = (f'{key}="{_escaped(value)}"' for key, value in fields.items())
        return "Digest " + ", ".join([*quoted, *(f"{key}={value}" for key, value in bare.items())])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
