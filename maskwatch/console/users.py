"""Who may use the console, and what each may do."""

from dataclasses import dataclass
from enum import StrEnum


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
