"""Authentication of the console, for all that it serves including websockets: sessions, signing in and out, roles."""

import logging
from urllib.parse import parse_qs, quote, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive

from maskwatch.console.access import SESSION_S, Access, Refused
from maskwatch.console.access_log import AccessLog, Action
from maskwatch.console.login import Asked, entered_page, login_page, not_allowed_page, path_of_this_site
from maskwatch.console.session_cookie import cookie_name, is_secure, session_of
from maskwatch.console.signed_in import WhileSignedIn
from maskwatch.console.texts import COOKIE, LANGUAGES, Texts, language_of
from maskwatch.console.users import OWNER_NAME, Role, User
from maskwatch.core.errors import UserError
from maskwatch.http.body import OversizeError, read_body
from maskwatch.http.guard import Guard, OtherSites, Refusals, address_of, now

log = logging.getLogger(__name__)

MAX_FORM_BYTES = 8192
YEAR_S = 365 * 86_400
LOGIN_PATH, LOGOUT_PATH = "/login", "/logout"
SESSION_PATH = "/session"  # 204 while the session is valid; an open page asks when it lost its connection
# no other origin may be loaded from, sent to, or frame the console; Vue compiles its templates, hence eval
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
PRIVATE = {"Cache-Control": "no-store"}
ENTERED = {**PRIVATE, "Referrer-Policy": "no-referrer"}  # the URL may hold a token
RIGHTS = (
    ("/queue", Role.LABELLER),
    ("/team", Role.LABELLER),
    ("/editor", Role.ADMIN),
    ("/people", Role.ADMIN),
)
"""The role that pages below a path require; all others may be seen by everybody who is signed in."""
REFUSALS = Refusals(
    misdirected=lambda: PlainTextResponse("This page answers to localhost alone.", 421),
    other_site=lambda: PlainTextResponse("Another site's page may not ask this.", 403),
)


def guarded(
    app: ASGIApp, access: Access, cookie: str, access_log: AccessLog | None = None, *, first_page: str = "/"
) -> Guard:
    """The application behind the guard, which requires a session.

    Who looks at what is noted in `access_log`. A connection that stays open ends with its session. `first_page` is where
    the printed link leads while there are no users.
    """
    return Guard(
        WhileSignedIn(app, access, cookie, access_log),
        authenticator=SessionAuthenticator(access, cookie, access_log, first_page),
        other_sites=OtherSites.NOTHING,
        refusals=REFUSALS,
        same_scheme=False,
        headers=HEADERS,
    )


