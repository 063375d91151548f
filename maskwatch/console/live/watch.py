"""The running service as the page sees it: its status, and that it does not answer."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from maskwatch.console.service_client import ServiceClient
from maskwatch.console.shared_call import SharedCall
from maskwatch.core.errors import ServiceError

PATIENCE_S = 2.0  # for an answer
EVERY_S = 0.5  # so that an alert is on the page within a second


@dataclass(frozen=True, slots=True)
class Seen:
    """The last status that is known, empty before the first, and the Unix time of the asking, whose number is `number`.

    `away_at` is the Unix time since which the service does not answer, None while it does.
    """

    status: Mapping[str, Any]
    at: float
    number: int = 0
    away_at: float | None = None

    @property
    def cameras(self) -> Mapping[str, Any]:
        """By their names, as `/api/status` tells of them."""
        found: Mapping[str, Any] = self.status.get("cameras", {})
        return found


class Watch:
    """Asks for the status, at most every `EVERY_S` for all visitors, and not while there is none; `last` is what came."""

    def __init__(self, service: ServiceClient) -> None:
        self._service = service
        self.last = Seen({}, 0.0)
        self._shared = SharedCall(self._ask, EVERY_S)

    async def __call__(self) -> Seen:
        """What is known now."""
        return await self._shared()

    async def _ask(self) -> Seen:
        last, at = self.last, time.time()
        try:
            async with asyncio.timeout(PATIENCE_S):
                self.last = Seen(await self._service.status(), at, last.number + 1)
        except (ServiceError, TimeoutError):
            away_at = at if last.away_at is None else last.away_at
            self.last = replace(last, at=at, number=last.number + 1, away_at=away_at)
        return self.last
