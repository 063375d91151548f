"""An alert as a line in the log."""

import logging

from maskwatch.core.records import Alert

log = logging.getLogger(__name__)


class LogSink:
    name = "log"

    def deliver(self, alert: Alert) -> None:
        log.warning(
            "%s: %d of %d people wear no mask (protected ratio %.2f)",
            alert.camera,
            alert.unprotected,
            alert.people,
            alert.protected_ratio,
        )
