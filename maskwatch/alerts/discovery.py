"""What Home Assistant is told of a camera over MQTT, so that it shows it as a device by itself.

The format is its device-based discovery (release 2024.11 and later): one message a device, with its entities as
components. https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maskwatch.core.records import CameraState, CameraStatus

ONLINE, OFFLINE = "online", "offline"
EXPIRE_S = 120  # what nobody said again for so long is unknown
REPEAT_S = 30.0  # so it is said again
SNAPSHOT = "snapshot"


def slug(name: str) -> str:
    """A name as a part of a topic and of an id: letters and digits of ASCII, `_` and `-`; different ones stay different."""
    plain = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    return plain if plain == name else f"{plain}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where what is told, below `base`."""

    base: str

    @property
    def availability(self) -> str:
        """`online` while the service is connected, else `offline`, which the broker says in its place."""
        return f"{self.base}/status"

    def state(self, camera: str) -> str:
        """JSON: how many people, which ratio, whether the camera gives frames."""
        return f"{self.base}/{slug(camera)}/state"

    def rule(self, camera: str, rule: str) -> str:
        """`ON` while an alert of the rule stands, else `OFF`."""
        return f"{self.base}/{slug(camera)}/rule/{slug(rule)}"

    def last_alert(self, camera: str, rule: str) -> str:
        """The rule's last alert, as JSON."""
        return f"{self.rule(camera, rule)}/alert"

    def alert(self, camera: str) -> str:
        """Each alert as it comes, and again when it is over, as JSON."""
        return f"{self.base}/{slug(camera)}/alert"

    def snapshot(self, camera: str) -> str:
        """The last alert's picture, a JPEG."""
        return f"{self.base}/{slug(camera)}/{SNAPSHOT}"

    def discovery(self, prefix: str, camera: str) -> str:
        """The camera as a device."""
        return f"{prefix}/device/{slug(self.base)}_{slug(camera)}/config"


def state_payload(seen: CameraStatus) -> str:
    """What a camera sees, for its `state` topic."""
    content = {
        "people": seen.people,
        "protected_ratio": seen.protected_ratio,
        "online": seen.state is CameraState.UP,
    }
    return json.dumps(content)


def device_payload(topics: Topics, camera: str, rules: Sequence[str], version: str, *, picture: bool) -> str:
    """The discovery message of one camera."""
    device = f"{slug(topics.base)}_{slug(camera)}"
    entities: dict[str, dict[str, Any]] = {
        "people": {
            "platform": "sensor",
            "name": "People",
            "icon": "mdi:account-group",
            "state_class": "measurement",
            "state_topic": topics.state(camera),
            "value_template": "{{ value_json.people }}",
            "expire_after": EXPIRE_S,
        },
        "protected_ratio": {
            "platform": "sensor",
            "name": "Protected ratio",
            "icon": "mdi:face-mask",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "state_topic": topics.state(camera),
            "value_template": "{{ None if value_json.protected_ratio is none else "
            "(value_json.protected_ratio * 100) | round(1) }}",
            "expire_after": EXPIRE_S,
        },
        "online": {
            "platform": "binary_sensor",
            "name": "Camera",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": topics.state(camera),
            "value_template": "{{ 'ON' if value_json.online else 'OFF' }}",
            "expire_after": EXPIRE_S,
        },
    }
    for rule in rules:
        entities[f"rule_{slug(rule)}"] = {
            "platform": "binary_sensor",
            "name": rule,
            "device_class": "problem",
            "state_topic": topics.rule(camera, rule),
            "json_attributes_topic": topics.last_alert(camera, rule),
        }
    if picture:
        entities[SNAPSHOT] = {"platform": "camera", "name": "Last alert", "topic": topics.snapshot(camera)}
    available = {"availability": [{"topic": topics.availability}]}
    content = {
        "device": {
            "identifiers": [device],
            "name": camera,
            "manufacturer": "maskwatch",
            "sw_version": version,
        },
        "origin": {"name": "maskwatch", "sw_version": version},
        "components": {
            key: {**entity, "unique_id": f"{device}_{key}", **available} for key, entity in entities.items()
        },
        "qos": 1,
    }
    return json.dumps(content, ensure_ascii=False)
