"""Cameras that speak through their own loudspeakers, under the running service."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from harness.cameras import Clip
from harness.service import Service
from harness.speakers import SpeakerCamera, likeness, rendered

pytestmark = pytest.mark.timeout(180)

PASSWORD = "f4ult-pa55word"
SAY, LOUDER = "Please wear your mask.", "Please wear a mask, or leave the building."


@pytest.fixture
def talking(clips, tmp_path):
    """Two cameras with a loudspeaker each, the configuration, and its environment."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (the README's test command installs it)")
    clip = str(Clip().write(clips))
    options = {"clip": clip, "credentials": f"viewer:{PASSWORD}"}
    cameras = {
        "entrance": SpeakerCamera(tmp_path / "entrance", law="PCMU", digest=True, **options),
        "gate": SpeakerCamera(tmp_path / "gate", law="PCMA", **options),
    }
    sources = {name: each.url.replace(PASSWORD, "{MASKWATCH_CAMERA}") for name, each in cameras.items()}
    config = {
        "cameras": {name: {"source": source} for name, source in sources.items()},
        "fps": 2,
        "device": "cpu",
        "alert": {
            "sinks": [{"kind": "camera_speaker", "timeout_s": 2}, "log"],
            "voice": {"voice": "en-us", "words_per_minute": 200},
            "for_s": 0.4,
            "cooldown_s": 1,
            "dead_after_s": 5,
            "escalation": {"after": 1, "reset_s": 60, "say": LOUDER},
        },
        "queue": {"dir": str(tmp_path / "queue"), "max_per_hour": 1, "min_free_mb": 0},
        "web": {"port": 0},
    }
    for camera in cameras.values():
        camera.start()
    yield cameras, config, {"MASKWATCH_CAMERA": PASSWORD}
    for camera in cameras.values():
        camera.kill()


def stored_sentences(service):
    return list((service.folder / "cache").rglob("[!.]*.wav"))


def sinks_of(service, camera):
    return service.status().cameras[camera]["sinks"]


def test_each_camera_speaks_for_itself_and_one_that_is_stuck_holds_nothing_up(talking, tmp_path, recovery):
    cameras, config, environment = talking
    with Service(config, tmp_path / "service", environment) as service:
        service.until(lambda: all(len(camera.heard()) >= 3 for camera in cameras.values()))
        service.until(lambda: len(stored_sentences(service)) == 4)  # with those for cameras that are offline
        sentences = [rendered(path) for path in stored_sentences(service)]
        for camera in cameras.values():
            first, second = list(camera.heard().values())[:2]
            matches = [
                max(range(4), key=lambda n, sound=sound: likeness(sound, sentences[n]))
                for _, sound in (first, second)
            ]
            assert matches[0] != matches[1]
            assert likeness(first[1], sentences[matches[0]]) > 0.95

        mark = service.mark()
        cameras["entrance"].freeze()
        noticed_s = service.until_logged("ERROR camera_speaker: ", after=mark)
        before, heard = service.status().analysed("gate"), len(cameras["gate"].heard())
        service.until(lambda: service.status().analysed("gate") >= before + 10)
        service.until(lambda: len(cameras["gate"].heard()) > heard + 1)
        cameras["entrance"].thaw()
        back_s = service.until_logged("camera_speaker: works again", within_s=100, after=mark)
        recovery(noticed_s=noticed_s, back_s=back_s)
        assert service.log[mark:].count("ERROR camera_speaker: ") == 1
        service.must_keep_secret(PASSWORD)
        assert service.terminate() == 0


def test_the_check_tries_the_loudspeaker_and_says_the_sentences(talking, tmp_path):
    cameras, config, environment = talking
    del config["cameras"]["gate"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "maskwatch", "check", "-c", str(path)]
    told = subprocess.run(
        [*command, "--speak"],
        capture_output=True,
        text=True,
        env=os.environ | environment | {"COLUMNS": "200"},
    )
    assert f"spoken: {SAY} {LOUDER}" in told.stdout, told.stdout
    assert len(cameras["entrance"].heard()) == 3
    assert PASSWORD not in told.stdout + told.stderr
    cameras["entrance"].kill()
    told = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment | {"COLUMNS": "200"}
    )
    assert "camera_speaker entrance" in told.stderr
    assert told.returncode
    assert PASSWORD not in told.stdout + told.stderr
