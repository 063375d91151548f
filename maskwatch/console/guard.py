"""Stands before everything that the page serves, its websocket included, and turns away who may not see it."""

import logging
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwatch.console.access import SESSION_S, Access
from maskwatch.console.login import entered_page, login_page
from maskwatch.core.address import is_loopback

log = logging.getLogger(__name__)

MAX_FORM_BYTES = 4096
LOGIN_PATH = "/login"
HEADERS = {
    # nothing is loaded from, sent to or framed by any other place; Vue compiles its templates, hence eval
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """An ASGI application around another.

    Without `access` nobody signs in, and only requests for this machine's own names are answered: a
    foreign site whose name was made to lead here (DNS rebinding) is not. With it, a session cookie is
    needed, which a browser sends to the name alone that gave it. A request that another site's page
    makes is refused in any case.
    """

    def __init__(self, app: ASGIApp, access: Access | None, cookie: str) -> None:
        self._app = app
        self._access = access
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send) if scope["type"] == "http" else send
        answer = await self._answer(scope, receive)
        if answer is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """What to say instead of the page; None when it may be seen."""
        connection = HTTPConnection(scope)
        host = connection.headers.get("host", "")
        if self._access is None and not is_loopback(_name(host)):
            return PlainTextResponse("This page answers to localhost alone.", 421)
        origin = connection.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return PlainTextResponse("Another site's page may not ask this.", 403)
        if self._access is None:
            return None
        offered = await _offered(scope, receive)
        if offered is not None:
            return self._entered(self._access, offered, connection)
        if self._access.knows(connection.cookies.get(self._cookie, ""), time.monotonic()):
            return None
        return HTMLResponse(login_page(), 401)

    def _entered(self, access: Access, offered: "_Offered", connection: HTTPConnection) -> Response:
        now_s = time.monotonic()
        client = connection.client.host if connection.client else "somebody"
        if not access.may_guess(now_s):
            return HTMLResponse(login_page("Too many wrong tokens. Please wait a minute."), 429)
        session = access.sign_in(offered.token, now_s)
        if session is None:
            log.warning("review: %s offered a wrong token", client)
            return HTMLResponse(login_page("That is not the token."), 401)
        log.info("review: %s signed in", client)
        # no redirect: after one, a browser that followed another site's link would keep the new cookie back
        response = HTMLResponse(entered_page(offered.path))
        response.set_cookie(
            self._cookie,
            session,
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=connection.url.scheme == "https",
        )
        return response


def _name(host: str) -> str:
    """A `Host` header without its port: a tunnel may give this machine another one."""
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host


@dataclass(frozen=True, slots=True)
class _Offered:
    """A token, and where the person wants to go."""

    token: str = field(repr=False)
    path: str = "/"


async def _offered(scope: Scope, receive: Receive) -> _Offered | None:
    """The token in a form or an address. It is never passed on, so that no part can log it."""
    if scope["type"] != "http":
        return None
    request = Request(scope, receive)
    if scope["path"] == LOGIN_PATH and scope["method"] == "POST":
        return _Offered(await _form_token(request))
    if "token" not in request.query_params:
        return None
    rest = [item for item in request.query_params.multi_items() if item[0] != "token"]
    return _Offered(request.query_params["token"], scope["path"] + (f"?{urlencode(rest)}" if rest else ""))


async def _form_token(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return ""
    fields = parse_qs(body.decode("utf-8", "replace"))
    return fields.get("token", [""])[0]


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
