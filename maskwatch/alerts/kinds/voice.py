"""An alert as a spoken sentence on this machine's loudspeaker: rendered by `maskwatch.alerts.speech`, played by `aplay`.

The player has a time limit, and its exit status is looked at: pyttsx3 alone reports success on a machine without a
player or a sound card.
"""

import wave
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Literal

from pydantic import Field

from maskwatch.alerts.registry import SinkContext
from maskwatch.alerts.speech import Speech, SpeechSettings, run
from maskwatch.core.records import Alert


class Settings(SpeechSettings):
    """The `alert.voice` section: how the sentence is spoken, and where.

    `device` is an ALSA device, None for the default one. `play_s` bounds the playing of one sentence.
    """

    kind: Literal["voice"] = "voice"
    device: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    play_s: Annotated[float, Field(gt=0, le=120)] = 30


class VoiceSink:
    """Speaks `alert.say`; `folder` keeps the rendered sentences."""

    name = "voice"
    audible = True

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._settings = settings
        self._speech = Speech(self.name, folder, settings)

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
        return self._speech.rendered(sentence)

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
        run(self.name, "aplay", ["aplay", "-q", *device, str(path)], self._settings.play_s)


def build(settings: Settings, context: SinkContext) -> VoiceSink:
    """The sink, with its rendered sentences in `voice` below the cache; nothing is rendered yet."""
    return VoiceSink(context.cache / "voice", settings)
