"""Which events a page shows, as its address says. Pure: no page and no store."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from maskwatch.console.users import Role
from maskwatch.core.events import EventKind
from maskwatch.events.ratios import day_span
from maskwatch.events.store import EventFilter

PATH = "/history"
ALL_SITES = "*"  # no site can be called so
FIRST, LAST = date(1970, 1, 5), date(9998, 12, 31)  # days of which the whole week has Unix times
ADMINS = frozenset({EventKind.ACCESS})
"""What only admins may see: who looked at what."""


class Period(StrEnum):
    """How long a time the strip on top shows."""

    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Choice:
    """None and empty let everything through. `day` is this machine's own; `event` is the alert whose dialog is open.

    `site` None is this service, or all where the console has none; `ALL_SITES`, and any name, is of the shared store.
    """

    camera: str | None = None
    day: date | None = None
    kinds: tuple[EventKind, ...] = ()
    period: Period = Period.DAY
    event: str | None = None
    site: str | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Choice":
        """What an address says; what it says wrong counts as not said."""
        day = None
        with suppress(ValueError):
            day = date.fromisoformat(query.get("day", ""))
        if day is not None and not FIRST <= day <= LAST:
            day = None
        said = query.get("kind", "").split(",")
        return cls(
            query.get("camera") or None,
            day,
            tuple(kind for kind in EventKind if kind.value in said),
            Period.WEEK if query.get("show") == Period.WEEK else Period.DAY,
            query.get("event") or None,
            query.get("site") or None,
        )

    def to_query(self) -> dict[str, str]:
        """Only what differs from the default; `of` takes it back."""
        said = {
            "site": self.site,
            "camera": self.camera,
            "day": self.day.isoformat() if self.day else None,
            "kind": ",".join(self.kinds),
            "show": self.period.value if self.period is not Period.DAY else None,
            "event": self.event,
        }
        return {key: value for key, value in said.items() if value}

    def filter(self, role: Role, until: float | None = None) -> EventFilter:
        """As the store takes it, of what somebody with that role may see; `until` bounds it further.

        Who looked at what is let through only where it is asked for: each look at a page is such an event.
        """
        kinds = self.kinds or tuple(kind for kind in EventKind if kind not in ADMINS)
        seen = tuple(kind for kind in kinds if kind not in ADMINS or role.may(Role.ADMIN))
        if not seen:  # what was asked for may not be seen: nothing is
            return EventFilter(since=0.0, until=0.0)
        since = end = None
        if self.day is not None:
            span = day_span(self.day)
            since, end = span.since, span.until
        bounds = [at for at in (end, until) if at is not None]
        return EventFilter(since, min(bounds, default=None), self.cameras, seen, self.sites)

    @property
    def cameras(self) -> tuple[str, ...]:
        """As a filter takes them: empty for all."""
        return () if self.camera is None else (self.camera,)

    @property
    def sites(self) -> tuple[str, ...]:
        """As a filter takes them: empty for all that the store has."""
        return () if self.site in {None, ALL_SITES} else (str(self.site),)
