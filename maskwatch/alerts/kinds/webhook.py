"""An alert as a POST of JSON, and another when it is over. While the other side is away, they wait on disk."""

import base64
import binascii
import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from maskwatch.alerts.message import as_json, state
from maskwatch.alerts.outbox import Outbox, SendError
from maskwatch.alerts.outbox_settings import OutboxSettings
from maskwatch.alerts.picture import jpeg
from maskwatch.alerts.registry import SinkContext
from maskwatch.core.errors import AlertError, AlertKept, ConfigError
from maskwatch.core.records import Alert
from maskwatch.platform.paths import InputPath
from maskwatch.plugins import KindSettings

MIN_SECRET = 16  # characters
REFUSED = {400, 413, 415, 422}  # HTTP statuses that say that this message is never to be taken
CLOSE_S = 0.5


def _as_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(character.isspace() for character in url.get_secret_value()):
        raise ValueError("must be an address that begins with https:// or http://")
    if parts.username is not None:
        raise ValueError(
            "must hold no user and password; the secret signs, and a token may stand in the query"
        )
    return url


def _as_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < MIN_SECRET:
        raise ValueError(f"must have at least {MIN_SECRET} characters")
    try:
        _key(secret.get_secret_value())
    except (binascii.Error, ValueError):
        raise ValueError("must have base64 behind whsec_") from None
    return secret


class Settings(OutboxSettings, KindSettings):
    """`kind: webhook`: where it is posted to, and by what it is signed.

    `picture` sends the alert's frame along. One attempt takes at most `timeout_s` to connect, and as long to answer.
    `ca` is a file of certificates to trust in place of the machine's.
    """

    kind: Literal["webhook"] = "webhook"
    url: Annotated[SecretStr, AfterValidator(_as_url)]
    secret: Annotated[SecretStr, AfterValidator(_as_secret)] | None = None
    picture: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10
    ca: InputPath | None = None


def signature(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """What the header `webhook-signature` holds: HMAC-SHA256 of `key.timestamp.body`, as Standard Webhooks has it.

    A secret that begins with `whsec_` has the key's base64 behind it; any other is the key itself.
    """
    signed = f"{key}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()


class WebhookSink:
    """Posts through an `Outbox`; `pool` is urllib3's, with certificates and times set."""

    name = "webhook"

    def __init__(self, settings: Settings, pool: Any, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._pool = pool
        self._context = context
        url = settings.url.get_secret_value()
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or (80 if context is None else 443)
        self._shown = f"{self.name}: {self._host}:{self._port}"
        self._outbox = Outbox(self._shown, settings.folder(self.name, url), settings.limits, self._post)

    def deliver(self, alert: Alert) -> None:
        picture = jpeg(alert, boxes=True) if self._settings.picture else None
        key = f"{alert.id}-{state(alert)}"
        self._outbox.wait(self._outbox.add(key, as_json(alert, picture).encode()))

    def ended(self, alert: Alert) -> None:
        self.deliver(alert)

    def probe(self, sentences: Sequence[str]) -> None:  # noqa: ARG002 - whatever they are
        """Start sending the outbox. Raises its last problem; with an empty one, `AlertKept` if nothing answers at the URL."""
        self._outbox.start()
        if self._outbox.is_empty:
            try:
                self._connect()
            except AlertError as e:
                raise AlertKept(str(e)) from e
            self._outbox.forget_problem()
        elif self._outbox.problem is not None:
            raise AlertKept(self._outbox.problem)

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """Whether somebody answers; `aloud`, post a trial."""
        if aloud:
            self._post(
                f"trial-{time.time_ns()}", json.dumps({"state": "trial", "say": list(sentences)}).encode()
            )
            return f"posted a trial to {self._host}"
        self._connect()
        return f"{self._host} answers (--speak posts a trial)"

    def close(self) -> None:
        """The thread ends; what waits stays on disk."""
        self._outbox.close(CLOSE_S)

    def _connect(self) -> None:
        try:
            with socket.create_connection((self._host, self._port), self._settings.timeout_s) as plain:
                if self._context is not None:
                    self._context.wrap_socket(plain, server_hostname=self._host).close()
        except OSError as e:
            raise AlertError(f"{self._shown}: {_reason(e)}") from None

    def _post(self, key: str, body: bytes) -> None:
        """One attempt. Raises `SendError`."""
        import urllib3

        timestamp = int(time.time())
        headers = {"content-type": "application/json", "webhook-id": key, "webhook-timestamp": str(timestamp)}
        if self._settings.secret is not None:
            secret = self._settings.secret.get_secret_value()
            headers["webhook-signature"] = signature(secret, key, timestamp, body)
        try:
            answer = self._pool.request(
                "POST",
                self._settings.url.get_secret_value(),
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,  # what it says does not matter, and may be endless
            )
        except urllib3.exceptions.HTTPError as e:
            raise SendError(f"{self._shown}: {_reason(e)}") from None  # its text may hold the address
        answer.close()
        if 200 <= answer.status < 300:
            return
        why = f"{self._shown}: answers with HTTP {answer.status}"
        if 300 <= answer.status < 400:
            why += ", a redirection, which is not followed"
        after_s = _after_s(answer.headers.get("retry-after"))
        raise SendError(why, again=answer.status not in REFUSED, after_s=after_s)


def build(settings: Settings, _: SinkContext) -> WebhookSink:
    """The sink; nothing is opened yet. Raises `ConfigError` when `ca` holds no certificates."""
    import urllib3

    context = None
    if urlsplit(settings.url.get_secret_value()).scheme == "https":
        try:
            context = ssl.create_default_context(cafile=settings.ca)
        except OSError as e:
            raise ConfigError(f"webhook: {settings.ca}: {e.strerror or 'holds no certificates'}") from e
    timeout = urllib3.Timeout(connect=settings.timeout_s, read=settings.timeout_s)
    pool = urllib3.PoolManager(num_pools=1, maxsize=1, timeout=timeout, ssl_context=context)
    return WebhookSink(settings, pool, context)


def _reason(error: BaseException) -> str:
    """What went wrong, without any address."""
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {told.verify_message}"
        if isinstance(told, TimeoutError) or "Timeout" in type(told).__name__:
            return "no answer in time"
        if isinstance(told, OSError) and told.strerror:
            return told.strerror
        told = (
            told.__cause__
            or told.__context__
            or next((a for a in told.args if isinstance(a, BaseException)), None)
        )
    return f"no connection ({type(error).__name__})"


def _after_s(header: str | None) -> float | None:
    """Seconds, of the header `Retry-After`, which has these or a date; None where it says nothing of use."""
    if header is None:
        return None
    try:
        return max(
            0.0,
            float(header) if header.isdecimal() else parsedate_to_datetime(header).timestamp() - time.time(),
        )
    except (ValueError, OverflowError):
        return None
