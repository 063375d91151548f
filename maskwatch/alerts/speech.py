"""Sentences as sound, for sinks that are heard. Each is rendered once to a WAV file, by a child process (`speak.py`), and kept.

It has a time limit, and is not believed before the sound is there: pyttsx3 alone reports success on a machine without
the voice's data, and may hang in the engine.
"""

import hashlib
import json
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from maskwatch.core.errors import AlertError
from maskwatch.platform.files import replacing
from maskwatch.plugins import KindSettings


class SpeechSettings(KindSettings):
    """How a sentence is spoken, for the kinds that speak.

    `voice` is the speech engine's name of a voice, `en` or `ko` say (`espeak-ng --voices` lists them);
    `words_per_minute` and `volume` (0..1) are its manner. `render_s` bounds the rendering of one sentence.
    """

    voice: Annotated[str, Field(min_length=1, max_length=100)] = "en"
    words_per_minute: Annotated[int, Field(ge=80, le=450)] = 150
    volume: Annotated[float, Field(gt=0, le=1)] = 1.0
    render_s: Annotated[float, Field(gt=0, le=120)] = 15


class Speech:
    """Renders into `folder`, which sinks may share. `name`, the sink's, begins every error."""

    def __init__(self, name: str, folder: Path, settings: SpeechSettings) -> None:
        self._name = name
        self._folder = folder
        self._settings = settings

    def rendered(self, sentence: str) -> Path:
        """The WAV file of a sentence, 16-bit mono at the engine's rate, made now if it is not there. Raises `AlertError`."""
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
                    self._render(order | {"path": str(part)})
                    if not part.exists() or not part.stat().st_size:
                        # on a busy machine pyttsx3 at times ends before the engine has written
                        self._render(order | {"path": str(part)})
                    self._require_sound(part)
            except OSError as e:
                raise AlertError(f"{self._name}: {path}: {e.strerror or e}") from e
        return path

    def _render(self, order: dict[str, object]) -> None:
        command = [sys.executable, "-m", "maskwatch.alerts.speak"]
        run(self._name, "the speech engine", command, self._settings.render_s, stdin=json.dumps(order))

    def _require_sound(self, path: Path) -> None:
        """An engine without the voice's data leaves no file, or an empty one."""
        try:
            with wave.open(str(path), "rb") as sound:
                silent = not any(sound.readframes(sound.getnframes()))
        except (OSError, EOFError, wave.Error) as e:
            raise AlertError(f"{self._name}: the speech engine gave no sound file") from e
        if silent:
            raise AlertError(f"{self._name}: the speech engine gave silence")


def run(name: str, what: str, command: Sequence[str], limit_s: float, stdin: str = "") -> None:
    """Run a program to its end. Raises `AlertError`, which begins with `name` and calls the program `what`."""
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
        raise AlertError(f"{name}: {command[0]} is not installed") from e
    except OSError as e:
        raise AlertError(f"{name}: {command[0]}: {e.strerror}") from e
    except subprocess.TimeoutExpired as e:
        raise AlertError(f"{name}: {what} took longer than {limit_s:g} s") from e
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise AlertError(f"{name}: {what}: {last[0]}")
