"""Whose labels these are: who signed in by name, or who told it."""

from dataclasses import dataclass
from urllib.parse import unquote

from fastapi import Request

from maskwatch.console.access import OWNER
from maskwatch.console.users import Role
from maskwatch.core.errors import QueueError
from maskwatch.samples.annotations import checked_name

NAME_COOKIE = "maskwatch_reviewer"


@dataclass(frozen=True, slots=True)
class Person:
    """`name` is empty as long as nobody told it, `known` that it is the name of an account, which nobody is asked for."""

    name: str
    is_admin: bool
    known: bool

    @classmethod
    def of(cls, request: Request, by: str | None) -> "Person":
        """Of a request; `by` is the name of who has no account and gave none."""
        user = request.scope.get("user", OWNER)
        if user.name != OWNER.name:
            return cls(user.name, user.role.may(Role.ADMIN), known=True)
        name = valid_name(unquote(request.cookies.get(NAME_COOKIE, ""))) or valid_name(by or "")
        return cls(name, user.role.may(Role.ADMIN), known=False)


def valid_name(text: str) -> str:
    """The name as it is kept; empty where it is none."""
    try:
        return checked_name(text)
    except QueueError:
        return ""
