"""The content of `current.json`: the serving version, the one in the shadow, and the log of events."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from maskwatch.core.errors import ModelError
from maskwatch.platform.clock import utc_now

SHIPPED = "shipped"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MAX_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class RegistryEvent:
    """`what` is promoted, rolled back, refused, shadow began or shadow ended; `why` is for people, None where nobody said."""

    at: datetime
    what: str
    version: str
    why: str | None = None

    @property
    def serves(self) -> bool:
        """Whether the version serves since."""
        return self.what in {"promoted", "rolled back"}


@dataclass(frozen=True, slots=True)
class Shadow:
    """A version that judges frames beside the serving one, without effect on alerts.

    `cameras` are those whose frames it sees, None: all. `since` is when it began; other cameras do not change it.
    """

    version: str
    cameras: tuple[str, ...] | None
    since: datetime

    def covers(self, camera: str) -> bool:
        """Whether it sees frames of that camera."""
        return self.cameras is None or camera in self.cameras

    @property
    def camera_list(self) -> str:
        """Its cameras as text."""
        return "all cameras" if self.cameras is None else ", ".join(self.cameras)


@dataclass(frozen=True, slots=True)
class RegistryState:
    """`before` are the versions that a rollback goes back to, the last one first to be taken."""

    serving: str = SHIPPED
    before: tuple[str, ...] = ()
    events: tuple[RegistryEvent, ...] = ()
    shadow: Shadow | None = None

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Files without a shadow and without reasons, from before there were any, are read. Raises one of `MALFORMED`."""
        data = json.loads(text)
        events = (
            RegistryEvent(datetime.fromisoformat(e["at"]), e["what"], e["version"], e.get("why"))
            for e in data["events"]
        )
        before = tuple(map(checked_name, data["before"]))
        return cls(checked_name(data["serving"]), before, tuple(events), _shadow(data.get("shadow")))

    def as_bytes(self) -> bytes:
        """The file's bytes. A program from before there was a shadow reads what it knows."""
        return as_bytes(asdict(self))

    @property
    def served_last(self) -> RegistryEvent | None:
        """The event by which a version last came to serve; None before the first."""
        return next((event for event in reversed(self.events) if event.serves), None)

    def serve(self, name: str, before: tuple[str, ...], what: str, why: str | None) -> "RegistryState":
        """The state after another version begins to serve; it is then no longer in the shadow."""
        state = self.end_shadow() if self.shadow is not None and self.shadow.version == name else self
        return replace(_with_event(state, what, name, why), serving=name, before=before[-MAX_EVENTS:])

    def refuse(self, name: str, why: str) -> "RegistryState":
        """The state after a version is refused; only the event is added."""
        return _with_event(self, "refused", name, why)

    def begin_shadow(self, name: str, cameras: Iterable[str] | None) -> "RegistryState":
        """A version judges frames of these cameras (None: all), in the place of another; raises `ModelError`."""
        if name == self.serving:
            raise ModelError(f"version {name} serves already, and cannot be compared with itself")
        chosen = None if cameras is None else tuple(dict.fromkeys(cameras))
        if chosen == ():
            raise ModelError(f"version {name}: a shadow run needs a camera")
        if self.shadow is not None and self.shadow.version == name:
            return replace(self, shadow=replace(self.shadow, cameras=chosen))
        state = _with_event(self.end_shadow(), "shadow began", name)
        return replace(state, shadow=Shadow(name, chosen, state.events[-1].at))

    def end_shadow(self) -> "RegistryState":
        """The state after the shadow run ends."""
        if self.shadow is None:
            return self
        return replace(_with_event(self, "shadow ended", self.shadow.version), shadow=None)


def checked_name(text: str) -> str:
    """The text, if it is a valid name of a version; raises `ValueError` otherwise."""
    if not NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no version's name")
    return text


def as_bytes(data: Mapping[str, Any]) -> bytes:
    """JSON as the registry's files have it; times are ISO 8601."""
    return (
        json.dumps(data, indent=1, ensure_ascii=False, default=lambda value: value.isoformat()) + "\n"
    ).encode()


def _shadow(data: Mapping[str, Any] | None) -> Shadow | None:
    if data is None:
        return None
    cameras = data["cameras"]
    if cameras is not None and not (
        isinstance(cameras, list) and cameras and all(isinstance(each, str) for each in cameras)
    ):
        raise ValueError("the shadow's cameras are no names")
    since = datetime.fromisoformat(data["since"])
    return Shadow(checked_name(data["version"]), None if cameras is None else tuple(cameras), since)


def _with_event(state: RegistryState, what: str, version: str, why: str | None = None) -> RegistryState:
    return replace(state, events=(*state.events, RegistryEvent(utc_now(), what, version, why))[-MAX_EVENTS:])
