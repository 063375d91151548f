"""Ways to tell people, for real: a sound card that records, and players and engines that fail."""

import logging
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from maskwatch.alerts.kinds.log import LogSink
from maskwatch.alerts.kinds.log import Settings as LogSettings
from maskwatch.alerts.kinds.voice import Settings as VoiceSettings
from maskwatch.alerts.kinds.voice import VoiceSink
from maskwatch.alerts.registry import SINKS, SinkContext
from maskwatch.core.errors import AlertError
from maskwatch.core.records import Alert

ENGLISH = "Don't forget to wear your mask before leaving the office!"
KOREAN = "마스크를 착용해 주세요."


def alert(say=ENGLISH):
    return Alert(camera="door", at=12.0, protected_ratio=0.25, people=4, unprotected=3, say=say)


def samples(path):
    """-1..1"""
    with wave.open(str(path), "rb") as sound:
        assert sound.getsampwidth() == 2
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 2**15


def rms(path):
    return np.sqrt(np.mean(samples(path) ** 2))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.mark.parametrize(("voice", "say"), [("en", ENGLISH), ("ko", KOREAN)])
def test_speaks_aloud(loudspeaker, cache, voice, say):
    VoiceSink(cache, VoiceSettings(voice=voice)).deliver(alert(say))
    assert rms(loudspeaker) > 0.02


def test_voice_speaks_its_own_language(loudspeaker, cache):
    korean = VoiceSink(cache, VoiceSettings(voice="ko")).rendered(KOREAN)
    english = VoiceSink(cache, VoiceSettings(voice="en")).rendered(KOREAN)
    assert korean.read_bytes() != english.read_bytes()


def test_a_sentence_is_rendered_once(loudspeaker, cache):
    sink = VoiceSink(cache, VoiceSettings())
    first = sink.rendered(ENGLISH)
    made_at = first.stat().st_mtime_ns
    sink.deliver(alert())
    assert VoiceSink(cache, VoiceSettings()).rendered(ENGLISH) == first
    assert first.stat().st_mtime_ns == made_at
    assert list(cache.iterdir()) == [first]


@pytest.mark.parametrize(
    ("settings", "say"),
    [
        (VoiceSettings(), "Something else."),
        (VoiceSettings(voice="en-us"), ENGLISH),
        (VoiceSettings(words_per_minute=300), ENGLISH),
        (VoiceSettings(volume=0.3), ENGLISH),
    ],
)
def test_another_sentence_or_manner_is_rendered_anew(loudspeaker, cache, settings, say):
    usual = VoiceSink(cache, VoiceSettings()).rendered(ENGLISH)
    other = VoiceSink(cache, settings).rendered(say)
    assert other != usual
    assert other.read_bytes() != usual.read_bytes()


def test_manner_is_heard(loudspeaker, cache):
    usual = VoiceSink(cache, VoiceSettings()).rendered(ENGLISH)
    assert rms(VoiceSink(cache, VoiceSettings(volume=0.3)).rendered(ENGLISH)) < 0.6 * rms(usual)
    quick = VoiceSink(cache, VoiceSettings(words_per_minute=300)).rendered(ENGLISH)
    assert len(samples(quick)) < 0.7 * len(samples(usual))


@pytest.mark.parametrize(
    "say", ["-q --help", "$(touch pwned) `touch pwned` ; |", '"quoted" <b>&</b>', "여러\n줄"]
)
def test_any_sentence_can_be_spoken(loudspeaker, cache, tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    VoiceSink(cache, VoiceSettings()).deliver(alert(say))
    assert rms(loudspeaker) > 0.02
    assert not (tmp_path / "pwned").exists()


def test_plays_on_the_chosen_device(loudspeaker, cache):
    VoiceSink(cache, VoiceSettings(device="null")).deliver(alert())
    assert not loudspeaker.exists()


def test_a_device_that_is_not_there_is_an_error(loudspeaker, cache):
    with pytest.raises(AlertError, match="aplay"):
        VoiceSink(cache, VoiceSettings(device="hw:no_such_card")).deliver(alert())


def test_a_voice_that_is_not_there_is_an_error_and_not_another_voice(loudspeaker, cache):
    with pytest.raises(AlertError, match="klingonese"):
        VoiceSink(cache, VoiceSettings(voice="klingonese")).deliver(alert())
    assert not loudspeaker.exists()
    assert not list(cache.glob("*"))


@pytest.fixture
def recording(tmp_path):
    """A short sound, as an engine would have rendered it."""
    path = tmp_path / "recording.wav"
    write_wav(path, b"\x00\x20" * 800)
    return path


def write_wav(path, data):
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(data)


@pytest.fixture
def player(tmp_path, monkeypatch):
    """Put another aplay in the real one's place."""

    def install(script, mode=0o755):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "aplay").write_bytes(script)
        (folder / "aplay").chmod(mode)
        monkeypatch.setenv("PATH", str(folder))

    return install


