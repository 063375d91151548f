"""Which HTTP requests are answered: one set of rules for the console and for the service's interface.

1. Without authentication, the request's host must be a name of this machine, which stops DNS rebinding.
2. Requests that a browser sends for another site's page are refused, as far as `OtherSites` says.
3. With authentication, the `Authenticator` decides. Tokens are compared in constant time, and an address that offers
   wrong ones has to wait.
4. Every answer, also a refusal, carries the headers that keep browsers from framing, sniffing and embedding it, unless it
   sets them itself.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv6Address, ip_address
from secrets import compare_digest
from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwatch.core.address import is_loopback

log = logging.getLogger(__name__)

READING = ("GET", "HEAD", "OPTIONS")
GUESSES = 10
GUESSES_S = 60.0
MAX_ADDRESSES = 1000  # that are remembered for wrong tokens
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class OtherSites(Enum):
    """What a request with another site's `Origin` may do; only browsers send that header."""

    NOTHING = "nothing"
    """Nothing, not even read or open a websocket: browsers send the session's cookie along."""
    READ = "read"
    """Read. The other site's page cannot see the answer without CORS, which is never granted."""
    ALL = "all"
    """Whatever the token allows: browsers send no `Authorization` header by themselves."""


class Authenticator(Protocol):
    """Decides whether a request may go on to the application."""

    async def answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """The response to send in place of the application's; None lets the request through."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """The responses to refused requests: HTML or text for people, JSON for programs."""

    misdirected: Callable[[], Response]
    other_site: Callable[[], Response]


class Guard:
    """ASGI middleware that applies these rules. `authenticator` None: no authentication.

    An `Origin` is this site's when it has the request's host and, with `same_scheme`, its scheme, which a proxy that
    terminates TLS changes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticator: Authenticator | None,
        other_sites: OtherSites,
        refusals: Refusals,
        same_scheme: bool,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._other_sites = other_sites
        self._refusals = refusals
        self._same_scheme = same_scheme
        self._headers = {**HEADERS, **(headers or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            await self._answered(scope, receive, send)
        except ClientDisconnect:
            log.info("%s %s: the client disconnected", scope.get("method"), scope["path"])

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = _with_headers(send, self._headers) if scope["type"] == "http" else send
        answer = await self._answer(HTTPConnection(scope), receive)
        if answer is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, send)

    async def _answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        if self._authenticator is None and not is_loopback(_name(connection.headers.get("host", ""))):
            return self._refusals.misdirected()
        if self._is_foreign(connection) and not self._may_be_foreign(connection.scope):
            return self._refusals.other_site()
        return None if self._authenticator is None else await self._authenticator.answer(connection, receive)

    def _is_foreign(self, connection: HTTPConnection) -> bool:
        origin = connection.headers.get("origin")
        if origin is None:
            return False
        host = connection.headers.get("host", "")
        if self._same_scheme:
            return origin != f"{connection.scope['scheme']}://{host}"
        try:
            return urlsplit(origin).netloc.lower() != host.lower()
        except ValueError:  # no address at all
            return True

    def _may_be_foreign(self, scope: Scope) -> bool:
        if self._other_sites is OtherSites.READ:
            return scope["type"] == "http" and scope["method"] in READING
        return self._other_sites is OtherSites.ALL


@dataclass
class GuessLimit:
    """Limits wrong guesses by address or name. Times are seconds of any monotonic clock.

    After `GUESSES` wrong ones within `GUESSES_S` even a right one is not looked at; otherwise one could go on guessing.
    """

    _failures: dict[str, deque[float]] = field(default_factory=dict, repr=False)

    def may_guess(self, who: str, now_s: float) -> bool:
        """Whether the next guess is looked at: there were fewer than `GUESSES` wrong ones within `GUESSES_S`."""
        failures = self._failures.get(who, deque())
        return len(failures) < GUESSES or now_s - failures[0] >= GUESSES_S

    def count(self, who: str, now_s: float) -> None:
        """Count a wrong guess."""
        failures = self._failures.pop(who, None) or deque(maxlen=GUESSES)
        failures.append(now_s)
        self._failures[who] = failures  # at the end: the newest
        while len(self._failures) > MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]

    def take_back(self, who: str) -> None:
        """Uncount the last guess, which was right."""
        failures = self._failures.get(who)
        if failures:
            failures.pop()


@dataclass
class TokenCheck:
    """Compares offered tokens with the secret, within the `GuessLimit` of an address; behind a proxy all visitors share one."""

    secret: str = field(repr=False)
    _limit: GuessLimit = field(default_factory=GuessLimit, repr=False)

    def may_guess(self, address: str, now_s: float) -> bool:
        """Whether the next guess is looked at: there were fewer than `GUESSES` wrong ones within `GUESSES_S`."""
        return self._limit.may_guess(network_of(address), now_s)

    def is_right(self, offered: str, address: str, now_s: float) -> bool:
        """Whether the token is right; False also after too many wrong ones."""
        if not self.may_guess(address, now_s):
            return False
        if compare_digest(offered.encode(), self.secret.encode()):
            return True
        self._limit.count(network_of(address), now_s)
        return False


def address_of(connection: HTTPConnection) -> str:
    """The client's IP address, empty where the server knows none."""
    return connection.client.host if connection.client else ""


def now() -> float:
    """Seconds of the monotonic clock by which sessions and guesses are timed."""
    return time.monotonic()


def network_of(address: str) -> str:
    """The key by which one visitor is limited: the IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or int(parsed) >> 64)


def _name(host: str) -> str:
    """A `Host` header without its port, which a tunnel may change."""
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            sent = MutableHeaders(scope=message)
            for name, value in headers.items():
                sent.setdefault(name, value)
        await send(message)

    return sending
