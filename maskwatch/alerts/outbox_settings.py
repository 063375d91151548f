"""What may be set about the queue on disk of a sink that has one."""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import Field

from maskwatch.alerts.outbox import Limits
from maskwatch.platform.paths import StatePath, kept
from maskwatch.platform.settings_base import SettingsBase


class OutboxSettings(SettingsBase):
    """`dir` is the folder of all sinks' queues, in which each target has its own; above the `max_` ones the oldest goes."""

    dir: Annotated[StatePath, kept("*/*.message")] = Field(default=Path("outbox"), validate_default=True)
    max_messages: Annotated[int, Field(ge=1, le=100_000)] = 1000
    max_mb: Annotated[float, Field(gt=0, le=100_000)] = 100
    max_days: Annotated[float, Field(gt=0, le=365)] = 7

    @property
    def limits(self) -> Limits:
        """As the queue wants them."""
        return Limits(self.max_messages, self.max_mb, self.max_days)

    def folder(self, kind: str, target: str) -> Path:
        """Of the queue for one target, whose name may be secret."""
        return self.dir / f"{kind}-{hashlib.sha256(target.encode()).hexdigest()[:12]}"
