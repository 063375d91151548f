"""Every kind of alert sink that comes with maskwatch does what a sink must."""

import logging
import shutil
import time

import pytest
from harness.receivers import Broker, Listener, Receiver
from harness.speakers import ScriptedSpeaker

from maskwatch.alerts.kinds import camera_speaker, log, mqtt, notify, voice, webhook
from maskwatch.alerts.registry import SINKS, SinkContext
from maskwatch.alerts.rtsp_connection import Connection
from maskwatch.conformance.alerts import AlertContract


class TestLog(AlertContract):
    @pytest.fixture(autouse=True)
    def lines(self, caplog):
        self.caplog = caplog

    def settings(self):
        return log.Settings()

    def make(self, tmp_path):
        return SINKS.build(self.settings(), SinkContext(tmp_path))

    def make_broken(self, tmp_path):
        return None

    def told(self, tmp_path):
        return [r for r in self.caplog.records if r.name == log.__name__ and r.levelno == logging.WARNING]


class TestVoice(AlertContract):
    """Through a player of our own, which notes what it was given."""

    @pytest.fixture(autouse=True)
    def player(self, tmp_path, monkeypatch):
        if shutil.which("espeak-ng") is None:
            pytest.skip("espeak-ng is not installed (the README's test command installs it)")
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "aplay").write_text(f'#!/bin/sh\nfor each; do :; done\necho "$each" >> {tmp_path}/told\n')
        (folder / "aplay").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def settings(self, **changed):
        return voice.Settings(**changed)

    def make(self, tmp_path):
        return SINKS.build(self.settings(), SinkContext(tmp_path))

    def make_broken(self, tmp_path):
        return SINKS.build(self.settings(voice="klingonese"), SinkContext(tmp_path))

    def told(self, tmp_path):
        path = tmp_path / "told"
        return path.read_text().splitlines() if path.exists() else []


class OverTheNetwork(AlertContract):
    """What is held open is closed at the end."""

    @pytest.fixture(autouse=True)
    def closing(self):
        self.made = []
        yield
        for sink in self.made:
            sink.close()

    def built(self, settings, tmp_path):
        self.made.append(SINKS.build(settings, SinkContext(tmp_path)))
        return self.made[-1]

    def make(self, tmp_path):
        return self.built(self.settings(), tmp_path)


class TestWebhook(OverTheNetwork):
    @pytest.fixture(autouse=True)
    def receiver(self, tmp_path):
        self.folder = tmp_path / "outbox"
        with Receiver() as self.received:
            yield

    def settings(self):
        return webhook.Settings(url=self.received.url, dir=self.folder, picture=True)

    def make_broken(self, tmp_path):
        return self.built(webhook.Settings(url="http://127.0.0.1:1/", dir=self.folder), tmp_path)

    def told(self, tmp_path):
        return self.received.taken


class TestNotify(OverTheNetwork):
    @pytest.fixture(autouse=True)
    def receiver(self, tmp_path):
        self.folder = tmp_path / "outbox"
        with Receiver() as self.received:
            yield

    def settings(self):
        url = f"json://127.0.0.1:{self.received.port}/"
        return notify.Settings(urls=(url,), dir=self.folder, picture=True, ended_body="over")

    def make_broken(self, tmp_path):
        return self.built(notify.Settings(urls=("json://127.0.0.1:1/",), dir=self.folder), tmp_path)

    def told(self, tmp_path):
        return self.received.taken


class TestCamera_Speaker(OverTheNetwork):  # noqa: N801 - the kind's name
    """Through a camera that takes the sound as fast as it comes."""

    @pytest.fixture(autouse=True)
    def camera(self, monkeypatch):
        if shutil.which("espeak-ng") is None:
            pytest.skip("espeak-ng is not installed (the README's test command installs it)")
        monkeypatch.setattr(Connection, "wait", lambda *_: None)
        with ScriptedSpeaker() as self.speaker:
            yield

    def settings(self):
        return camera_speaker.Settings(url=self.speaker.url)

    def make_broken(self, tmp_path):
        return self.built(camera_speaker.Settings(url="rtsp://127.0.0.1:1/cam"), tmp_path)

    def told(self, tmp_path):
        return [packets for packets in self.speaker.sessions if len(packets) > 50]


@pytest.mark.integration
class TestMqtt(OverTheNetwork):
    @pytest.fixture(autouse=True)
    def broker(self, tmp_path):
        with Broker(tmp_path) as self.running, Listener(self.running.port) as self.listener:
            yield

    def settings(self):
        return mqtt.Settings(host="127.0.0.1", port=self.running.port, picture=True)

    def make_broken(self, tmp_path):
        return self.built(mqtt.Settings(host="127.0.0.1", port=1), tmp_path)

    def told(self, tmp_path):
        time.sleep(0.3)  # the broker has them when `deliver` returns, who listens a little later
        topics = [topic for topic, _, __ in self.listener.messages]
        return [topic for topic in topics if topic.endswith("/alert") and "/rule/" not in topic]


def test_every_kind_is_held_to_the_contract():
    kinds = [*AlertContract.__subclasses__(), *OverTheNetwork.__subclasses__()]
    tested = {kind.__name__.removeprefix("Test").lower() for kind in kinds}
    assert tested >= {name for name, _ in SINKS.own()}
