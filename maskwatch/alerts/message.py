"""An alert as JSON, for sinks that send one: the same schema over HTTP and MQTT."""

import json
from base64 import b64encode
from datetime import UTC, datetime

from maskwatch.core.records import Alert


def state(alert: Alert) -> str:
    """`begin`, or `end` once it is over."""
    return "begin" if alert.ended_at is None else "end"


def iso(at: float) -> str:
    """A Unix time as ISO 8601 in UTC, to the millisecond. A clip's times count from 1970-01-01."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(alert: Alert, picture: bytes | None = None) -> str:
    """One object on one line; `picture` is a JPEG, which goes in as base64. docs/alerts.md has its keys."""
    content = {
        "id": alert.id,
        "state": state(alert),
        "kind": alert.kind.value,
        "rule": alert.rule,
        "camera": alert.camera,
        "at": iso(alert.at),
        "ended_at": None if alert.ended_at is None else iso(alert.ended_at),
        "people": alert.people,
        "unprotected": alert.unprotected,
        "protected_ratio": alert.protected_ratio,
        "say": alert.say,
        "level": alert.level,
        "tracks": list(alert.tracks),
        "reason": alert.reason,
    }
    if picture is not None:
        content["picture"] = b64encode(picture).decode()
    return json.dumps(content, ensure_ascii=False)
