"""Where the page's events come from: this service's own store, or the one that several services share."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, TypeVar

from maskwatch.console.history.query import ALL_SITES, Choice
from maskwatch.console.sites.shared_store import SharedStore
from maskwatch.core.events import Event
from maskwatch.events.media import Media
from maskwatch.events.store import EventStore

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EventSources:
    """`own` and `media` are this service's, None in a console without a service; `shared_store` is None where there is none.

    At least one of the two stores is there. `cameras` are this service's, `site` is its name in the shared store.
    """

    own: EventStore | None
    media: Media | None = None
    cameras: Collection[str] = ()
    site: str = ""
    shared_store: SharedStore | None = None

    def choice(self, query: Mapping[str, str]) -> Choice:
        """The choice in a URL's query; without a shared store of no site, and without an own store all sites are the default."""
        choice = Choice.of(query)
        is_default = self.shared_store is None or (self.own is None and choice.site == ALL_SITES)
        return replace(choice, site=None) if is_default else choice

    def is_shared(self, choice: Choice) -> bool:
        """Whether the choice is of events in the shared store."""
        return self.shared_store is not None and (self.own is None or choice.site is not None)

    def has_sites(self, choice: Choice) -> bool:
        """Whether the choice may include events of several sites."""
        return self.is_shared(choice) and choice.site in {None, ALL_SITES}

    def is_elsewhere(self, choice: Choice, event: Event) -> bool:
        """Whether the event is of another service, whose pictures and cameras are not here."""
        return self.is_shared(choice) and (self.own is None or event.site != self.site)

    async def read(
        self, choice: Choice, ask: Callable[Concatenate[EventStore, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of `ask`, called with the store of the choice on a thread. Raises `EventError`."""
        if self.shared_store is not None and self.is_shared(choice):
            return await self.shared_store.read(ask, *args, **kwargs)
        assert self.own is not None
        return await asyncio.to_thread(ask, self.own, *args, **kwargs)

    async def names(self, choice: Choice) -> tuple[list[str], list[str]]:
        """The sites that can be chosen, and the cameras. Raises `EventError`."""
        if self.shared_store is None:
            return [], list(self.cameras)
        sites = await self.shared_store.names()
        if not self.is_shared(choice):
            return list(sites), list(self.cameras)
        chosen = sites if self.has_sites(choice) else [choice.site or ""]
        return list(sites), sorted({camera for site in chosen for camera in sites.get(site, ())})
