"""The kinds of alert sink, by the name that the configuration gives them."""

from dataclasses import dataclass
from pathlib import Path

from maskwatch.core.ports import AlertSink
from maskwatch.plugins import Kinds


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink is given beside its settings: `cache`, a folder for what can be made again."""

    cache: Path


SINKS: Kinds[AlertSink, SinkContext] = Kinds("alert sink", "maskwatch.alerts", "maskwatch.alerts.kinds")
