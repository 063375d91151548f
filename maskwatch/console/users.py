"""Who may use the console, what each may do, and the file that says so."""

import hashlib
import json
import os
import threading
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, field, replace
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from maskwatch.core.errors import MALFORMED, UserError
from maskwatch.platform.clock import utc_now
from maskwatch.platform.files import locked, make_folder, replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argon2 import PasswordHasher

FILE = "users.json"
MIN_PASSWORD, MAX_PASSWORD = 10, 256  # characters
MAX_NAME = 64
OWNER_NAME = "owner"  # the name of who comes by the printed link, whom no file knows


class Role(StrEnum):
    """Each may do what those before it may: look; label; change settings, models and users."""

    VIEWER = "viewer"
    LABELLER = "labeller"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        """Whether it may do what `needed` may."""
        roles = list(Role)
        return roles.index(self) >= roles.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signed in."""

    name: str
    role: Role


class UserProblem(Enum):
    """Why a change is refused."""

    NAME = auto()
    PASSWORD = auto()
    TAKEN = auto()
    UNKNOWN = auto()
    LAST_ADMIN = auto()
    DIFFER = auto()
    """The two times that a password was entered."""


class UserChangeError(UserError):
    """A change that may not be. `problem` is why, for who tells it in another language."""

    def __init__(self, problem: UserProblem, text: str) -> None:
        super().__init__(text)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the file knows her. `password` is its argon2 hash; `made_at` a moment as ISO 8601 writes it."""

    name: str
    role: Role
    made_at: str
    password: str = field(repr=False)

    @property
    def user(self) -> User:
        """As pages know her."""
        return User(self.name, self.role)

    @property
    def stamp(self) -> str:
        """Changes with the role and the password: a session under another stamp has ended."""
        return hashlib.sha256(f"{self.name}\0{self.role}\0{self.password}".encode()).hexdigest()


class Users:
    """The users of `folder`/users.json, which only its owner may read.

    Reading looks whether the file has changed since; changes are made under a lock and whole. Any thread may call it. Each
    method raises `UserError`: when the file cannot be used, or (`UserChangeError`) the change may not be.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._read: tuple[object, Mapping[str, Account]] = (None, {})

    def all(self) -> list[Account]:
        """By name."""
        return sorted(self._accounts().values(), key=lambda each: each.name.casefold())

    def get(self, name: str) -> Account | None:
        """The account of that name, small or capital letters alike; None where there is none."""
        return self._accounts().get(_key(name))

    def add(self, name: str, role: Role, password: str) -> Account:
        """A new user. Takes a tenth of a second, for the password's hash."""
        account = Account(checked_user_name(name), role, f"{utc_now():%Y-%m-%dT%H:%M:%SZ}", "")
        account = replace(account, password=_hashed(account.name, password))
        with self._changing() as accounts:
            if _key(account.name) in accounts:
                raise UserChangeError(UserProblem.TAKEN, f"{account.name}: is a user already")
            accounts[_key(account.name)] = account
        return account

    def remove(self, name: str) -> None:
        """Not the last admin."""
        with self._changing() as accounts:
            _require_admin_beside(accounts, _existing(accounts, name))
            del accounts[_key(name)]

    def set_role(self, name: str, role: Role) -> None:
        """The last admin stays one."""
        with self._changing() as accounts:
            account = _existing(accounts, name)
            if role is not Role.ADMIN:
                _require_admin_beside(accounts, account)
            accounts[_key(name)] = replace(account, role=role)

    def set_password(self, name: str, password: str) -> None:
        """Ends her sessions, too."""
        account = _existing(self._accounts(), name)
        made = _hashed(account.name, password)
        with self._changing() as accounts:
            accounts[_key(name)] = replace(_existing(accounts, name), password=made)

    def rehash(self, account: Account, password: str) -> Account:
        """Store the same password by today's parameters of argon2, where its hash has older ones."""
        if not _hasher().check_needs_rehash(account.password):
            return account
        made = replace(account, password=_hasher().hash(_composed(password)))
        with self._changing() as accounts:
            if accounts.get(_key(account.name)) != account:
                return account  # changed meanwhile
            accounts[_key(account.name)] = made
        return made

    def _accounts(self) -> Mapping[str, Account]:
        with self._lock:
            try:
                found = self.path.stat()
            except FileNotFoundError:
                self._read = (None, {})
                return {}
            except OSError as e:
                raise UserError(f"{self.path}: {e.strerror}") from e
            mark = (found.st_ino, found.st_mtime_ns, found.st_size)
            if mark != self._read[0]:
                self._read = (mark, _read(self.path))
            return self._read[1]

    @contextmanager
    def _changing(self) -> "Iterator[dict[str, Account]]":
        try:
            make_folder(self.path.parent)
            with locked(self.path.with_name(".users.lock")):
                accounts = dict(self._accounts())
                yield accounts
                _write(self.path, accounts)
        except OSError as e:
            raise UserError(f"{self.path}: {e.strerror}") from e


