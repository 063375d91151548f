"""Who may use the console, what each may do, and the file that says so."""

import hashlib
import json
import os
import threading
import unicodedata
from collections.abc import Mapping
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
MAX_HASH_KIB, MAX_HASH_ROUNDS, MAX_HASH_LANES = 262_144, 20, 16  # of argon2; ours have 65,536, 3 and 4
OWNER_NAME = "owner"  # of the person who signs in by the printed link, who is in no file


class Role(StrEnum):
    """What a user may do: look; also label; also change settings, models and users."""

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
    """A change that is refused; `problem` is the reason, for pages in other languages."""

    def __init__(self, problem: UserProblem, text: str) -> None:
        super().__init__(text)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Account:
    """A user in the file. `password` is the argon2 hash, `made_at` a time in ISO 8601."""

    name: str
    role: Role
    made_at: str
    password: str = field(repr=False)

    @property
    def user(self) -> User:
        """The user without the password, for pages."""
        return User(self.name, self.role)

    @property
    def stamp(self) -> str:
        """Changes with the role and the password; a session with another stamp has ended."""
        return hashlib.sha256(f"{self.name}\0{self.role}\0{self.password}".encode()).hexdigest()


class Users:
    """The users in `folder`/users.json, a file that only its owner may read.

    The file is read again when it has changed; it is changed atomically, under a lock. Any thread may call it. Each
    method raises `UserError` when the file cannot be used, and `UserChangeError` when a change is refused.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._read: tuple[object, Mapping[str, Account]] = (None, {})

    def all(self) -> list[Account]:
        """All accounts, sorted by name."""
        return sorted(self._accounts().values(), key=lambda each: each.name.casefold())

    def get(self, name: str) -> Account | None:
        """The account of that name, in any case; None where there is none."""
        return self._accounts().get(_key(name))

    def add(self, name: str, role: Role, password: str) -> Account:
        """Add a user. Takes a tenth of a second, for the password's hash."""
        account = Account(checked_user_name(name), role, f"{utc_now():%Y-%m-%dT%H:%M:%SZ}", "")
        account = replace(account, password=_hashed(account.name, password))
        with self._changing() as accounts:
            if _key(account.name) in accounts:
                raise UserChangeError(UserProblem.TAKEN, f"{account.name}: is a user already")
            accounts[_key(account.name)] = account
        return account

    def remove(self, name: str) -> None:
        """Remove a user; the last admin is refused."""
        with self._changing() as accounts:
            _require_admin_beside(accounts, _existing(accounts, name))
            del accounts[_key(name)]

    def set_role(self, name: str, role: Role) -> None:
        """Change a user's role; refused for the last admin."""
        with self._changing() as accounts:
            account = _existing(accounts, name)
            if role is not Role.ADMIN:
                _require_admin_beside(accounts, account)
            accounts[_key(name)] = replace(account, role=role)

    def set_password(self, name: str, password: str) -> None:
        """Change a user's password, which ends the user's sessions."""
        account = _existing(self._accounts(), name)
        made = _hashed(account.name, password)
        with self._changing() as accounts:
            accounts[_key(name)] = replace(_existing(accounts, name), password=made)

    def rehash(self, account: Account, password: str) -> Account:
        """Hash the same password again where the stored hash has older parameters of argon2."""
        if not _hasher().check_needs_rehash(account.password):
            return account
        made = replace(account, password=_hasher().hash(_normalized(password)))
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
    """Whether it is the account's password; takes as long (0.1 s, 64 MB) where there is no such user."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    stored = account.password if account and _is_affordable(account.password) else _dummy_hash()
    try:
        right = _hasher().verify(stored, _normalized(password))
    except (Argon2Error, InvalidHashError):
        return False
    return right and account is not None


def _is_affordable(stored: str) -> bool:
    """Whether the parameters in a hash are within our limits; those of a damaged file may ask for any memory and time."""
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        parameters = extract_parameters(stored)
    except InvalidHashError:
        return False
    return (
        parameters.memory_cost <= MAX_HASH_KIB
        and parameters.time_cost <= MAX_HASH_ROUNDS
        and parameters.parallelism <= MAX_HASH_LANES
    )


def checked_user_name(name: str) -> str:
    """The name as it is stored. Raises `UserChangeError` for one that is not allowed."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise UserChangeError(UserProblem.NAME, f"a user's name has 1 to {MAX_NAME} letters")
    if _key(name) == OWNER_NAME:
        raise UserChangeError(
            UserProblem.NAME, f"{OWNER_NAME}: is the name for the printed link, and cannot be a user's"
        )
    return name


def checked_password(name: str, password: str) -> str:
    """The password. Raises `UserChangeError`, which does not show it, for one that is easily guessed or too long."""
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
    return _hasher().hash(_normalized(checked_password(name, password)))


def _normalized(password: str) -> str:
    """A password in Unicode's normal form C, whatever keyboard it comes from (RFC 8265)."""
    return unicodedata.normalize("NFC", password)


_DUMMY_HASH: list[str] = []


def _dummy_hash() -> str:
    """The hash of a random secret by the present parameters: checked in place of an unknown user's, for the same time."""
    if not _DUMMY_HASH:
        _DUMMY_HASH.append(_hasher().hash(os.urandom(32)))
    return _DUMMY_HASH[0]


def _read(path: Path) -> dict[str, Account]:
    try:
        users = json.loads(path.read_text(encoding="utf-8"))["users"]
        accounts = [Account(**{**each, "role": Role(each["role"])}) for each in users]
        if not all(isinstance(part, str) for each in accounts for part in astuple(each)):
            raise TypeError("a user's values must be text")
        return {_key(each.name): each for each in accounts}
    except OSError as e:
        raise UserError(f"{path}: {e.strerror}") from e
    except MALFORMED as e:
        raise UserError(f"{path}: is not a file of users, or is damaged") from e


def _write(path: Path, accounts: Mapping[str, Account]) -> None:
    text = json.dumps({"users": [asdict(each) for each in accounts.values()]}, indent=1, ensure_ascii=False)
    with replacing(path) as part:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() + b"\n")
