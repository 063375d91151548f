"""What an event is, in a sentence, and the words beside it. Also what `maskwatch events` prints."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from maskwatch.console.editor.saving import UNDONE
from maskwatch.console.reasons import in_words
from maskwatch.console.texts import Texts, catalogue
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import PeopleCount
from maskwatch.core.view import Fault
from maskwatch.events.timeline import Quarter

MINUTE_S, HOUR_S = 60, 3600
DASH = "\N{EN DASH}"  # between the ends of a range
LASTING = frozenset({EventKind.ALERT, EventKind.OUTAGE})  # what goes on until it has an end


def sentence(t: Texts, event: Event) -> str:
    """What happened; also of an event of another release, in which something is missing."""
    return SENTENCES[event.kind](t, event, _Said(event.data))


def badges(t: Texts, event: Event) -> list[str]:
    """What is to be known besides: that nobody was told, how long it lasted."""
    data = event.data
    words = [t(f"history.{key}") for key in ("withheld", "quiet") if data.get(key)]
    if event.kind is EventKind.ALERT:
        words += [t("history.second_level")] if data.get("level") == 2 else []
        words += [t("history.not_delivered")] if data.get("delivered") is False else []
    if event.kind is EventKind.OUTAGE and event.ended_at is not None:
        words.append(t("history.lasted", time=duration(t, event.ended_at - event.at)))
    if event.kind in LASTING and data.get("cut_off"):
        words.append(t("history.cut_off"))
    elif event.kind in LASTING and event.ended_at is None:
        words.append(t("history.goes_on"))
    return words


def quarter_sentence(t: Texts, quarter: Quarter) -> str:
    """Who passed; the three counts are of people, the first of passages."""
    counts = quarter.people
    return t(
        "history.quarter",
        passages=quarter.passages,
        protected=counts.protected,
        unprotected=counts.unprotected,
        unknown=counts.unknown,
    )


def ways(t: Texts, counts: Mapping[str, int]) -> str:
    """`5 in, 7 out`; nothing where all just went out of view."""
    if set(counts) <= {"gone"}:
        return ""
    order = ("entering", "leaving", "gone")
    return ", ".join(f"{counts[way]} {t(f'history.direction_{way}')}" for way in order if counts.get(way))


def delivery(t: Texts, event: Event) -> str:
    """Through which sinks an alert was told, and how each fared; of one before its sinks were noted, whether it was."""
    sinks = event.data.get("sinks")
    if isinstance(sinks, Mapping) and sinks:
        return ", ".join(f"{name}: {_fared(t, str(how))}" for name, how in sinks.items())
    delivered = event.data.get("delivered")
    if delivered is None:
        return t("history.delivered_unknown")
    return t("history.delivered_yes" if delivered else "history.delivered_no")


def duration(t: Texts, seconds: float) -> str:
    """`42 s`, `12 min`, `3 h 5 min`."""
    if seconds < 2 * MINUTE_S:
        return t("history.seconds", n=round(seconds))
    minutes = round(seconds / MINUTE_S)
    if minutes < 2 * HOUR_S / MINUTE_S:
        return t("history.minutes", n=minutes)
    return t("history.hours", n=minutes // 60, m=minutes % 60)


def percent(share: float | None) -> str:
    """`83 %`."""
    return "" if share is None else f"{share:.0%}".replace("%", " %")


def ratio(t: Texts, counts: PeopleCount) -> str:
    """`83 % of 120 (95 % interval 75 % to 89 %)`."""
    if counts.protected_ratio is None or counts.interval is None:
        return t("history.nobody")
    low, high = map(percent, counts.interval)
    of = t("history.people", n=counts.protected + counts.unprotected)
    value = percent(counts.protected_ratio)
    told = f"{of} {value}" if t.language == "ko" else f"{value} {of}"
    return f"{told} ({t('history.interval', low=low, high=high)})"


def long_date(t: Texts, day: date) -> str:
    """`Thursday, 26 November 2026`."""
    weekday = t("history.weekdays").split()[day.weekday()]
    month = t("history.months").split()[day.month - 1]
    return t("history.date", weekday=weekday, day=day.day, month=month, year=day.year)


def clock(at: float, *, seconds: bool = True) -> str:
    """`14:02:31`, where this machine is."""
    return f"{datetime.fromtimestamp(at).astimezone():{'%H:%M:%S' if seconds else '%H:%M'}}"


def zone_name(at: float) -> str:
    """`UTC+09:00 (KST)`: that of this machine at the time."""
    moment = datetime.fromtimestamp(at).astimezone()
    offset, name = f"{moment:%z}", moment.tzname() or ""
    told = f"UTC{offset[:3]}:{offset[3:]}" if offset != "+0000" else "UTC"
    return told if name in {"", told} or name.startswith(("+", "-")) else f"{told} ({name})"


def _alert(t: Texts, event: Event, said: "_Said") -> str:
    kind = event.data.get("alert_kind")
    known = kind if kind in {"occupancy", "camera_dead", "camera_view"} else "unprotected"
    reason = _reason(t, event)
    if kind == "camera_view" and reason in set(Fault):
        reason = t(f"live.view_{reason.replace(' ', '_')}")
    return t(f"history.alert_{known}", reason=reason, **said.all("people", "unprotected"))


def _outage(t: Texts, event: Event, _: "_Said") -> str:
    return t("history.outage", reason=_reason(t, event))


def _announcement(t: Texts, event: Event, said: "_Said") -> str:
    key = "announcement" if event.data.get("told", True) else "announcement_withheld"
    return t(f"history.{key}", **said.all("addressed", "put_on", "unknown"))


def _models(t: Texts, event: Event, said: "_Said") -> str:
    data = event.data
    key = "models_refused" if data.get("refused") else "models" if data.get("before") else "models_first"
    return _with_reason(t, event, t(f"history.{key}", **said.all("version", "before", "refused")))


def _service(t: Texts, event: Event, said: "_Said") -> str:
    state = event.data.get("state")
    known = state if state in {"stopped", "reloaded"} else "started"
    return _with_reason(t, event, t(f"history.service_{known}", version=said["version"]))


def _passage(t: Texts, event: Event, _: "_Said") -> str:
    label, direction = (event.data.get(key) for key in ("label", "direction"))
    known = label if label in {"protected", "unprotected"} else "unknown"
    way = direction if direction in {"leaving", "entering"} else "gone"
    return t("history.passage", label=t(f"history.label_{known}"), direction=t(f"history.direction_{way}"))


def _settings(t: Texts, event: Event, said: "_Said") -> str:
    if event.data.get("keys") == [UNDONE]:
        return t("history.settings_undone", **said.all("user"))
    return t("history.settings", **said.all("user", "keys"))


def _access(t: Texts, _: Event, said: "_Said") -> str:
    action = said["action"]
    known = f"history.action_{action}"
    told = t(known) if known in catalogue() else action
    return t("history.access", action=told, **said.all("user", "address", "target")).strip()


SENTENCES: Mapping[EventKind, Callable[[Texts, Event, "_Said"], str]] = {
    EventKind.ALERT: _alert,
    EventKind.PASSAGE: _passage,
    EventKind.OUTAGE: _outage,
    EventKind.ANNOUNCEMENT: _announcement,
    EventKind.MODELS: _models,
    EventKind.SERVICE: _service,
    EventKind.SETTINGS: _settings,
    EventKind.ACCESS: _access,
}


def _with_reason(t: Texts, event: Event, told: str) -> str:
    return f"{told}: {_reason(t, event)}" if event.data.get("reason") else told


def _reason(t: Texts, event: Event) -> str:
    reason = event.data.get("reason")
    return in_words(str(reason), t) if reason else t("history.unknown_reason")


def _fared(t: Texts, how: str) -> str:
    known = {"delivered", "kept", "failed", "dropped"}
    return t(f"history.sink_{how}") if how in known else how


class _Said:
    """What an event tells, as text; `?` for what it does not."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self._data = data

    def __getitem__(self, key: str) -> str:
        value = self._data.get(key)
        if isinstance(value, list | tuple):
            return ", ".join(map(str, value))
        return "?" if value is None else str(value)

    def all(self, *keys: str) -> dict[str, str]:
        return {key: self[key] for key in keys}
