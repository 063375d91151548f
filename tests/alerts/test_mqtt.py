"""Alerts and states through a real broker: mosquitto."""

import gc
import json
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import replace

import pytest
from harness.receivers import Broker, Listener
from harness.service import Service
from harness.waiting import until

from maskwatch.alerts import mqtt_connection
from maskwatch.alerts.discovery import slug
from maskwatch.alerts.kinds.mqtt import Settings, build
from maskwatch.alerts.registry import SinkContext
from maskwatch.config.load import parse
from maskwatch.conformance.alerts import unprotected
from maskwatch.core.errors import AlertError, AlertKept, ConfigError
from maskwatch.core.records import CameraState, CameraStatus

# paho leaves a socket that it failed with to be collected
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

ALERT = replace(unprotected(), rule="masks")
RULES = {"door": ("masks", "crowd")}
DISCOVERY = "homeassistant/device/maskwatch_door/config"


@pytest.fixture(autouse=True)
def collected():
    yield
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("paho")])
    gc.collect()


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def listener(broker):
    with Listener(broker.port) as listener:
        yield listener


@pytest.fixture
def make(broker, tmp_path):
    made = []

    def sink(**settings):
        settings = Settings(**{"host": "127.0.0.1", "port": broker.port} | settings)
        made.append(build(settings, SinkContext(tmp_path)))
        return made[-1]

    yield sink
    for each in made:
        each.close()


def test_each_camera_is_a_device_before_there_is_an_alert(make, listener):
    sink = make()
    sink.watch(RULES)
    sink.probe(())
    until(lambda: listener.last("maskwatch/door/rule/crowd") == "OFF")
    device = json.loads(listener.last(DISCOVERY))
    assert device["components"]["rule_masks"]["state_topic"] == "maskwatch/door/rule/masks"
    assert listener.last("maskwatch/door/rule/masks") == "OFF"
    assert listener.last("maskwatch/status") == "online"


def test_an_alert_is_on_until_it_is_over(make, listener):
    sink = make(picture=True)
    sink.watch(RULES)
    sink.deliver(ALERT)
    until(lambda: listener.of("maskwatch/door/alert"))
    assert listener.last("maskwatch/door/rule/masks") == "ON"
    assert json.loads(listener.last("maskwatch/door/rule/masks/alert"))["id"] == ALERT.id
    (picture,) = [payload for topic, payload, _ in listener.messages if topic == "maskwatch/door/snapshot"]
    assert picture.startswith(b"\xff\xd8")
    sink.ended(replace(ALERT, frame=None, ended_at=20.0))
    until(lambda: len(listener.of("maskwatch/door/alert")) == 2)
    assert listener.last("maskwatch/door/rule/masks") == "OFF"
    assert [json.loads(each)["state"] for each in listener.of("maskwatch/door/alert")] == ["begin", "end"]


def test_who_comes_later_is_told_what_holds_and_neither_alerts_nor_pictures_of_before(make, broker):
    sink = make(picture=True)
    sink.watch(RULES)
    sink.on_status({"door": CameraStatus(CameraState.UP, people=2, protected_ratio=0.5)})
    sink.deliver(ALERT)
    with Listener(broker.port) as late:
        until(lambda: late.last("maskwatch/door/state"))
        until(lambda: late.last("maskwatch/status") == "online")
        assert all(retained for _, __, retained in late.messages)
        told = {topic for topic, _, __ in late.messages}
        rules = {"maskwatch/door/rule/masks", "maskwatch/door/rule/masks/alert", "maskwatch/door/rule/crowd"}
        assert told == {DISCOVERY, "maskwatch/status", "maskwatch/door/state", *rules}
        assert late.last("maskwatch/door/rule/masks") == "ON"


def test_a_state_is_published_when_it_changes_and_now_and_then(make, listener, monkeypatch):
    sink = make()
    sink.probe(())
    seen = CameraStatus(CameraState.UP, people=2, protected_ratio=0.5)
    sink.on_status({"door": seen})
    sink.on_status({"door": seen})
    sink.on_status({"door": CameraStatus(CameraState.DOWN)})
    until(lambda: len(listener.of("maskwatch/door/state")) == 2)
    monkeypatch.setattr("maskwatch.alerts.kinds.mqtt.REPEAT_S", 0.0)
    sink.on_status({"door": CameraStatus(CameraState.DOWN)})
    until(lambda: len(listener.of("maskwatch/door/state")) == 3)
    assert [json.loads(each) for each in listener.of("maskwatch/door/state")] == [
        {"people": 2, "protected_ratio": 0.5, "online": True},
        *[{"people": 0, "protected_ratio": None, "online": False}] * 2,
    ]


