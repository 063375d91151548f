"""Alerts, and what the cameras see, over MQTT; Home Assistant shows each camera as a device by itself."""

import hashlib
import json
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from maskwatch.alerts.discovery import REPEAT_S, Topics, device_payload, state_payload
from maskwatch.alerts.message import as_json, state
from maskwatch.alerts.picture import jpeg
from maskwatch.alerts.registry import SinkContext
from maskwatch.core.errors import ConfigError
from maskwatch.core.records import Alert, CameraStatus
from maskwatch.platform.paths import InputPath
from maskwatch.plugins import KindSettings

if TYPE_CHECKING:
    from maskwatch.alerts.mqtt_connection import Connection

PORT, TLS_PORT = 1883, 8883  # registered by IANA
Topic = Annotated[str, Field(pattern=r"^[^+#/$]([^+#]*[^+#/])?$", max_length=200)]


class Settings(KindSettings):
    """`kind: mqtt`: the broker, and the topics.

    `port` is None for the usual one. `ca`, `cert` and `key` are files for TLS: whom to trust in place of the machine's
    certificates, and our own. `client_id` None makes one of the machine's name. All topics begin with `base_topic`;
    `discovery_prefix` is Home Assistant's, None where there is none. `picture` publishes alerts' frames.
    """

    kind: Literal["mqtt"] = "mqtt"
    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    username: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca: InputPath | None = None
    cert: InputPath | None = None
    key: InputPath | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    base_topic: Topic = "maskwatch"
    discovery_prefix: Topic | None = "homeassistant"
    picture: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.password is not None and self.username is None:
            raise ValueError("a password needs a username")
        if not self.tls and any((self.ca, self.cert, self.key)):
            raise ValueError("ca, cert and key need tls: true")
        if self.key is not None and self.cert is None:
            raise ValueError("a key needs its cert")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (TLS_PORT if self.tls else PORT)

    @property
    def own_id(self) -> str:
        """The client's id: the same after a restart, so that the broker knows that the one before is gone."""
        told = hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:6]  # without the password
        return self.client_id or f"maskwatch-{socket.gethostname()}-{told}"


class MqttSink:
    """Keeps the broker's retained topics true, and publishes each alert."""

    name = "mqtt"

    def __init__(self, settings: Settings, context: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._context = context
        self._topics = Topics(settings.base_topic)
        self._connection = self._made(settings.own_id, self._topics.availability)
        self._told: dict[str, tuple[str, float]] = {}  # the state of each camera, and when it was published

    def watch(self, rules: Mapping[str, Sequence[str]]) -> None:
        """For the broker to know when we are connected: each camera as a device, and that no alert stands."""
        for camera, names in rules.items():
            if self._settings.discovery_prefix is not None:
                payload = device_payload(
                    self._topics, camera, names, version("maskwatch"), picture=self._settings.picture
                )
                self._connection.hold(
                    self._topics.discovery(self._settings.discovery_prefix, camera), payload
                )
            for rule in names:
                self._connection.hold(self._topics.rule(camera, rule), "OFF")

    def on_status(self, cameras: Mapping[str, CameraStatus]) -> None:
        """Publish what changed, and all of it now and then, as Home Assistant forgets it."""
        now_s = time.monotonic()
        for camera, seen in cameras.items():
            payload = state_payload(seen)
            before, at_s = self._told.get(camera, ("", -REPEAT_S))
            if payload != before or now_s - at_s >= REPEAT_S:
                self._told[camera] = payload, now_s
                self._connection.hold(self._topics.state(camera), payload)

    def deliver(self, alert: Alert) -> None:
        self._connection.settle()
        if alert.rule:
            begun = "ON" if state(alert) == "begin" else "OFF"
            self._connection.hold(self._topics.last_alert(alert.camera, alert.rule), as_json(alert))
            self._connection.hold(self._topics.rule(alert.camera, alert.rule), begun)
        picture = jpeg(alert, boxes=True) if self._settings.picture else None
        if picture is not None:
            self._connection.show(self._topics.snapshot(alert.camera), picture)
        self._connection.send(self._topics.alert(alert.camera), as_json(alert))

    def ended(self, alert: Alert) -> None:
        self.deliver(alert)

    def probe(self, sentences: Sequence[str]) -> None:  # noqa: ARG002 - whatever they are
        """Whether the broker takes us."""
        self._connection.require()

    def check(self, sentences: Sequence[str], *, aloud: bool) -> str:
        """Whether the broker takes us, beside the service's own connection; `aloud`, publish a trial."""
        trial = self._made(f"{self._settings.own_id}-check", None)
        try:
            trial.require()
            if aloud:
                topic = f"{self._settings.base_topic}/trial"
                trial.send(topic, json.dumps({"state": "trial", "say": list(sentences)}, ensure_ascii=False))
                return f"published a trial to {topic}"
        finally:
            trial.close()
        return f"{self._settings.host} takes us (--speak publishes a trial)"

    def close(self) -> None:
        """Tell who listens that we are gone."""
        self._connection.close()

    def _made(self, client_id: str, availability: str | None) -> "Connection":
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        from maskwatch.alerts.mqtt_connection import Connection

        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        if self._settings.username is not None:
            password = self._settings.password
            client.username_pw_set(
                self._settings.username, None if password is None else password.get_secret_value()
            )
        if self._context is not None:
            client.tls_set_context(self._context)
        host, port = self._settings.address
        return Connection(f"{self.name}: {host}:{port}", client, host, port, availability)


def build(settings: Settings, _: SinkContext) -> MqttSink:
    """The sink, not yet connected. Raises `ConfigError` without paho-mqtt, or for a file of TLS that is none."""
    if find_spec("paho") is None:
        raise ConfigError("alert sink mqtt: paho-mqtt is not installed (it comes with maskwatch[mqtt])")
    context = None
    if settings.tls:
        try:
            context = ssl.create_default_context(cafile=settings.ca)
            if settings.cert is not None:
                context.load_cert_chain(settings.cert, settings.key)
        except OSError as e:
            files = ", ".join(str(each) for each in (settings.ca, settings.cert, settings.key) if each)
            raise ConfigError(
                f"alert sink mqtt: {files}: {e.strerror or 'holds no certificate or key'}"
            ) from e
    return MqttSink(settings, context)
