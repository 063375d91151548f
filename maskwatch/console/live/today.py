"""What happened at one camera today: the last alerts, and how many passed."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from maskwatch.console.live.view import NOTHING, percent, rule_name
from maskwatch.console.shared_call import SharedCall
from maskwatch.console.texts import Texts
from maskwatch.core.errors import EventError
from maskwatch.core.events import Event, EventKind
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.platform.clock import local_day, midnight

EVERY_S = 5.0
LINES = 8  # of alerts, and of passages


class Today:
    """Of each camera and language, looked up at most every `EVERY_S` for all who look."""

    def __init__(self, events: EventStore) -> None:
        self._events = events
        self._shared: dict[tuple[str, str], SharedCall[dict[str, object]]] = {}

    async def __call__(self, camera: str, language: str) -> dict[str, object]:
        """The lists of the page, or why there are none."""
        key = camera, Texts(language).language
        if key not in self._shared:
            self._shared[key] = SharedCall(lambda: asyncio.to_thread(self._found, *key), EVERY_S)
        return await self._shared[key]()

    def _found(self, camera: str, language: str) -> dict[str, object]:
        t, since = Texts(language), midnight(local_day(time.time()))
        try:
            lists = [
                (t(f"live.{kind.value}s_today"), kind, self._last(camera, kind, since))
                for kind in (EventKind.ALERT, EventKind.PASSAGE)
            ]
        except EventError as e:
            return {"problem": str(e), "lists": []}
        made = [
            {
                "title": title,
                "path": f"/history?camera={quote(camera)}&kind={kind.value}",
                "lines": [line(each, t) for each in events],
                "none": t(f"live.no_{kind.value}s_today"),
            }
            for title, kind, events in lists
        ]
        return {"problem": "", "lists": made}

    def _last(self, camera: str, kind: EventKind, since: float) -> list[Event]:
        return self._events.find(EventFilter(since=since, cameras=[camera], kinds=[kind]), limit=LINES)


def line(event: Event, t: Texts) -> dict[str, str]:
    """One event: when, what, and whether it is over."""
    told = _alert(event.data, t) if event.kind is EventKind.ALERT else _passage(event.data, t)
    return {"id": event.id, "at": f"{datetime.fromtimestamp(event.at).astimezone():%H:%M:%S}", "text": told}


def _alert(data: Mapping[str, Any], t: Texts) -> str:
    rule = rule_name(data.get("rule") or NOTHING, t)
    ratio, people = data.get("protected_ratio"), data.get("people", 0)
    about = f" · {percent(ratio)} ({data.get('unprotected', 0)}/{people})" if people else ""
    return f"{rule}{about} · {data.get('say') or data.get('reason') or ''}".rstrip(" ·")


def _passage(data: Mapping[str, Any], t: Texts) -> str:
    how, label = data.get("direction", "gone"), data.get("label", "unknown")
    line_name = f" · {data['line']}" if data.get("line") else ""
    return f"{t(f'live.direction_{how}')}{line_name} · {t(f'live.label_{label}')}"
