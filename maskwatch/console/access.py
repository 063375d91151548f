"""Who may see the page: one token for all, sessions for those who gave it, and a limit on guessing."""

import hashlib
import secrets
from collections import deque
from dataclasses import dataclass, field

from maskwatch.core.address import is_loopback
from maskwatch.core.errors import ConfigError

TOKEN_VARIABLE = "MASKWATCH_REVIEW_TOKEN"  # noqa: S105 - the name of the variable, not its value
MIN_TOKEN_LENGTH = 12
SESSION_S = 12 * 3600.0
MAX_SESSIONS = 1000
GUESSES = 10
GUESSES_S = 60.0


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


@dataclass
class Access:
    """Opens sessions for those who know the token. Times are seconds of any steady clock."""

    token: str = field(repr=False)
    _sessions: dict[str, float] = field(default_factory=dict, repr=False)
    _failures: deque[float] = field(default_factory=lambda: deque(maxlen=GUESSES), repr=False)

    def may_guess(self, now_s: float) -> bool:
        """Whether so few tried wrongly of late that the next token is looked at."""
        return len(self._failures) < GUESSES or now_s - self._failures[0] >= GUESSES_S

    def sign_in(self, offered: str, now_s: float) -> str | None:
        """A new session's secret; None when the token is wrong, or too many were."""
        if not self.may_guess(now_s):
            return None
        if not secrets.compare_digest(offered.encode(), self.token.encode()):
            self._failures.append(now_s)
            return None
        self._sessions = {key: until_s for key, until_s in self._sessions.items() if until_s > now_s}
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = secrets.token_urlsafe(32)
        self._sessions[_digest(session)] = now_s + SESSION_S
        return session

    def knows(self, session: str, now_s: float) -> bool:
        return self._sessions.get(_digest(session), 0.0) > now_s


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
