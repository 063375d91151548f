"""What Home Assistant is told of a camera."""

import json

import jinja2
import pytest

from maskwatch.alerts.discovery import Topics, device_payload, slug, state_payload
from maskwatch.core.records import CameraState, CameraStatus

TOPICS = Topics("building/maskwatch")


def device(*, picture=True):
    return json.loads(device_payload(TOPICS, "back door", ("masks", "정문 규칙"), "1.2", picture=picture))


def test_a_camera_is_a_device_with_an_entity_each():
    told = device()
    assert set(told) == {"device", "origin", "components", "qos"}
    assert told["origin"]["name"] == "maskwatch"
    kinds = {key: each["platform"] for key, each in told["components"].items()}
    assert kinds == {
        "people": "sensor",
        "protected_ratio": "sensor",
        "online": "binary_sensor",
        "rule_masks": "binary_sensor",
        f"rule_{slug('정문 규칙')}": "binary_sensor",
        "snapshot": "camera",
    }
    assert "snapshot" not in device(picture=False)["components"]


def test_every_entity_has_an_id_of_its_own_and_goes_with_the_service():
    entities = device()["components"].values()
    assert len({each["unique_id"] for each in entities}) == len(entities)
    assert all(each["availability"] == [{"topic": "building/maskwatch/status"}] for each in entities)


@pytest.mark.parametrize(
    ("seen", "values"),
    [
        (CameraStatus(CameraState.UP, people=3, protected_ratio=1 / 3), ("3", "33.3", "ON")),
        (CameraStatus(CameraState.UP), ("0", "None", "ON")),
        (CameraStatus(CameraState.DOWN, "gone"), ("0", "None", "OFF")),
    ],
)
def test_the_templates_read_what_is_published(seen, values):
    payload = json.loads(state_payload(seen))
    entities = device()["components"]
    read = [
        jinja2.Environment(autoescape=True)
        .from_string(entities[key]["value_template"])
        .render(value_json=payload)
        for key in ("people", "protected_ratio", "online")
    ]
    assert tuple(read) == values


def test_a_slug_is_plain_and_tells_names_apart():
    assert slug("door-1_a") == "door-1_a"
    assert slug("back door") != slug("back_door")
    assert slug("정문") != slug("후문")
    for name in ("back door", "정문", "a/b+#"):
        assert slug(name).isascii()
        assert not set(slug(name)) & set(" /+#.")
