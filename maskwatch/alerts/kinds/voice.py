"""An alert as a spoken sentence.

The sentence is rendered once to a WAV file by a child process (`speak.py`) and kept; playing it is `aplay`.
Both have a time limit, and neither is believed before the sound is there: pyttsx3 alone reports success
on a machine without a player or a sound card, and may hang in the engine.
"""

import hashlib
import json
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Literal

from pydantic import Field

from maskwatch.alerts.registry import SinkContext
from maskwatch.core.errors import AlertError
from maskwatch.core.records import Alert
from maskwatch.platform.files import replacing
from maskwatch.plugins import KindSettings


class Settings(KindSettings):
    """The `alert.voice` section: how the sentence is spoken.

    `voice` is the speech engine's name of a voice, `en` or `ko` say (`espeak-ng --voices` lists them);
    `words_per_minute` and `volume` (0..1) are its manner. `device` is an ALSA device, None for the
    default one. `render_s` and `play_s` bound the work on one alert.
    """

    kind: Literal["voice"] = "voice"
    voice: Annotated[str, Field(min_length=1, max_length=100)] = "en"
    words_per_minute: Annotated[int, Field(ge=80, le=450)] = 150
    volume: Annotated[float, Field(gt=0, le=1)] = 1.0
    device: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    render_s: Annotated[float, Field(gt=0, le=120)] = 15
    play_s: Annotated[float, Field(gt=0, le=120)] = 30


class VoiceSink:
    """Speaks `alert.say`; `folder` keeps the rendered sentences."""

    name = "voice"
    audible = True

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings

    def deliver(self, alert: Alert) -> None:
        self.play(self.rendered(alert.say))

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """Whether it would work; raises `AlertError`."""
        self.probe(sentences)
        if aloud:
            for sentence in sentences:
                self.play(self.rendered(sentence))
            return f"spoken: {' '.join(sentences)}"
        return f"rendered, and a moment of silence played (--speak says it aloud): {' '.join(sentences)}"

    def rendered(self, sentence: str) -> Path:
        """The WAV file of a sentence, made now if it is not there. Raises `AlertError`."""
        order = {
            "sentence": sentence,
            "voice": self._settings.voice,
            "words_per_minute": self._settings.words_per_minute,
            "volume": self._settings.volume,
        }
        name = hashlib.sha256(json.dumps(order, sort_keys=True).encode()).hexdigest()[:16]
        path = self._folder / f"{name}.wav"
        if not path.exists():
            try:
                with replacing(path) as part:
                    _render(order | {"path": str(part)}, self._settings.render_s)
                    if not part.exists() or not part.stat().st_size:
                        # on a busy machine pyttsx3 at times ends before the engine has written
                        _render(order | {"path": str(part)}, self._settings.render_s)
                    _require_sound(part)
            except OSError as e:
                raise AlertError(f"voice: {path}: {e.strerror or e}") from e
        return path

    def probe(self, sentences: Sequence[str]) -> None:
        """Render the sentences and play a moment of silence. Raises `AlertError`."""
        for sentence in sentences:
            self.rendered(sentence)
        self.try_player()

    def try_player(self) -> None:
        """Play a moment of silence. Raises `AlertError` when there is nothing to play with, or on."""
        with NamedTemporaryFile(suffix=".wav") as file:
            with wave.open(file, "wb") as silence:
                silence.setparams((1, 2, 22050, 0, "NONE", ""))
                silence.writeframes(bytes(2 * 2205))
            file.flush()
            self.play(Path(file.name))

    def play(self, path: Path) -> None:
        """Play to the end. Raises `AlertError`."""
        device = ["-D", self._settings.device] if self._settings.device else []
        _run(["aplay", "-q", *device, str(path)], self._settings.play_s, stdin="")


def build(settings: Settings, context: SinkContext) -> VoiceSink:
    """The sink, with its rendered sentences in `voice` below the cache; nothing is rendered yet."""
    return VoiceSink(context.cache / "voice", settings)


def _render(order: dict[str, object], limit_s: float) -> None:
    _run([sys.executable, "-m", "maskwatch.alerts.speak"], limit_s, stdin=json.dumps(order))


def _require_sound(path: Path) -> None:
    """An engine without the voice's data leaves no file, or an empty one."""
    try:
        with wave.open(str(path), "rb") as sound:
            silent = not any(sound.readframes(sound.getnframes()))
    except (OSError, EOFError, wave.Error) as e:
        raise AlertError("voice: the speech engine gave no sound file") from e
    if silent:
        raise AlertError("voice: the speech engine gave silence")


def _run(command: list[str], limit_s: float, stdin: str) -> None:
    what = "aplay" if command[0] == "aplay" else "the speech engine"
    try:
        done = subprocess.run(  # noqa: S603 - a list of our own, no shell
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
            process_group=0,  # Ctrl-C is ours alone: a sentence under way is no error
        )
    except FileNotFoundError as e:
        raise AlertError(f"voice: {command[0]} is not installed") from e
    except OSError as e:
        raise AlertError(f"voice: {command[0]}: {e.strerror}") from e
    except subprocess.TimeoutExpired as e:
        raise AlertError(f"voice: {what} took longer than {limit_s:g} s") from e
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise AlertError(f"voice: {what}: {last[0]}")
