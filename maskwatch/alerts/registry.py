"""The kinds of alert sink, by the name that the configuration gives them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from maskwatch.core.address import Address
from maskwatch.core.ports import AlertSink
from maskwatch.plugins import Kinds, KindSettings


@runtime_checkable
class SupportsCamera(Protocol):
    """Optional interface of a sink's settings: what they do not say is that of the camera whose alerts it tells.

    So each camera has a sink of its own: parts with equal settings are shared.
    """

    def at_camera(self, address: Address | None) -> KindSettings:
        """The settings of the sink of a camera with this address; None where its source has none."""
        ...


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink is given beside its settings: `cache`, a folder for what can be made again."""

    cache: Path


SINKS: Kinds[AlertSink, SinkContext] = Kinds("alert sink", "maskwatch.alerts", "maskwatch.alerts.kinds")
