"""Before everything that the page serves, its websocket included: the shared guard, and people who sign in."""

import logging
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope

from maskwatch.console.access import SESSION_S, Access
from maskwatch.console.login import entered_page, login_page
from maskwatch.console.users import Role
from maskwatch.http.guard import Guard, OtherSites, Refusals, address_of, now

log = logging.getLogger(__name__)

MAX_FORM_BYTES = 4096
LOGIN_PATH = "/login"
# nothing is loaded from, sent to or framed by any other place; Vue compiles its templates, hence eval
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
RIGHTS = (
    ("/queue", Role.LABELLER),
    ("/team", Role.LABELLER),
    ("/editor", Role.ADMIN),
    ("/people", Role.ADMIN),
)
"""What pages below a path ask for; any other may be seen by everybody who is signed in."""
REFUSALS = Refusals(
    misdirected=lambda: PlainTextResponse("This page answers to localhost alone.", 421),
    other_site=lambda: PlainTextResponse("Another site's page may not ask this.", 403),
)


def guarded(app: ASGIApp, access: Access | None, cookie: str) -> Guard:
    """The application behind the guard. With `access`, a session is needed, whose cookie a browser sends here alone."""
    return Guard(
        app,
        door=None if access is None else SessionDoor(access, cookie),
        other_sites=OtherSites.NOTHING,
        refusals=REFUSALS,
        same_scheme=False,
        headers=HEADERS,
    )


class SessionDoor:
    """Lets those in who have a session, and gives one to those who know the token."""

    def __init__(self, access: Access, cookie: str) -> None:
        self._access = access
        self._cookie = cookie

    async def answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """None, to let through, with a valid session; without one the login page (401).

        A token in the address or the login form is always answered: the right one with a page that sets the
        cookie (200), a wrong one with the login page (401, or 429 after too many).
        """
        offered = await _offered(connection.scope, receive)
        if offered is not None:
            return self._entered(self._access, offered, connection)
        user = self._access.user(connection.cookies.get(self._cookie, ""), now())
        if user is None:
            return HTMLResponse(login_page(), 401)
        needed = next(
            (role for path, role in RIGHTS if connection.scope["path"].startswith(path)), Role.VIEWER
        )
        if not user.role.may(needed):
            return PlainTextResponse(f"{user.name} may not see this; it takes the role {needed}.", 403)
        connection.scope["user"] = user
        return None

    def _entered(self, access: Access, offered: "_Offered", connection: HTTPConnection) -> Response:
        now_s, address = now(), address_of(connection)
        if not access.may_guess(now_s, address):
            return HTMLResponse(login_page("Too many wrong tokens. Please wait a minute."), 429)
        session = access.sign_in(offered.token, now_s, address)
        if session is None:
            log.warning("review: %s offered a wrong token", address or "somebody")
            return HTMLResponse(login_page("That is not the token."), 401)
        log.info("review: %s signed in", address or "somebody")
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
