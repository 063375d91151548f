"""Notes what signed-in people look at, and ends connections with their session."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwatch.console.access import Access
from maskwatch.console.access_log import AccessLog, Action
from maskwatch.console.session_cookie import session_of
from maskwatch.http.guard import address_of, now

CHECK_S = 1.0  # between two checks of an open connection's session
NOT_NOTED = ("/_nicegui", "/queue/thumbnail", "/live/feed", "/team/examples", "/history/thumbnail")
"""Paths that are not noted: parts of a page that is noted itself."""
MAX_SEEN = 20_000


class WhileSignedIn:
    """Notes what is looked at, and cuts off what is open when its session ends: websockets, and responses without an end."""

    def __init__(self, app: ASGIApp, access: Access, cookie: str, access_log: AccessLog | None) -> None:
        self._app = app
        self._access = access
        self._cookie = cookie
        self._log = access_log
        self._seen: dict[tuple[int, str], None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        session = session_of(connection, self._cookie)

        def goes_on() -> bool:
            return self._access.user(session, now()) is not None

        if scope["type"] == "websocket":
            self._note_once(connection, session, Action.OPENED)
            socket = _Socket(receive, send, goes_on)
            await self._app(scope, socket.receive, socket.send)
            return
        stream = _Stream(send, goes_on, lambda message: self._note_response(connection, session, message))
        with suppress(_SessionEndedError):
            await self._app(scope, receive, stream)

    def _note_response(self, connection: HTTPConnection, session: str, start: Message) -> None:
        scope = connection.scope
        if scope["method"] != "GET" or start["status"] not in {200, 206}:
            return
        action = _action(dict(start["headers"]))
        if action is Action.OPENED:
            self._note(connection, action)
        elif action is not None:
            self._note_once(connection, session, action)

    def _note(self, connection: HTTPConnection, action: Action) -> None:
        scope, path = connection.scope, connection.scope["path"]
        if self._log is not None and not path.startswith(NOT_NOTED):
            self._log.note(scope["user"].name, address_of(connection), action, path)

    def _note_once(self, connection: HTTPConnection, session: str, action: Action) -> None:
        if self._is_first(session, connection.scope["path"]):
            self._note(connection, action)

    def _is_first(self, session: str, path: str) -> bool:
        """Whether a session asks for a path for the first time: pictures and pieces of a video are noted once."""
        if (hash(session), path) in self._seen:
            return False
        self._seen[hash(session), path] = None
        if len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        return True


def _action(headers: Mapping[bytes, bytes]) -> Action | None:
    """The action to note for a response with these headers; None for a part of a page, such as a script."""
    kind = headers.get(b"content-type", b"")
    if kind.startswith(b"text/html"):
        return Action.OPENED
    files = (b"image/", b"video/", b"multipart/", b"application/zip", b"application/pdf", b"text/csv")
    if kind.startswith(files) or b"content-disposition" in headers:
        return Action.FETCHED
    return None


class _SessionEndedError(Exception):
    """The session ended while a response was being sent."""


class _Stream:
    """Passes a response on, and cuts off one without a length when its session has ended."""

    def __init__(self, send: Send, goes_on: Callable[[], bool], on_start: Callable[[Message], None]) -> None:
        self._send = send
        self._goes_on = goes_on
        self._on_start = on_start
        self._has_length = False
        self._checked_s = now()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._on_start(message)
            self._has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
        elif not self._has_length and message.get("more_body") and now() - self._checked_s >= CHECK_S:
            self._checked_s = now()
            if not self._goes_on():
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _SessionEndedError
        await self._send(message)


class _Socket:
    """A websocket that is closed for both sides when its session has ended."""

    def __init__(self, receive: Receive, send: Send, goes_on: Callable[[], bool]) -> None:
        self._receive = receive
        self._send = send
        self._goes_on = goes_on
        self._checked_s = now()

    async def receive(self) -> Message:
        """The next message, or a disconnect when the session has ended."""
        task = asyncio.ensure_future(self._receive())
        try:
            while True:
                await asyncio.wait({task}, timeout=CHECK_S)
                if await self._has_ended():  # also while messages keep coming
                    return {"type": "websocket.disconnect", "code": 1008}
                if task.done():
                    return task.result()
        finally:
            task.cancel()

    async def send(self, message: Message) -> None:
        """Send a message. Raises `OSError`, as for a closed connection, when the session has ended."""
        if message["type"] == "websocket.send" and await self._has_ended():
            raise ConnectionAbortedError
        await self._send(message)

    async def _has_ended(self) -> bool:
        if now() - self._checked_s < CHECK_S:
            return False
        if self._goes_on():
            self._checked_s = now()
            return False
        with suppress(RuntimeError):  # it is closed already
            await self._send({"type": "websocket.close", "code": 1008})
        return True
