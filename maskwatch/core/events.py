"""What happened, for people to look up: one record for each alert, passage, outage, and so on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Data = Mapping[str, object]
"""What JSON can hold: strings, numbers, booleans, None, lists and mappings of these."""


class EventKind(StrEnum):
    """What an event is about, and the keys of its `data`.

    `ALERT`: rule, alert_kind, level, quiet, withheld, say, people, unprotected, protected_ratio, reason, delivered (None
    until it is known; a message that waits to be sent counts as delivered), sinks (by name: delivered, kept, failed or
    dropped). `PASSAGE`: label, direction, line, zones. `OUTAGE`, a camera that gave no frames: reason. `ANNOUNCEMENT`,
    what came of one: told, addressed, put_on, unknown (counts). `MODELS`, other models serve: version, before.
    `SERVICE`: state (started, stopped, reloaded), version, reason (of an end by an error). `SETTINGS`, somebody changed
    the configuration: user, keys. `ACCESS`, who looked at what: user, address, action, target.

    Where nobody saw the end of an alert, an outage or the service, as the service was ended first, `cut_off` is true.
    """

    ALERT = "alert"
    PASSAGE = "passage"
    OUTAGE = "outage"
    ANNOUNCEMENT = "announcement"
    MODELS = "models"
    SERVICE = "service"
    SETTINGS = "settings"
    ACCESS = "access"


LASTING = frozenset({EventKind.ALERT, EventKind.OUTAGE})
"""What goes on while it has no `ended_at`; nothing else has an end."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the Unix time `at`, and was over at `ended_at`, None while it goes on or where nothing ends.

    `id` is 32 hexadecimal digits, unique over all services; an event that is stored again under its id replaces what was
    stored. `camera` is None where it is about none. `site` is the name of the service that saw it, empty before it is
    stored. `data` holds no picture, no password, and nothing of a single person where the camera's privacy forbids it.
    """

    id: str
    kind: EventKind
    at: float
    camera: str | None = None
    ended_at: float | None = None
    data: Data = field(default_factory=dict)
    site: str = ""


@dataclass(frozen=True, slots=True)
class EventLogStatus:
    """How the keeping of events goes: how many wait to be stored, and since the start were stored and lost.

    `problem` is why none is stored, None while they are. `uncopied` are those that wait to be copied to the shared
    database, None where there is none, and `copy_problem` is why they are not. No text holds a password.
    """

    waiting: int = 0
    stored: int = 0
    lost: int = 0
    problem: str | None = None
    uncopied: int | None = None
    copy_problem: str | None = None
