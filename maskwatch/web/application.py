"""All routes behind one guard."""

import logging
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwatch.http.guard import GUESSES_S, READING, Guard, OtherSites, Refusals, TokenCheck, address_of, now
from maskwatch.http.throttle import Throttle

log = logging.getLogger(__name__)

HEALTH = ("/healthz", "/readyz")
OPEN = (*HEALTH, "/")  # whoever restarts or balances holds no token; `/` leads on alone
HOW = "set web.token in the configuration, and send it as the header Authorization: Bearer TOKEN"
REFUSALS = Refusals(
    misdirected=lambda: JSONResponse({"error": "answers to localhost alone"}, 400),
    other_site=lambda: JSONResponse({"error": "comes from another site's page"}, 403),
)


def make_app(routes: Sequence[BaseRoute], *, token: str | None) -> Starlette:
    """The application that serves `routes` behind the guard and the `Throttle`.

    With a token, `BearerAuthenticator` checks every request. Without one the server listens on loopback only, which a web
    page in a browser of this machine can still reach: the request's Host must be a name of loopback (else 400: DNS
    rebinding), and a request that changes something must not come from another site's page (else 403). Pictures of
    people and changes of the models are refused without a token (401), as they are not for every process of the machine.
    """
    guard = Middleware(
        Guard,
        authenticator=None if token is None else BearerAuthenticator(token),
        other_sites=OtherSites.READ if token is None else OtherSites.ALL,
        refusals=REFUSALS,
        same_scheme=True,
    )
    refusing = [Middleware(TokenlessGuard)] if token is None else []
    return Starlette(
        routes=routes,
        middleware=[Middleware(Throttle, apart=HEALTH), guard, *refusing, Middleware(ErrorGuard)],
    )


class TokenlessGuard:
    """Refuses the requests that need a token where none is configured."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _needs_token(scope["method"], scope["path"]):
            refusal = JSONResponse(
                {"error": f"needs a token, also on this machine: {HOW}"},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _needs_token(method: str, path: str) -> bool:
    return path.startswith("/api/queue/") or (path.startswith("/api/models") and method not in READING)


class ErrorGuard:
    """Answers a request that raises with 500 and logs the exception; the connection stays open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def passed_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, passed_on)
        except ClientDisconnect:  # the guard logs it
            raise
        except Exception:
            log.exception("%s %s", scope.get("method"), scope.get("path"))
            if begun:  # an answer that was begun can only be cut off
                raise
            refusal = JSONResponse({"error": "this failed; the log tells why"}, status_code=500)
            await refusal(scope, receive, send)


class BearerAuthenticator:
    """Requires the header `Authorization: Bearer TOKEN` of every request except those for health."""

    def __init__(self, token: str) -> None:
        self._token = TokenCheck(f"Bearer {token}")

    async def answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:  # noqa: ARG002 - as the protocol has it
        """None for a right token, and for health; else 401, and 429 for an address that offered too many wrong ones."""
        if connection.scope["path"] in OPEN:
            return None
        address, now_s = address_of(connection), now()
        if not self._token.may_guess(address, now_s):
            wait = {"Retry-After": f"{GUESSES_S:.0f}"}
            return JSONResponse({"error": "too many wrong tokens; wait a minute"}, 429, headers=wait)
        said = connection.headers.get("authorization")
        if said is not None and self._token.is_right(said, address, now_s):
            return None
        return JSONResponse(
            {"error": "needs the header Authorization: Bearer TOKEN, with web.token of the configuration"},
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