def test_no_player_is_an_error_that_names_it(recording, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    sink = VoiceSink(cache, VoiceSettings())
    with pytest.raises(AlertError, match="aplay is not installed"):
        sink.play(recording)
    with pytest.raises(AlertError, match="aplay is not installed"):
        sink.try_player()


def test_a_player_is_tried_in_silence(loudspeaker, cache):
    VoiceSink(cache, VoiceSettings()).try_player()
    assert len(samples(loudspeaker)) > 1000
    assert rms(loudspeaker) == 0
    with pytest.raises(AlertError, match="audio open error"):
        VoiceSink(cache, VoiceSettings(device="nosuch")).try_player()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (b"echo ALSA lib: warning >&2\necho audio open error >&2\nexit 1\n", "audio open error"),
        (b"exit 3\n", "exit status 3"),
        (b"printf 'Ger\\344t' >&2\nexit 1\n", "Ger"),  # Latin-1
        (b"kill -SEGV $$\n", "exit status -11"),
    ],
)
def test_a_player_that_fails_is_an_error_that_says_why(recording, cache, player, script, said):
    player(b"#!/bin/sh\n" + script)
    with pytest.raises(AlertError, match="aplay") as failed:
        VoiceSink(cache, VoiceSettings()).play(recording)
    assert said in str(failed.value)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("script", "mode", "said"),
    [(b"no program", 0o755, "aplay: Exec format error"), (b"#!/bin/sh\n", 0o644, "aplay: Permission denied")],
)
def test_a_player_that_cannot_be_started_is_an_error(recording, player, script, mode, said):
    player(script, mode)
    with pytest.raises(AlertError, match=said):
        VoiceSink(recording.parent, VoiceSettings()).play(recording)


def test_a_player_that_hangs_is_ended(recording, cache, player, tmp_path):
    player(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec /bin/sleep 60\n".encode())
    begin = time.monotonic()
    with pytest.raises(AlertError, match=r"aplay took longer than 0\.5 s"):
        VoiceSink(cache, VoiceSettings(play_s=0.5)).play(recording)
    assert time.monotonic() - begin < 2
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Replace pyttsx3 in the child process: `body` is what saving a sentence does."""

    def install(body):
        folder = tmp_path / "engine"
        folder.mkdir()
        (folder / "pyttsx3.py").write_text(
            "import os, sys, time, wave\n"
            "def quiet(*args, **named): pass\n"
            "class Engine:\n"
            "    connect = setProperty = runAndWait = quiet\n"
            f"    def save_to_file(self, text, path):\n        {body}\n"
            "init = Engine\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return install


SILENCE = "s = wave.open(path, 'wb'); s.setparams((1, 2, 8000, 0, 'NONE', '')); s.writeframes(bytes(8000)); s.close()"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pass", "gave no sound file"),
        ("open(path, 'w').close()", "gave no sound file"),
        ("open(path, 'wb').write(b'RIFF')", "gave no sound file"),
        (SILENCE, "gave silence"),
        (SILENCE.replace("bytes(8000)", "b''"), "gave silence"),
        ("raise RuntimeError('no voice data')", "no voice data"),
        (SILENCE + "; os._exit(7)", "exit status 7"),
        ("time.sleep(60)", r"the speech engine took longer than 1 s"),
        (SILENCE + "; time.sleep(60)", r"the speech engine took longer than 1 s"),
    ],
)
def test_an_engine_that_fails_is_an_error_and_leaves_nothing_behind(cache, engine, player, body, said):
    engine(body)
    player(b"#!/bin/sh\nexit 0\n")
    begin = time.monotonic()
    with pytest.raises(AlertError, match=said) as failed:
        VoiceSink(cache, VoiceSettings(render_s=1)).deliver(alert())
    assert time.monotonic() - begin < 3
    assert "\n" not in str(failed.value)
    assert not list(cache.glob("*"))


def test_a_sentence_that_failed_is_rendered_when_the_engine_works_again(
    loudspeaker, cache, engine, monkeypatch
):
    sink = VoiceSink(cache, VoiceSettings())
    engine("pass")
    with pytest.raises(AlertError):
        sink.deliver(alert())
    monkeypatch.delenv("PYTHONPATH")
    sink.deliver(alert())
    assert rms(loudspeaker) > 0.02


LATE = """
        once = path.rpartition('/')[0] + '/../once'
        sound = wave.open(path if os.path.exists(once) else once, 'wb')
        sound.setparams((1, 2, 8000, 0, 'NONE', ''))
        sound.writeframes(bytes([0, 64] * 4000))
        sound.close()
        open(path, 'ab').close()
"""


def test_an_engine_that_was_too_late_at_first_is_asked_again(cache, engine, player):
    engine(LATE)
    player(b"#!/bin/sh\nexit 0\n")
    VoiceSink(cache, VoiceSettings()).deliver(alert())
    (path,) = cache.iterdir()
    with wave.open(str(path)) as sound:
        assert sound.getnframes() == 4000


def test_a_cache_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AlertError, match="file/voice"):
        VoiceSink(tmp_path / "file" / "voice", VoiceSettings()).deliver(alert())


def test_log_sink_writes_one_line_with_what_was_seen(caplog):
    LogSink().deliver(alert())
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert line == "door: 3 of 4 people wear no mask (protected ratio 0.25)"


@pytest.mark.parametrize(("settings", "kind"), [(VoiceSettings(), VoiceSink), (LogSettings(), LogSink)])
def test_the_registry_makes_each_kind_by_its_settings(tmp_path, settings, kind):
    sink = SINKS.build(settings, SinkContext(tmp_path))
    assert type(sink) is kind
    assert sink.name == settings.kind