def test_when_the_broker_was_away_all_that_holds_is_said_again_and_what_waited_is_told(make, broker):
    sink = make()
    sink.watch(RULES)
    sink.probe(())
    broker.stop()
    until(lambda: sink._connection._problem is not None)
    with pytest.raises(AlertKept, match=r"^mqtt: 127\.0\.0\.1:\d+: .*kept in memory"):
        sink.deliver(ALERT)
    with pytest.raises(AlertKept):
        sink.ended(replace(ALERT, frame=None, ended_at=20.0))
    with pytest.raises(AlertError):
        sink.probe(())
    broker.start()
    with Listener(broker.port) as listener:
        until(lambda: len(listener.of("maskwatch/door/alert")) == 2)
        until(lambda: listener.last(DISCOVERY))
        assert [json.loads(each)["state"] for each in listener.of("maskwatch/door/alert")] == ["begin", "end"]
        assert listener.last("maskwatch/status") == "online"
        assert listener.last("maskwatch/door/rule/masks") == "OFF"
    sink.probe(())


def test_no_more_waits_in_memory_than_there_is_room_for(make, broker, monkeypatch):
    monkeypatch.setattr(mqtt_connection, "WAITING", 2)
    sink = make()
    sink.probe(())
    broker.stop()
    until(lambda: sink._connection._problem is not None)
    for _ in range(2):
        with pytest.raises(AlertKept):
            sink.deliver(ALERT)
    with pytest.raises(AlertError, match="2 messages wait already") as caught:
        sink.deliver(ALERT)
    assert not isinstance(caught.value, AlertKept)


def test_closing_says_that_we_are_gone(make, listener):
    sink = make()
    sink.probe(())
    until(lambda: listener.last("maskwatch/status") == "online")
    sink.close()
    until(lambda: listener.last("maskwatch/status") == "offline")


def test_a_password_is_asked_for_and_never_told(tmp_path, caplog):
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto is not installed (the README's test command installs it)")
    subprocess.run(
        [program, "-c", "-b", tmp_path / "users", "maskwatch", "hunter2"], check=True, capture_output=True
    )
    with Broker(tmp_path, f"password_file {tmp_path}/users", anonymous=False) as broker:
        user = {"host": "127.0.0.1", "port": broker.port, "username": "maskwatch"}
        right, wrong = Settings(**user, password="hunter2"), Settings(**user, password="hunter3")
        assert "takes us" in build(right, SinkContext(tmp_path)).check((), aloud=False)
        with pytest.raises(AlertError, match="Not authorized") as caught:
            build(wrong, SinkContext(tmp_path)).check((), aloud=False)
        assert "hunter" not in f"{caught.value} {right!r} {right.own_id} {caplog.text}"


def test_a_brokers_certificate_is_verified(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    with Broker(tmp_path, f"certfile {cert}", f"keyfile {key}") as broker:
        tls = {"host": "127.0.0.1", "port": broker.port, "tls": True}
        assert "takes us" in build(Settings(**tls, ca=cert), SinkContext(tmp_path)).check((), aloud=False)
        with pytest.raises(AlertError, match="its certificate is not trusted"):
            build(Settings(**tls), SinkContext(tmp_path)).check((), aloud=False)


def test_check_leaves_the_services_own_connection_alone(make, listener):
    running, trial = make(), make()
    running.probe(())
    trial.check(("Please.",), aloud=True)
    until(lambda: listener.of("maskwatch/trial"))
    running.deliver(ALERT)
    assert listener.of("maskwatch/status") == ["online"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("password: hunter2", "a password needs a username"),
        ("ca: a.pem", "ca, cert and key need tls: true"),
        ("tls: true, key: a.pem", "a key needs its cert"),
        ("base_topic: a/#", "base_topic"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(line, told):
    with pytest.raises(ConfigError) as caught:
        parse(f"alert: {{sinks: [{{kind: mqtt, host: h, {line}}}]}}", "c.yaml", {})
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_of_a_service_that_is_killed_the_broker_says_that_it_is_gone(broker, listener, demo_clip, tmp_path):
    folders = {name: {"dir": str(tmp_path / name)} for name in ("queue", "models", "drift")}
    config = {
        "cameras": {"back door": {"source": str(demo_clip)}},
        "alert": {"sinks": [{"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "picture": True}]},
        "web": {"port": 0},
    } | folders
    door = f"maskwatch/{slug('back door')}"
    with Service(config, tmp_path / "service") as service:
        service.until(lambda: listener.last(f"{door}/alert"), 240)
        assert listener.last(f"{door}/rule/protected_ratio") == "ON"
        assert listener.last("maskwatch/status") == "online"
        state = json.loads(listener.last(f"{door}/state"))
        assert state["online"] is True
        os.kill(service.pid, signal.SIGKILL)
        service.process.wait()
        until(lambda: listener.last("maskwatch/status") == "offline")
    alert = json.loads(listener.last(f"{door}/alert"))
    assert (alert["camera"], alert["unprotected"]) == ("back door", 2)
    assert [topic for topic, _, __ in listener.messages if topic == f"{door}/snapshot"]
