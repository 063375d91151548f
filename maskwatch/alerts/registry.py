"""The kinds of alert, by the name that the configuration gives them."""

from pathlib import Path
from typing import Literal, assert_never

from maskwatch.alerts.log import LogSink
from maskwatch.alerts.settings import VoiceSettings
from maskwatch.alerts.voice import VoiceSink
from maskwatch.core.ports import AlertSink

SinkName = Literal["voice", "log"]


def make_sink(name: SinkName, *, voice: VoiceSettings, cache: Path) -> AlertSink:
    """The sink of that name; `cache` is a folder for what can be made again."""
    match name:
        case "voice":
            return VoiceSink(cache / "voice", voice)
        case "log":
            return LogSink()
        case _:
            assert_never(name)
