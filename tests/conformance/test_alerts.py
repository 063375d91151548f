"""Every kind of alert sink that comes with maskwatch does what a sink must."""

import logging
import shutil

import pytest

from maskwatch.alerts.kinds import log, voice
from maskwatch.alerts.registry import SINKS, SinkContext
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


def test_every_kind_is_held_to_the_contract():
    tested = {kind.__name__.removeprefix("Test").lower() for kind in AlertContract.__subclasses__()}
    assert tested >= {name for name, _ in SINKS.own()}
