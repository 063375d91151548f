"""What may be set about the ways to tell people."""

from typing import Annotated

from pydantic import Field

from maskwatch.platform.settings_base import SettingsBase


class VoiceSettings(SettingsBase):
    """The `alert.voice` section: how the sentence is spoken.

    `voice` is the speech engine's name of a voice, `en` or `ko` say (`espeak-ng --voices` lists them);
    `words_per_minute` and `volume` (0..1) are its manner. `device` is an ALSA device, None for the
    default one. `render_s` and `play_s` bound the work on one alert.
    """

    voice: Annotated[str, Field(min_length=1, max_length=100)] = "en"
    words_per_minute: Annotated[int, Field(ge=80, le=450)] = 150
    volume: Annotated[float, Field(gt=0, le=1)] = 1.0
    device: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    render_s: Annotated[float, Field(gt=0, le=120)] = 15
    play_s: Annotated[float, Field(gt=0, le=120)] = 30
