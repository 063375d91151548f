"""An alert as a POST of JSON, and another when it is over."""

import json
from base64 import b64encode
from collections.abc import Sequence
from http.client import HTTPException
from socket import create_connection
from typing import Annotated, Literal
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from pydantic import Field, SecretStr

from maskwatch.alerts.picture import jpeg
from maskwatch.alerts.registry import SinkContext
from maskwatch.core.errors import AlertError
from maskwatch.core.records import Alert
from maskwatch.plugins import KindSettings


class Settings(KindSettings):
    """`picture` sends the frame along, as a JPEG in base64."""

    kind: Literal["ticket"] = "ticket"
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    token: SecretStr | None = None
    picture: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5


class TicketSink:
    name = "ticket"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def deliver(self, alert: Alert) -> None:
        picture = jpeg(alert, boxes=True) if self._settings.picture else None
        self._post(
            {
                "id": alert.id,
                "kind": alert.kind,
                "rule": alert.rule,
                "level": alert.level,
                "camera": alert.camera,
                "at": alert.at,
                "say": alert.say,
                "people": alert.people,
                "unprotected": alert.unprotected,
                "faces": [[round(side) for side in face.box] for face in alert.faces],
                "picture": b64encode(picture).decode() if picture else None,
            }
        )

    def ended(self, alert: Alert) -> None:
        self._post(
            {
                "id": alert.id,
                "kind": alert.kind,
                "camera": alert.camera,
                "at": alert.at,
                "ended_at": alert.ended_at,
            }
        )

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """For `maskwatch check`: whether somebody listens; with --speak, a POST for a trial."""
        if aloud:
            self._post({"kind": "trial", "say": list(sentences)})
            return "posted"
        parts = urlsplit(self._settings.url)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            create_connection((parts.hostname, port), self._settings.timeout_s).close()
        except OSError as e:
            raise AlertError(f"ticket: {e}") from e
        return f"{parts.hostname} listens (--speak posts for a trial)"

    def _post(self, content: dict[str, object]) -> None:
        headers = {"Content-Type": "application/json"}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
        request = Request(self._settings.url, json.dumps(content).encode(), headers)
        try:
            with urlopen(request, timeout=self._settings.timeout_s):
                pass
        except (OSError, HTTPException) as e:  # HTTPError and URLError are OSErrors
            raise AlertError(f"ticket: {e}") from e


def build(settings: Settings, _: SinkContext) -> TicketSink:
    return TicketSink(settings)
