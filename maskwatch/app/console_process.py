"""Keeps the console running beside the service, as a process of its own."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from maskwatch.config.credentials import PREFIX
from maskwatch.config.load import Config
from maskwatch.core.errors import MALFORMED

BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
STEADY_S = 60.0  # after so long it is well, and the next end is the first
END_S = 5.0
MAX_SAID = 100  # lines
OWN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY")  # the service's alone

log = logging.getLogger(__name__)


def own_settings(config: Config) -> object:
    """What the console reads once, at its start; of the cameras it reads anew what changed."""
    return config.console, config.events, config.queue, config.models, config.learn, config.device


class ConsoleProcesses:
    """The console as the service's configuration wants it: none, or one, which follows reloads. Ends with the `with` block."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._running: ConsoleProcess | None = None
        self._settings: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.follow(enabled=False, variables={})

    def follow(self, *, enabled: bool, variables: Mapping[str, str], settings: object = None) -> None:
        """Start it, end it, or have it read the configuration again, where other `settings` of its own than before are in it.

        What else changes, the cameras say, its pages notice by themselves: nobody who looks at them is to lose what she does.
        """
        running, self._running = self._running, None
        same, self._settings = settings is not None and settings == self._settings, settings
        if not enabled:
            if running is not None:
                running.__exit__()
            return
        if running is None:
            running = ConsoleProcess(self._config, variables).__enter__()
        elif not same or running.variables != dict(variables):
            running.reload(variables)
        self._running = running


class ConsoleProcess:
    """Runs `maskwatch console` while its `with` block does; one that dies is started again, after longer each time.

    It gets no variable `MASKWATCH_…` but those of `variables`, and none of systemd's. It ends when its standard input does, which
    is when this process ends, however that happens. What it says on standard error is logged.
    """

    def __init__(self, config: Path, variables: Mapping[str, str] | None = None) -> None:
        level = logging.getLevelName(log.getEffectiveLevel()).lower()
        self._command = [sys.executable, "-m", "maskwatch", "--log-level", level, "--log-format", "json"]
        self._command += ["console", "--config", str(config), "--supervised"]
        self._variables = dict(variables or {})
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._said: set[str] = set()
        self._repeats_until_s = 0.0
        self._thread = threading.Thread(target=self._body, name="console", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._signal(signal.SIGTERM)
        self._thread.join(END_S)
        self._signal(signal.SIGKILL)
        self._thread.join(END_S)

    @property
    def variables(self) -> Mapping[str, str]:
        """Those that it gets."""
        return self._variables

    def reload(self, variables: Mapping[str, str]) -> None:
        """Have it read the configuration again; who is signed in stays so."""
        if dict(variables) != self._variables:
            self._variables = dict(variables)
            self._signal(signal.SIGTERM)  # the next one gets them
        else:
            self._signal(signal.SIGHUP)

    def _signal(self, number: int) -> None:
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(number)

    def _body(self) -> None:
        failures = 0
        while not self._ending.is_set():
            began_s = time.monotonic()
            self._repeats_until_s = began_s + STEADY_S if failures else 0.0
            why = self._run()
            if time.monotonic() - began_s >= STEADY_S:
                failures = 0
            wait_s = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
            if self._ending.wait(wait_s):
                return
            if failures == 0:
                log.warning("the console %s; it is started again", why)
            failures += 1

    def _run(self) -> str:
        """From its start to its end, and how it ended."""
        try:
            process = subprocess.Popen(  # noqa: S603 - this program itself
                self._command,
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=self._environment(),
                process_group=0,  # a terminal's Ctrl-C is the service's, which ends the console
            )
        except OSError as e:
            return f"cannot be started ({e.strerror})"
        with process:  # closes the pipes
            with self._lock:
                self._process = process
            if self._ending.is_set():  # told before there was a process to tell
                process.terminate()
            assert process.stderr is not None
            for line in process.stderr:
                self._tell(line.rstrip())
            code = process.wait()
        with self._lock:
            self._process = None
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def _tell(self, line: str) -> None:
        """Log a line. What keeps it from starting is told once, and not at each try."""
        if time.monotonic() >= self._repeats_until_s:
            self._said.clear()
        level, text = _record(line)
        if not line or text in self._said:
            return
        if len(self._said) < MAX_SAID:
            self._said.add(text)
        log.log(level, "%s", text)

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX) and k not in OWN}
        return kept | self._variables


def _record(line: str) -> tuple[int, str]:
    """The level and the text of a line of a log in JSON, or of what was said otherwise."""
    try:
        told = json.loads(line)
        trace = told.get("exception")
        level = logging.getLevelNamesMapping()[told["level"].upper()]
        return level, told["message"] + (f"\n{trace}" if trace else "")
    except MALFORMED:
        return logging.WARNING, f"console: {line.removeprefix('maskwatch: ')}"
