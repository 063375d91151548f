"""The cookie that holds a session."""

from starlette.requests import HTTPConnection


def session_of(connection: HTTPConnection, cookie: str) -> str:
    """The session that a browser says it has, empty where it has none."""
    return connection.cookies.get(cookie_name(connection, cookie), "")


def is_secure(connection: HTTPConnection) -> bool:
    """Whether TLS is in use, as far as a trusted proxy tells."""
    return connection.scope["scheme"] in {"https", "wss"}


def cookie_name(connection: HTTPConnection, cookie: str) -> str:
    """With TLS one that no other host of the domain, and nobody without TLS, can set."""
    return f"__Host-{cookie}" if is_secure(connection) else cookie
