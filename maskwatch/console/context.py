"""What all pages share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from maskwatch.console import navigation
from maskwatch.console.access_log import AccessLog
from maskwatch.console.editor.port import SettingsEditor
from maskwatch.console.history.event_sources import EventSources
from maskwatch.console.navigation import Link
from maskwatch.console.review.context import Review
from maskwatch.console.service_client import ServiceClient
from maskwatch.console.settings import ConsoleSettings
from maskwatch.console.sites.shared_store import SharedStore
from maskwatch.console.users import User, Users
from maskwatch.core.people import Line
from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Polygon
from maskwatch.events.media import Media
from maskwatch.events.store import EventStore


@dataclass(frozen=True, slots=True)
class CameraView:
    """What the pages know of a camera from the configuration: what may be shown, and the places drawn on its picture."""

    privacy: Privacy = Privacy.FULL
    ignore: tuple[Polygon, ...] = ()
    zones: Mapping[str, Polygon] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The running service, the cameras it watches, and what it wrote down. Where the queue alone is served there is none.

    `settings` is how its configuration is changed, None where nobody may.
    """

    service: ServiceClient
    cameras: Mapping[str, CameraView]
    events: EventStore
    media: Media
    settings: SettingsEditor | None = None


@dataclass(frozen=True, slots=True)
class Console:
    """Given to the pages when they are put together. `review` is what the pages of the queue need.

    `shared_store` is a store that several services share, and `site` this service's name there. With it and without `monitoring`
    it is a console of no service, which shows that store alone.
    """

    settings: ConsoleSettings
    review: Review
    monitoring: Monitoring | None = None
    users: Users | None = None
    access_log: AccessLog | None = None
    shared_store: SharedStore | None = None
    site: str = ""

    @property
    def event_sources(self) -> EventSources | None:
        """The events that can be looked up, None where the queue alone is served."""
        here = self.monitoring
        if here is not None:
            return EventSources(here.events, here.media, here.cameras, self.site, self.shared_store)
        return None if self.shared_store is None else EventSources(None, shared_store=self.shared_store)

    def note_access(self, who: User, action: str, target: str, address: str = "") -> None:
        """Write down that somebody did something that is no page opened and no file fetched: these the guard notes.

        `action` is a word of `access_log.Action`, or another of that form. Never waits.
        """
        if self.access_log is not None:
            self.access_log.note(who.name, address, action, target)

    @property
    def links(self) -> tuple[Link, ...]:
        """What can be reached."""
        if self.monitoring is None:
            return navigation.QUEUE_ALONE if self.shared_store is None else navigation.STORE_ALONE
        return tuple(
            link for link in navigation.EVERYTHING if self.shared_store or link is not navigation.SITES
        )
