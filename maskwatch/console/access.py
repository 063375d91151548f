"""Who may sign in: users by name and password, the person who started the program by a link; and their sessions."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum, auto
from typing import Any

import anyio
from anyio.to_thread import run_sync

from maskwatch.console.users import OWNER_NAME, Account, Role, User, Users, is_right_password
from maskwatch.core.address import is_loopback
from maskwatch.core.errors import ConfigError, UserError
from maskwatch.http.guard import GuessLimit, TokenCheck, network_of

TOKEN_VARIABLE = "MASKWATCH_REVIEW_TOKEN"  # noqa: S105 - the name of the variable, not its value
MIN_TOKEN_LENGTH = 12
SESSION_S = 12 * 3600.0
LINK_S = 3600.0
MAX_SESSIONS = 1000
MAX_KNOWN = 10_000  # pairs of a name and an address that were right once
HASHES_AT_ONCE = 2  # each takes 64 MB and a tenth of a second of four threads
MAX_WAITING = 20  # for their turn to be hashed
OWNER = User(OWNER_NAME, Role.ADMIN)  # who started the program


def checked_token(host: str, token: str | None, *, has_users: bool = False) -> str | None:
    """The token by which everybody may sign in, None for none. Raises `ConfigError` for a short one, and where nobody could sign in."""
    if token is None or not token.strip():
        if is_loopback(host) or has_users:
            return None
        raise ConfigError(
            f"--host {host}: others can reach this address, so a token is needed, or users (`maskwatch users add`); "
            f"set {TOKEN_VARIABLE} (or --token, which other users of this machine can see)"
        )
    if len(token) < MIN_TOKEN_LENGTH:
        raise ConfigError(f"--token, {TOKEN_VARIABLE}: must have at least {MIN_TOKEN_LENGTH} characters")
    return token


class Refused(Enum):
    """Why signing in is refused."""

    WRONG = auto()
    WAIT = auto()
    """After too many wrong tries, or while too many other passwords are being checked."""


@dataclass(frozen=True, slots=True)
class _Session:
    """A session until the time `until_s`. `stamp` is that of the account, None for signing in by a token or a link."""

    until_s: float
    user: User
    stamp: str | None = None


class Access:
    """Opens sessions and tells whose they are. Times are seconds of a monotonic clock.

    `token` opens a session as `user` each time, a link of `new_link` once, and a name and password of `users` that user's.
    A session ends after 12 hours, by `sign_out`, and when its user is removed or gets another role or password.
    """

    def __init__(self, token: str | None = None, user: User = OWNER, *, users: Users | None = None) -> None:
        self.users = users
        self._user = user
        self._token = None if token is None else TokenCheck(token)
        self._links: dict[str, float] = {}
        self._sessions: dict[str, _Session] = {}
        self._by_address, self._by_name = GuessLimit(), GuessLimit()
        self._known: dict[tuple[str, str], None] = {}
        self._hashing = anyio.CapacityLimiter(HASHES_AT_ONCE)

    @property
    def has_token(self) -> bool:
        """Whether there is a token for everybody."""
        return self._token is not None

    @property
    def has_users(self) -> bool:
        """Whether anybody can sign in by name and password. Raises `UserError`."""
        return self.users is not None and bool(self.users.all())

    def new_link(self, now_s: float) -> str:
        """A token that opens one session within the hour."""
        token = secrets.token_urlsafe(32)
        self._links[_digest(token)] = now_s + LINK_S
        return token

    def follow_link(self, token: str, now_s: float) -> str | None:
        """The secret of a new session; None for a token that was used, is too old, or was never given out."""
        until_s = self._links.pop(_digest(token), 0.0)
        return self._open(_Session(now_s + SESSION_S, self._user), now_s) if until_s > now_s else None

    def may_guess(self, now_s: float, address: str = "") -> bool:
        """Whether the next token from that address is looked at, as there were few wrong ones lately."""
        return self._token is None or self._token.may_guess(address, now_s)

    def sign_in_by_token(self, offered: str, now_s: float, address: str = "") -> str | None:
        """The secret of a new session; None when the token is wrong, or too many from that address were."""
        if self._token is None or not self._token.is_right(offered, address, now_s):
            return None
        return self._open(_Session(now_s + SESSION_S, self._user), now_s)

    async def sign_in_by_password(
        self, name: str, password: str, now_s: float, address: str = ""
    ) -> str | Refused:
        """The secret of a new session of a user; unknown names take as long to check as wrong passwords.

        Tries are limited by address and by name; others' tries of a name do not hold up an address from which that name
        signed in before. Raises `UserError` when the file of users cannot be used.
        """
        network, who = network_of(address), name.strip().casefold()[:64]
        limited_by_name = (who, network) not in self._known
        if not self._by_address.may_guess(network, now_s) or self._is_busy():
            return Refused.WAIT
        if limited_by_name and not self._by_name.may_guess(who, now_s):
            return Refused.WAIT
        # counted before the password is checked: more may come meanwhile
        self._by_address.count(network, now_s)
        self._by_name.count(who, now_s)
        account = await run_sync(self._checked, name, password, limiter=self._hashing)
        if account is None:
            return Refused.WRONG
        self._by_address.take_back(network)
        self._by_name.take_back(who)
        self._known[who, network] = None
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        return self._open(_Session(now_s + SESSION_S, account.user, account.stamp), now_s)

    def user(self, session: str, now_s: float) -> User | None:
        """The user of a session, by its secret; None when there is no such session, or it has ended."""
        found = self._sessions.get(_digest(session))
        if found is None or found.until_s <= now_s:
            return None
        if found.stamp is None or self._stamp(found.user.name) == found.stamp:
            return found.user
        del self._sessions[_digest(session)]
        return None

    def sign_out(self, session: str) -> None:
        """End a session, if there is one."""
        self._sessions.pop(_digest(session), None)

    def state(self) -> Mapping[str, Any]:
        """The sessions and links for another process, as JSON can hold them; with digests in place of secrets."""
        return {
            "links": self._links,
            "sessions": {key: asdict(each) for key, each in self._sessions.items()},
        }

    def take_over(self, state: Mapping[str, Any]) -> None:
        """Add the sessions and links of a `state` of the same machine."""
        self._links.update(state["links"])
        for key, each in state["sessions"].items():
            user = User(each["user"]["name"], Role(each["user"]["role"]))
            self._sessions[key] = _Session(each["until_s"], user, each["stamp"])

    def _checked(self, name: str, password: str) -> Account | None:
        """The account, if the password is right; to be called on a thread."""
        account = self.users.get(name) if self.users else None
        if not is_right_password(account, password):
            return None
        assert account is not None
        assert self.users is not None
        return self.users.rehash(account, password)

    def _is_busy(self) -> bool:
        return self._hashing.statistics().tasks_waiting >= MAX_WAITING

    def _stamp(self, name: str) -> str | None:
        try:
            account = self.users.get(name) if self.users else None
        except UserError:  # nobody is known while the file cannot be read
            return None
        return account.stamp if account else None

    def _open(self, made: _Session, now_s: float) -> str:
        self._sessions = {key: each for key, each in self._sessions.items() if each.until_s > now_s}
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = secrets.token_urlsafe(32)
        self._sessions[_digest(session)] = made
        return session


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode("utf-8", "surrogateescape")).hexdigest()