def is_right_password(account: Account | None, password: str) -> bool:
    """Whether it is hers; takes as long, a tenth of a second, where there is no such user. Needs 64 MB for that time."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        right = _hasher().verify(account.password if account else _nobodys(), _composed(password))
    except (Argon2Error, InvalidHashError):
        return False
    return right and account is not None


def checked_user_name(name: str) -> str:
    """As it is kept. Raises `UserChangeError` for one that cannot be a user's."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise UserChangeError(UserProblem.NAME, f"a user's name has 1 to {MAX_NAME} letters")
    if _key(name) == OWNER_NAME:
        raise UserChangeError(
            UserProblem.NAME, f"{OWNER_NAME}: is who comes by the printed link, and can be no user's name"
        )
    return name


def checked_password(name: str, password: str) -> str:
    """Raises `UserChangeError`, which does not tell it, for one that is easily guessed or far too long."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise UserChangeError(
            UserProblem.PASSWORD, f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters"
        )
    if name.casefold() in password.casefold() and len(password) - len(name) < MIN_PASSWORD:
        raise UserChangeError(UserProblem.PASSWORD, "a password may not be the name, or little more than it")
    if len(set(password)) < 4:
        raise UserChangeError(UserProblem.PASSWORD, "a password needs more than three different characters")
    return password


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def _existing(accounts: Mapping[str, Account], name: str) -> Account:
    try:
        return accounts[_key(name)]
    except KeyError:
        raise UserChangeError(UserProblem.UNKNOWN, f"{name}: there is no such user") from None


def _require_admin_beside(accounts: Mapping[str, Account], account: Account) -> None:
    admins = [each for each in accounts.values() if each.role is Role.ADMIN]
    if admins == [account]:
        raise UserChangeError(
            UserProblem.LAST_ADMIN, f"{account.name}: is the only admin; make another user one first"
        )


def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


def _hashed(name: str, password: str) -> str:
    return _hasher().hash(_composed(checked_password(name, password)))


def _composed(password: str) -> str:
    """The same letters in one form, whatever keyboard they come from (RFC 8265)."""
    return unicodedata.normalize("NFC", password)


_NOBODYS: list[str] = []


def _nobodys() -> str:
    """A hash by today's parameters that no password has."""
    if not _NOBODYS:
        _NOBODYS.append(_hasher().hash(os.urandom(32)))
    return _NOBODYS[0]


def _read(path: Path) -> dict[str, Account]:
    make: Callable[[dict[str, str]], Account] = lambda each: Account(**{**each, "role": Role(each["role"])})  # type: ignore[arg-type]  # noqa: E731
    try:
        accounts = [make(each) for each in json.loads(path.read_text(encoding="utf-8"))["users"]]
        if not all(isinstance(part, str) for each in accounts for part in astuple(each)):
            raise TypeError("what is told of a user is text")  # noqa: TRY301 - told like the other faults
        return {_key(each.name): each for each in accounts}
    except OSError as e:
        raise UserError(f"{path}: {e.strerror}") from e
    except MALFORMED as e:
        raise UserError(f"{path}: is no file of users, or a damaged one") from e


def _write(path: Path, accounts: Mapping[str, Account]) -> None:
    text = json.dumps({"users": [asdict(each) for each in accounts.values()]}, indent=1, ensure_ascii=False)
    with replacing(path) as part:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() + b"\n")
