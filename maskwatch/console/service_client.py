"""Asks the running service over its Unix socket."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from maskwatch.core.errors import MALFORMED, ServiceError
from maskwatch.core.records import FrameReport
from maskwatch.core.report_json import from_json, unpacked
from maskwatch.platform.unix_socket import short

ANSWER_S = 5.0


class ServiceClient:
    """For the event loop of the pages. Each method raises `ServiceError` when the service does not answer, or refuses."""

    def __init__(self, socket: Path) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each question
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=short(socket)), base_url="http://service", timeout=ANSWER_S
        )

    async def status(self) -> dict[str, Any]:
        """What `/api/status` tells, and as `config` which configuration is in force."""
        answer = await self._get("/status")
        with _understood():
            found: dict[str, Any] = dict(answer.json())
        return found

    async def frame(self, camera: str, width: int) -> tuple[FrameReport, bytes]:
        """The last frame of a camera as a JPEG, `width` px wide at most and clean, and its report, in pixels of the full frame."""
        answer = await self._get(f"/frame/{quote(camera, safe='')}", width=width)
        with _understood():
            return unpacked(answer.content)

    async def minute(self, camera: str, after: float | None = None) -> list[FrameReport]:
        """The reports of a camera's last minute, in order; those after the one at `after`, where that is still among them."""
        asked = {} if after is None else {"after": repr(after)}
        answer = await self._get(f"/minute/{quote(camera, safe='')}", **asked)
        with _understood():
            return [from_json(each) for each in answer.json()]

    async def reload(self) -> None:
        """Have the service read its configuration again; what it refuses, `config` of the status tells, and the old one stays."""
        await self._asked(self._client.build_request("POST", "/reload"))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _get(self, path: str, **params: str | int) -> httpx.Response:
        return await self._asked(self._client.build_request("GET", path, params=params))

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await self._client.send(request)
        except httpx.HTTPError as e:
            raise ServiceError("the service does not answer") from e
        if not answer.is_success:
            with _understood(f"HTTP {answer.status_code}"):
                raise ServiceError(str(answer.json()["error"]))
        return answer


@contextmanager
def _understood(why: str = "it answers what is not understood") -> Iterator[None]:
    """Another program may listen there, or another release of this one."""
    try:
        yield
    except MALFORMED as e:
        raise ServiceError(f"the service: {why}") from e
