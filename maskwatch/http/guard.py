"""Who may ask over HTTP, and from where: one set of rules, for the pages and for the interface for machines.

1. Where no token is asked for, only names of this machine are answered: a foreign site whose name was made to lead
   here (DNS rebinding) is not.
2. What a browser sends for another site's page is refused, as far as `OtherSites` says.
3. Where a token is asked for, the door has to let the request in. Tokens are compared in constant time, and an
   address that offers wrong ones has to wait.
4. Every answer, refusals too, carries the headers that keep browsers from framing, sniffing and embedding it, unless it
   says otherwise itself.
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
    """What a request may do that carries another site's `Origin`, which browsers alone send."""

    NOTHING = "nothing"
    """Neither read nor open a websocket: browsers send a session's cookie along."""
    READ = "read"
    """Nothing that changes something. The answer cannot be read there without CORS, which is never granted."""
    ALL = "all"
    """Whatever the token allows: no browser sends an `Authorization` header by itself."""


class Door(Protocol):
    """Asks for a token."""

    async def answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """What to say instead of what is asked for; None lets it through."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How a refusal reads: HTML or text for people, JSON for machines."""

    misdirected: Callable[[], Response]
    other_site: Callable[[], Response]


class Guard:
    """An ASGI application around another. `door` None: nobody is asked for a token.

    An `Origin` is this site's when it has the request's host; with `same_scheme` also its scheme, which a proxy that ends TLS changes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        door: Door | None,
        other_sites: OtherSites,
        refusals: Refusals,
        same_scheme: bool,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._door = door
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
            log.info("%s %s: broken off by who asked", scope.get("method"), scope["path"])

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
        if self._door is None and not is_loopback(_name(connection.headers.get("host", ""))):
            return self._refusals.misdirected()
        if self._is_foreign(connection) and not self._may_be_foreign(connection.scope):
            return self._refusals.other_site()
        return None if self._door is None else await self._door.answer(connection, receive)

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
    """Counts wrong guesses by whoever made them. Times are seconds of any steady clock.

    After `GUESSES` wrong ones within `GUESSES_S` one has to wait, also with the right one: else one could go on guessing.
    """

    _failures: dict[str, deque[float]] = field(default_factory=dict, repr=False)

    def may_guess(self, who: str, now_s: float) -> bool:
        """Whether so few wrong ones came from there of late that the next is looked at."""
        failures = self._failures.get(who, deque())
        return len(failures) < GUESSES or now_s - failures[0] >= GUESSES_S

    def count(self, who: str, now_s: float) -> None:
        """One wrong guess more."""
        failures = self._failures.pop(who, None) or deque(maxlen=GUESSES)
        failures.append(now_s)
        self._failures[who] = failures  # at the end: the newest
        while len(self._failures) > MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]

    def take_back(self, who: str) -> None:
        """The last one that was counted was right."""
        failures = self._failures.get(who)
        if failures:
            failures.pop()


@dataclass
class TokenCheck:
    """Compares what is offered with the secret, as often as `GuessLimit` lets an address. Behind a proxy all visitors have one."""

    secret: str = field(repr=False)
    _limit: GuessLimit = field(default_factory=GuessLimit, repr=False)

    def may_guess(self, address: str, now_s: float) -> bool:
        """Whether so few wrong ones came from there of late that the next is looked at."""
        return self._limit.may_guess(network_of(address), now_s)

    def is_right(self, offered: str, address: str, now_s: float) -> bool:
        """False also when there were too many wrong ones."""
        if not self.may_guess(address, now_s):
            return False
        if compare_digest(offered.encode(), self.secret.encode()):
            return True
        self._limit.count(network_of(address), now_s)
        return False


def address_of(connection: HTTPConnection) -> str:
    """The visitor's address, empty where the server knows none."""
    return connection.client.host if connection.client else ""


def now() -> float:
    """Seconds of the clock that sessions and guesses are timed by."""
    return time.monotonic()


def network_of(address: str) -> str:
    """What one visitor has: an IPv4 address, or a whole network of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or int(parsed) >> 64)


def _name(host: str) -> str:
    """A `Host` header without its port: a tunnel may give this machine another one."""
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            sent = MutableHeaders(scope=message)
            for name, value in headers.items():
                sent.setdefault(name, value)
        await send(message)

    return sending
