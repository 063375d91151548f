"""Who may see the page: one token for all, and sessions for those who gave it."""

import hashlib
import secrets

from maskwatch.console.users import Role, User
from maskwatch.core.address import is_loopback
from maskwatch.core.errors import ConfigError
from maskwatch.http.guard import TokenCheck

TOKEN_VARIABLE = "MASKWATCH_REVIEW_TOKEN"  # noqa: S105 - the name of the variable, not its value
MIN_TOKEN_LENGTH = 12
SESSION_S = 12 * 3600.0
MAX_SESSIONS = 1000
OWNER = User("owner", Role.ADMIN)  # who started the program


def checked_token(host: str, token: str | None) -> str | None:
    """The token to ask for, None where none is needed. Raises `ConfigError` when one is needed and missing."""
    if token is None or not token.strip():
        if is_loopback(host):
            return None
        raise ConfigError(
            f"--host {host}: others can reach this address, so a token is needed; "
            f"set {TOKEN_VARIABLE} (or --token, which other users of this machine can see)"
        )
    if len(token) < MIN_TOKEN_LENGTH:
        raise ConfigError(f"--token, {TOKEN_VARIABLE}: must have at least {MIN_TOKEN_LENGTH} characters")
    return token


class Access:
    """Opens sessions for those who know the token, as `user`. Times are seconds of any steady clock."""

    def __init__(self, token: str, user: User = OWNER) -> None:
        self._token = TokenCheck(token)
        self._user = user
        self._sessions: dict[str, tuple[float, User]] = {}

    def may_guess(self, now_s: float, address: str = "") -> bool:
        """Whether so few wrong tokens came from there of late that the next one is looked at."""
        return self._token.may_guess(address, now_s)

    def sign_in(self, offered: str, now_s: float, address: str = "") -> str | None:
        """A new session's secret; None when the token is wrong, or too many from that address were."""
        if not self._token.is_right(offered, address, now_s):
            return None
        self._sessions = {key: each for key, each in self._sessions.items() if each[0] > now_s}
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = secrets.token_urlsafe(32)
        self._sessions[_digest(session)] = (now_s + SESSION_S, self._user)
        return session

    def user(self, session: str, now_s: float) -> User | None:
        """Whose session this is, by the secret that `sign_in` gave out; None when it gave none or it expired (12 hours)."""
        until_s, user = self._sessions.get(_digest(session), (0.0, None))
        return user if until_s > now_s else None


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
