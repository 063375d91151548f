"""Those whom alerts are sent to: an HTTP server that may fail, and a real MQTT broker with somebody who listens."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.cameras import free_port
from harness.waiting import PATIENCE_S, until


class Receiver:
    """Answers POSTs with the statuses that stand in `answers`, then with `usual`; keeps what it took."""

    def __init__(self, port=0, context=None):
        self.answers, self.usual, self.headers = [], 204, {}
        self.taken, self.refused = [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else receiver.usual
                (receiver.taken if status < 300 else receiver.refused).append((dict(self.headers), body))
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.handle_error = lambda *_: None  # a client that trusts nobody
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"


class Broker:
    """Mosquitto on loopback, which may go and come back on the same port; it keeps nothing meanwhile."""

    def __init__(self, folder, *lines, anonymous=True):
        self._program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if self._program is None:
            pytest.skip("mosquitto is not installed (the README's test command installs it)")
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        user = ["user root"] if os.geteuid() == 0 else []
        allowed = f"allow_anonymous {'true' if anonymous else 'false'}"
        self._config.write_text("\n".join([f"listener {self.port} 127.0.0.1", allowed, *user, *lines, ""]))
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = [self._program, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers)

    def stop(self):
        self._process.kill()
        self._process.wait()

    def _answers(self):
        assert self._process.poll() is None, "mosquitto ended"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False


class Listener:
    """Somebody who subscribed to all: `last` of each topic, all `messages` as (topic, payload, retained)."""

    def __init__(self, port, prepare=lambda client: None):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        prepare(self._client)
        self._ready = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _, __, m: self.messages.append((m.topic, m.payload, m.retain))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self):
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, topic):
        """The payloads on a topic, as text."""
        return [payload.decode() for each, payload, _ in list(self.messages) if each == topic]

    def last(self, topic):
        return self.of(topic)[-1] if self.of(topic) else None
