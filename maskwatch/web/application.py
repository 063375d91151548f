"""All routes behind one guard: who may ask, and from where."""

import logging
from collections.abc import Sequence
from secrets import compare_digest

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

OPEN = ("/healthz", "/readyz")  # whoever restarts or balances holds no token
READING = ("GET", "HEAD", "OPTIONS")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def make_app(routes: Sequence[BaseRoute], *, token: str | None, host: str = "127.0.0.1") -> Starlette:
    """The application that serves `routes`, guarded.

    With a token, every request but `/healthz` and `/readyz` carries `Authorization: Bearer TOKEN`, or gets 401.
    Without one the server listens on loopback (`host`) alone, where a web page in a browser of the same machine may
    still try: the request's Host must be a name of loopback (else 400: DNS rebinding), and one that changes
    something must not come from another site's page (else 403).
    """
    if token is not None:
        return Starlette(
            routes=routes, middleware=[Middleware(ErrorGuard), Middleware(TokenGuard, token=token)]
        )
    names = [*LOOPBACK_HOSTS, f"[{host}]" if ":" in host else host]
    guards = [
        Middleware(ErrorGuard),
        Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False),
        Middleware(SiteGuard),
    ]
    return Starlette(routes=routes, middleware=guards)


class ErrorGuard:
    """An exception in a request is logged, and that request's answer 500; the connection goes on."""

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
        except Exception:
            log.exception("%s %s", scope.get("method"), scope.get("path"))
            if begun:  # an answer that broke off can only be cut off
                raise
            refusal = JSONResponse({"error": "this failed; the log tells why"}, status_code=500)
            await refusal(scope, receive, send)


class TokenGuard:
    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = Headers(scope=scope).get("authorization", "").encode()
        if scope["path"] in OPEN or compare_digest(said, self._expected):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse(
            {"error": "needs the header Authorization: Bearer TOKEN, with web.token of the configuration"},
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)


class SiteGuard:
    """Refuses requests that change something and that a browser sends for another site's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")  # browsers alone send it
        own = origin is None or origin == f"{scope['scheme']}://{headers.get('host', '')}"
        if scope["method"] in READING or own:
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse({"error": "comes from another site's page"}, status_code=403)
        await refusal(scope, receive, send)