class SessionAuthenticator:
    """Lets requests with a session through, and opens a session for people who sign in."""

    def __init__(
        self, access: Access, cookie: str, access_log: AccessLog | None = None, first_page: str = "/"
    ) -> None:
        self._access = access
        self._cookie = cookie
        self._log = access_log
        self._first_page = first_page

    async def answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """None with a valid session, which lets the request through; else the login page (401).

        Signing in, by the form or by a token in the URL, is answered with a page that sets the cookie (200), or with the
        login page (401, or 429 after too many tries). A user whose role may not see the page gets one that says so (403).
        """
        scope, path = connection.scope, connection.scope["path"]
        user = self._access.user(session_of(connection, self._cookie), now())
        if scope["type"] == "http":
            about_signing_in = await self._about_signing_in(Request(scope, receive), user)
            if about_signing_in is not None:
                return about_signing_in
        if user is None:
            return self._page(connection, 401, to=_wanted(connection))
        needed = next((role for below, role in RIGHTS if path.startswith(below)), Role.VIEWER)
        if not user.role.may(needed):
            self._note(user.name, connection, Action.REFUSED, path)
            return HTMLResponse(not_allowed_page(_texts(connection), user, needed), 403, PRIVATE)
        scope["user"] = user
        return None

    async def _about_signing_in(self, request: Request, user: User | None) -> Response | None:
        path, method = request.scope["path"], request.method
        if path == LOGIN_PATH and method == "POST":
            return await self._sign_in(request)
        if "token" in request.query_params and method == "GET":
            return self._by_link(request, user)
        if path == LOGIN_PATH:
            return self._login(request)
        if path == LOGOUT_PATH:
            return self._sign_out(request, user)
        return Response(status_code=204, headers=PRIVATE) if path == SESSION_PATH and user else None

    async def _sign_in(self, request: Request) -> Response:
        form = await _form(request)
        to = form.get("to", "/")
        if "token" in form:
            return self._by_token(request, form["token"], to)
        now_s, name = now(), form.get("name", "")
        try:
            found = await self._access.sign_in_by_password(
                name, form.get("password", ""), now_s, address_of(request)
            )
        except UserError as e:
            log.error("console: %s", e)
            return self._page(request, 503, to=to, problem="login.broken")
        if found is Refused.WAIT:
            return self._page(request, 429, to=to, problem="login.wait")
        if isinstance(found, Refused):
            # an unknown name may be a password that was entered in the wrong field
            known = self._access.users.get(name) if self._access.users else None
            self._note(known.name if known else "", request, Action.WRONG_PASSWORD, "")
            log.warning("console: %s offered a wrong password", address_of(request) or "somebody")
            return self._page(request, 401, to=to, problem="login.wrong")
        return self._entered(request, found, to)

    def _by_link(self, connection: HTTPConnection, user: User | None) -> Response:
        """A link opens one session; somebody who has a session keeps it, and the link stays unused."""
        rest = [item for item in connection.query_params.multi_items() if item[0] != "token"]
        to = quote(connection.scope["path"]) + (f"?{urlencode(rest)}" if rest else "")
        if user is not None:
            return HTMLResponse(entered_page(_texts(connection), to), headers=ENTERED)
        if not _is_followed(
            connection
        ):  # else another site's page could use up the guesses of whoever visits it
            return self._page(connection, 401, to=to)
        token = connection.query_params["token"]
        session = self._access.follow_link(token, now())
        if session is not None:
            return self._entered(connection, session, to)
        if self._access.has_token:
            return self._by_token(connection, token, to)
        return self._page(connection, 401, to=to, problem="login.old_link")

    def _by_token(self, connection: HTTPConnection, token: str, to: str) -> Response:
        now_s, address = now(), address_of(connection)
        if not self._access.may_guess(now_s, address):
            return self._page(connection, 429, to=to, problem="login.wait")
        session = self._access.sign_in_by_token(token, now_s, address)
        if session is None:
            self._note("", connection, Action.WRONG_PASSWORD, "")
            log.warning("console: %s offered a wrong token", address or "somebody")
            return self._page(connection, 401, to=to, problem="login.wrong_token")
        return self._entered(connection, session, to)

    def _entered(self, connection: HTTPConnection, session: str, to: str) -> Response:
        user = self._access.user(session, now())
        assert user is not None
        self._note(user.name, connection, Action.SIGNED_IN, "")
        log.info("console: %s signed in from %s", user.name, address_of(connection) or "somewhere")
        if user.name == OWNER_NAME and path_of_this_site(to) == "/" and not self._has_users():
            to = self._first_page
        # no redirect: after one, a browser that followed another site's link would keep the new cookie back
        response = HTMLResponse(entered_page(_texts(connection), to), headers=ENTERED)
        response.set_cookie(cookie_name(connection, self._cookie), session, max_age=int(SESSION_S), httponly=True,
                            samesite="strict", secure=is_secure(connection))  # fmt: skip
        return response

    def _sign_out(self, connection: HTTPConnection, user: User | None) -> Response:
        self._access.sign_out(session_of(connection, self._cookie))
        if user is not None:
            self._note(user.name, connection, Action.SIGNED_OUT, "")
        answer = self._page(connection, 200, told="login.signed_out")
        answer.headers["Clear-Site-Data"] = '"cache"'  # pictures among it
        name, secure = cookie_name(connection, self._cookie), is_secure(connection)
        answer.delete_cookie(name, httponly=True, samesite="strict", secure=secure)
        return answer

    def _login(self, connection: HTTPConnection) -> Response:
        language, to = connection.query_params.get("language"), connection.query_params.get("to", "/")
        if language not in LANGUAGES:
            return self._page(connection, 200, to=to)
        answer = self._page(connection, 200, to=to, language=language)
        answer.set_cookie(COOKIE, language, max_age=YEAR_S, samesite="strict")
        return answer

    def _page(self, connection: HTTPConnection, code: int, *, to: str = "/", problem: str = "", told: str = "",
              language: str | None = None) -> HTMLResponse:  # fmt: skip
        texts = Texts(language) if language else _texts(connection)
        asked = Asked(self._has_users(), self._access.has_token)
        page = login_page(texts, asked, to=to, problem=problem, told=texts(told) if told else "")
        return HTMLResponse(page, code, PRIVATE)

    def _has_users(self) -> bool:
        try:
            return self._access.has_users
        except UserError:
            return True

    def _note(self, user: str, connection: HTTPConnection, action: Action, target: str) -> None:
        if self._log is not None:
            self._log.note(user, address_of(connection), action, target)


def _texts(connection: HTTPConnection) -> Texts:
    return Texts(language_of(connection.cookies, connection.headers.get("accept-language", "")))


def _wanted(connection: HTTPConnection) -> str:
    """The page to go to after signing in: what was asked for, unless it is a part of a page."""
    scope = connection.scope
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] == SESSION_PATH:
        return "/"
    query = scope["query_string"].decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")


def _is_followed(connection: HTTPConnection) -> bool:
    """Whether a person followed a link, and no page embeds it; browsers tell by headers, other clients send none."""
    headers = connection.headers
    return (
        headers.get("sec-fetch-mode", "navigate") == "navigate"
        and headers.get("sec-fetch-dest", "document") == "document"
        and "sec-purpose" not in headers
    )


async def _form(request: Request) -> dict[str, str]:
    try:
        body = await read_body(request, MAX_FORM_BYTES)
    except OversizeError:
        return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}
