"""What the page says of a status, in one language: texts alone, so that the browser only has to put them in place."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from maskwatch.console.live.shadow import shadow_view
from maskwatch.console.live.watch import Seen
from maskwatch.console.reasons import in_words
from maskwatch.console.texts import Texts

DAY_S, HOUR_S, MINUTE_S = 86400, 3600, 60
NOTHING = "-"
NAMED_RULES = ("protected_ratio", "without_mask", "occupancy", "camera_offline", "camera_view")


def page_view(
    seen: Seen, cameras: Iterable[str], t: Texts, *, hides: Iterable[str] = ()
) -> dict[str, object]:
    """All of it. `cameras` are shown also while nothing is known of them; those that `hides` names have no pictures."""
    known = seen.cameras
    names = dict.fromkeys((*known, *(() if known else cameras)))
    hidden = set(hides)
    return {
        "away": None if seen.away_at is None else t("live.away", since=moment(seen.away_at, seen.at, t)),
        "empty": not names,
        "strip": [] if not seen.status else strip(seen, t),
        "shadow": shadow_view((seen.status or {}).get("shadow"), t),
        "cameras": [camera_view(name, known.get(name), seen, t, hides=name in hidden) for name in names],
    }


def camera_view(
    name: str, camera: Mapping[str, Any] | None, seen: Seen, t: Texts, *, hides: bool
) -> dict[str, object]:
    """One camera; None where nothing is known of it yet."""
    if camera is None:
        nothing: dict[str, object] = {"name": name, "state": "unknown", "state_text": t("live.state_unknown")}
        return nothing | {"why": "", "picture": False, "hides": "", "facts": [], "alerts": []}
    state = camera["state"]
    return {
        "name": name,
        "state": state,
        "state_text": t(f"live.state_{state}"),
        "why": "" if state == "up" else _why(camera, seen, t),
        "picture": state == "up" and not hides,
        "hides": t("live.hides") if hides else "",
        "facts": _facts(camera, t),
        "alerts": [_alert(each, seen, t) for each in camera.get("standing_alerts", ())],
    }


def _why(camera: Mapping[str, Any], seen: Seen, t: Texts) -> str:
    since = t("live.since", since=moment(_unix(camera["since"]), seen.at, t))
    return f"{in_words(camera['reason'], t)}\n{since}" if camera["reason"] else since


def _facts(camera: Mapping[str, Any], t: Texts) -> list[list[str]]:
    """What it is called, the figure, and what the figure is of."""
    people, ratio, hour = camera["people"], camera["protected_ratio"], camera["protected_ratio_hour"]
    low, high = camera["protected_ratio_hour_low"], camera["protected_ratio_hour_high"]
    latency_s = camera["latency_s"]
    now = t("live.of", n=round((ratio or 0) * people), people=people) if people else t("live.nobody")
    return [
        [t("live.now"), percent(ratio), now],
        [
            t("live.hour"),
            percent(hour),
            t("live.nobody") if hour is None else t("live.between", low=percent(low), high=percent(high)),
        ],
        [t("live.in_view"), str(camera.get("in_view", people)), ""],
        [t("live.fps"), f"{camera['analysed_fps']:.1f}", ""],
        [t("live.latency"), NOTHING if latency_s is None else t("live.seconds", n=f"{latency_s:.2f}"), ""],
    ]


def _alert(alert: Mapping[str, Any], seen: Seen, t: Texts) -> dict[str, object]:
    """It tells of the moment of its decision, which may be long ago: the ratio beside it is of now."""
    people, kind, at = alert["people"], alert["kind"], _clock(_unix(alert["decided"]), seen.at)
    if kind == "camera_dead":
        about = in_words(alert["reason"] or "", t)
    elif kind == "occupancy":
        about = t("live.alert_people", people=people, at=at)
    else:
        about = t("live.alert_unprotected", n=alert["unprotected"], people=people, at=at)
    if kind == "camera_view":
        said = t(f"live.view_{alert['reason'].replace(' ', '_')}")  # a `core.view.Fault`
        about = ""
    else:
        said = t("live.not_spoken" if alert["quiet"] else "live.said", say=alert["say"])
    return {
        "id": alert["id"],
        "title": f"{rule_name(alert['rule'], t)} · {t('live.since', since=moment(_unix(alert['since']), seen.at, t))}",
        "text": f"{about} · {said}" if about else said,
    }


def strip(seen: Seen, t: Texts) -> list[dict[str, str]]:
    """Of the whole service: what fails, what somebody should see to, what waits, which models serve."""
    status = seen.status
    found = [] if status["alive"] else [_item("bad", in_words(status["reason"] or "", t))]
    for sink in status["sinks"]:
        if not sink["up"]:
            since = moment(_unix(sink["since"]), seen.at, t)
            about = f"{sink['sink']} ({', '.join(sink['cameras'])})"
            why = in_words(sink["reason"], t)
            found.append(_item("bad", t("live.sink_fails", sink=about, since=since, reason=why)))
    queue = status["queue"]
    found += [_item("bad", in_words(queue["problem"], t))] if queue["problem"] else []
    found += [_item("note", in_words(text, t)) for text in status["notices"]]
    if queue["samples"] is not None:
        found.append(_item("queue", t("live.queue", n=f"{queue['samples']:,}")))
    if status["models"]:
        found.append(_item("plain", t("live.models", version=status["models"])))
    return found


def rule_name(rule: str, t: Texts) -> str:
    """What people call a rule, or the name that somebody gave it."""
    return t(f"live.rule_{rule}") if rule in NAMED_RULES else rule


def percent(share: float | None) -> str:
    """A share 0..1."""
    return NOTHING if share is None else f"{share:.0%}"


def moment(at: float, now: float, t: Texts) -> str:
    """A Unix time where this machine is, and how long ago that was."""
    return t("live.moment", clock=_clock(at, now), ago=duration(max(0.0, now - at), t))


def _clock(at: float, now: float) -> str:
    then = datetime.fromtimestamp(at).astimezone()
    same_day = then.date() == datetime.fromtimestamp(now).astimezone().date()
    return f"{then:%H:%M:%S}" if same_day else f"{then:%Y-%m-%d %H:%M}"


def duration(seconds: float, t: Texts) -> str:
    """In the largest unit of which there is one."""
    for unit, unit_s in (("days", DAY_S), ("hours", HOUR_S), ("minutes", MINUTE_S)):
        if seconds >= unit_s:
            return t(f"live.{unit}", n=int(seconds // unit_s))
    return t("live.seconds", n=int(seconds))


def _unix(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def _item(kind: str, text: str) -> dict[str, str]:
    return {"kind": kind, "text": text}
