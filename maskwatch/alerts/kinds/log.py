"""An alert as a line in the log."""

import logging
from typing import Literal

from maskwatch.alerts.registry import SinkContext
from maskwatch.core.records import Alert, AlertKind
from maskwatch.core.rules.protected_ratio import NAME as USUAL_RULE
from maskwatch.plugins import KindSettings

log = logging.getLogger(__name__)


class Settings(KindSettings):
    """`kind: log` needs nothing."""

    kind: Literal["log"] = "log"


class LogSink:
    """Writes each alert as a warning to the log of this module; never fails."""

    name = "log"

    def deliver(self, alert: Alert) -> None:
        if alert.kind is AlertKind.CAMERA_DEAD:
            log.warning("%s: is offline: %s", alert.camera, alert.reason)
            return
        if alert.kind is AlertKind.CAMERA_VIEW:
            log.warning("%s: sees nothing useful: %s", alert.camera, alert.reason)
            return
        if alert.kind is AlertKind.OCCUPANCY:
            log.warning(
                "%s: %d people are there, %d without a mask", alert.camera, alert.people, alert.unprotected
            )
            return
        log.warning(
            "%s: %s%d of %d people wear no mask (protected ratio %.2f)",
            alert.camera,
            "" if alert.rule in {"", USUAL_RULE} else f"{alert.rule}: ",
            alert.unprotected,
            alert.people,
            alert.protected_ratio,
        )


def build(_: Settings, __: SinkContext) -> LogSink:
    """The sink; it needs neither settings nor context."""
    return LogSink()
