"""An alert as a line in the log."""

import logging

from maskwatch.core.records import Alert, AlertKind

log = logging.getLogger(__name__)


class LogSink:
    name = "log"

    def deliver(self, alert: Alert) -> None:
        if alert.kind is AlertKind.CAMERA_DEAD:
            log.warning("%s: is offline: %s", alert.camera, alert.reason)
            return
        log.warning(
            "%s: %d of %d people wear no mask (protected ratio %.2f)",
            alert.camera,
            alert.unprotected,
            alert.people,
            alert.protected_ratio,
        )
