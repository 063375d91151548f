"""`maskwatch run` as a process, seen from outside: its log, its status, its files."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import cv2

START_S = 60
PAGES = ("/healthz", "/readyz", "/metrics", "/api/status")


@dataclass(frozen=True)
class Seen:
    """The service's state, as `/api/status` tells it; `cameras` as they stand there."""

    cameras: dict
    stored: int
    not_stored: int

    @property
    def up(self):
        return sum(camera["state"] == "up" for camera in self.cameras.values())

    @property
    def latency_ms(self):
        """The slowest camera's; None while nothing is known."""
        known = [camera["latency_s"] for camera in self.cameras.values() if camera["latency_s"] is not None]
        return max(known) * 1000 if known else None

    def analysed(self, camera):
        return self.cameras[camera]["analysed"]

    def captured(self, camera):
        """How many frames it gave, analysed or skipped."""
        return self.cameras[camera]["captured"]


class Service:
    """A running service. Leaving the block kills what is left of it; `environment` holds the passwords."""

    def __init__(self, config, folder, environment=(), *, program=("-m", "maskwatch"), prefix=()):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.config_path = folder / "config.yaml"
        self.write(config)
        self._log_path = folder / "log.txt"
        self._said = ""  # over the notify socket
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (folder / "notify.sock").unlink(missing_ok=True)
        self._socket.bind(str(folder / "notify.sock"))
        self._socket.setblocking(False)
        self._started = time.monotonic()
        own = {"NOTIFY_SOCKET": str(folder / "notify.sock"), "XDG_CACHE_HOME": str(folder / "cache")}
        with self._log_path.open("w") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, *program, "run", "-c", str(self.config_path)],
                stdout=log,
                stderr=log,
                env=os.environ | own | dict(environment),
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._socket.close()

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self._log_path.read_text()

    def said(self):
        """All that it told systemd so far."""
        try:
            while True:
                self._said += self._socket.recv(65536).decode() + "\n"
        except BlockingIOError:
            return self._said

    def everything_shown(self):
        """All text that a person or another program may see of it; of one that has ended, what it left."""
        if self.process.poll() is not None:
            return f"{self.log}\n{self.said()}"
        title = Path("/proc", str(self.pid), "cmdline").read_bytes().decode(errors="replace")
        pages = [self.page(path) for path in PAGES] if self.url() else []
        return "\n".join([self.log, self.said(), title, *pages])

    def must_keep_secret(self, secret, *folders):
        """No part of what it shows or stores holds the secret."""
        assert secret not in self.everything_shown()
        for folder in (self.folder, *folders):
            assert hits(secret, folder) == []

    def url(self):
        """Where it answers over HTTP, None while it does not."""
        told = re.findall(r"answers at (http://\S+)", self.log)
        return told[-1] if told else None

    def page(self, path):
        """What it answers, whatever the status code."""
        try:
            with urllib.request.urlopen(self.url() + path, timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.read().decode()

    def write(self, config):
        """The configuration; JSON is YAML. What no test asks for by name goes into the folder, too."""
        if not isinstance(config, str):
            usual = {"drift": {"dir": str(self.folder / "drift")}, "console": {"enabled": False}}
            config = json.dumps(usual | config, indent=1)
        self.config_path.write_text(config)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def terminate(self):
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_S)

    def until(self, condition, within_s=START_S):
        """Wait for a condition; gives how long it took, in seconds."""
        begin = time.monotonic()
        while not condition():
            self.said()  # as systemd does, so that its socket does not fill
            end = self.log[-3000:]
            assert self.process.poll() is None, f"the service ended\n{end}"
            assert time.monotonic() - begin < within_s, f"it took longer than {within_s} s\n{end}"
            time.sleep(0.05)
        return time.monotonic() - begin

    def until_logged(self, text, within_s=START_S, *, after=0):
        """Wait until `text` stands in the log behind its first `after` letters."""
        return self.until(lambda: text in self.log[after:], within_s)

    def mark(self):
        """Where the log ends now."""
        return len(self.log)

    def told(self):
        """All of `/api/status`. Raises `OSError` while it does not answer."""
        return json.loads(self.page("/api/status"))

    def status_of(self, key):
        """One part of `/api/status`."""
        return self.told()[key]

    def status(self):
        """Raises `OSError` while it does not answer."""
        self.said()  # as systemd does, so that its socket does not fill
        told = self.told()
        return Seen(told["cameras"], told["queue"]["stored"], told["queue"]["not_stored"])


def samples(queue):
    """The samples of a queue folder: how many are whole, and the names of those that are not.

    One without its record is not yet a sample, or no longer one: the service removes it later.
    """
    whole, broken = 0, []
    for record in queue.glob("*/*/[!.]*.json"):
        try:
            data = json.loads(record.read_text())
            image = cv2.imread(str(record.with_suffix(".jpg")))
            assert image is not None
            assert [image.shape[1], image.shape[0]] == data["size"]
            whole += 1
        except FileNotFoundError:
            continue  # removed by the service while we looked
        except (ValueError, KeyError, AssertionError):
            if record.exists():
                broken.append(record.name)
    return whole, broken


def hits(secret, folder):
    """The files under a folder in whose name or bytes a secret stands."""
    found = []
    for path in folder.rglob("*"):
        inside = path.is_file() and not path.is_socket() and secret.encode() in path.read_bytes()
        if inside or secret in path.name:
            found.append(path)
    return found
