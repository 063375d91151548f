"""A connection to an MQTT broker that comes back by itself, and says again what holds. Needs paho-mqtt."""

import ssl
import sys
import threading
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from maskwatch.alerts.discovery import OFFLINE, ONLINE
from maskwatch.core.errors import AlertError, AlertKept

CONNECT_S = 5.0
WAITING = 100  # messages that wait in memory while the broker is away
PATIENCE_S = 5.0  # for the broker's word that it has a message
CLOSE_S = 0.4


class Connection:
    """Around paho's client, whose thread connects, and connects again after 1 to 60 s.

    `availability` is the topic that says whether we are there; the broker says `offline` in our place when we are gone
    without a word. `where` begins every error.
    """

    def __init__(self, where: str, client: Client, host: str, port: int, availability: str | None) -> None:
        self._where = where
        self._client = client
        self._address = host, port
        self._availability = availability
        self._lock = threading.Lock()
        self._held: dict[str, str] = {}  # retained, by topic
        self._settled = threading.Event()  # connected, or it is known why not
        self._problem: str | None = f"{where}: not yet connected"
        self._started = False
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.connect_timeout = CONNECT_S
        client.reconnect_delay_set(1, 60)
        client.max_queued_messages_set(WAITING)
        if availability is not None:
            client.will_set(availability, OFFLINE, qos=1, retain=True)

    def start(self) -> None:
        """Begin to connect; may be called again and again."""
        with self._lock:
            if self._started:
                return
            self._started = True
        self._client.connect_async(*self._address, keepalive=30)
        self._client.loop_start()

    def settle(self) -> None:
        """Begin to connect, and wait until it is, or until it is known why not; later it returns at once."""
        self.start()
        self._settled.wait(2 * CONNECT_S)

    def require(self) -> None:
        """Wait until it is connected. Raises `AlertError` when it is known that it is not, or after a while."""
        self.settle()
        if self._problem is not None:
            raise AlertError(self._problem)

    def hold(self, topic: str, payload: str) -> None:
        """Say that this holds: now, to who comes later, and again when the connection was lost."""
        with self._lock:
            self._held[topic] = payload
            if self._client.is_connected():
                self._say(topic, payload)

    def show(self, topic: str, data: bytes) -> None:
        """To who listens now, if we are connected; the broker keeps nothing."""
        if self._client.is_connected():
            self._client.publish(topic, data, qos=0)

    def send(self, topic: str, payload: str) -> None:
        """Return when the broker has it. Raises `AlertKept` while it waits in memory, `AlertError` when it does not."""
        self.settle()
        told = self._client.publish(topic, payload, qos=1)
        if told.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            told.wait_for_publish(PATIENCE_S)
            if told.is_published():
                return
        elif told.rc != MQTTErrorCode.MQTT_ERR_NO_CONN:
            raise AlertError(f"{self._where}: {WAITING} messages wait already")
        raise AlertKept(f"{self._problem or f'{self._where}: no answer in time'}; kept in memory")

    def close(self) -> None:
        """Say that we are gone, and go."""
        with self._lock:
            started, self._started = self._started, True
        if not started:
            return
        if self._availability is not None and self._client.is_connected():
            self._client.publish(self._availability, OFFLINE, qos=1, retain=True).wait_for_publish(CLOSE_S)
        self._client.disconnect()
        stopper = threading.Thread(target=self._client.loop_stop, daemon=True)  # it may wait for a connection
        stopper.start()
        stopper.join(CLOSE_S)

    def _say(self, topic: str, payload: str) -> None:
        # without a receipt: what is not received is said again when we are connected again, never after something newer
        self._client.publish(topic, payload, qos=0, retain=True)

    def _on_connect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        if reason.is_failure:
            self._problem = f"{self._where}: {reason}"
        else:
            with self._lock:
                if self._availability is not None:
                    self._say(self._availability, ONLINE)
                for topic, payload in self._held.items():
                    self._say(topic, payload)
            self._problem = None
        self._settled.set()

    def _on_connect_fail(self, _: Client, __: Any) -> None:
        error = sys.exception()  # paho calls this while it handles it
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"its certificate is not trusted: {error.verify_message}"
        elif isinstance(error, TimeoutError):
            why = "no answer in time"
        else:
            why = (error.strerror if isinstance(error, OSError) else None) or "no connection"
        self._problem = f"{self._where}: {why}"
        self._settled.set()

    def _on_disconnect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        if self._problem is None:
            self._problem = f"{self._where}: the connection is lost ({reason})"
