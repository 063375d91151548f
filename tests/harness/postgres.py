"""A real PostgreSQL server of Debian on loopback, which may be killed and come back on the same port with what it has."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.cameras import free_port
from harness.waiting import until

START_S = 60
PASSWORD = "k3ep/it:s3cret"
OWNER = "keeper"


class Postgres:
    """`url` is that of the database's owner. It refuses to run as root: then it runs as `nobody`, in a folder of its own."""

    def __init__(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        if not found:
            pytest.skip("postgresql is not installed (the README's test command installs it)")
        self._programs = found[-1].parent
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._prefix = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._prefix = [
                "setpriv",
                f"--reuid={nobody.pw_uid}",
                f"--regid={nobody.pw_gid}",
                "--clear-groups",
            ]
        self.port = free_port()
        self.quoted = quote(PASSWORD, safe="")
        self.url = self.url_of(OWNER, PASSWORD)
        self._process = None

    def __enter__(self):
        secret = self._folder / "secret"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o644)
        self._run(
            "initdb",
            "-D",
            self._folder / "data",
            "-U",
            OWNER,
            "--pwfile",
            secret,
            "-A",
            "scram-sha-256",
            "-N",
        )
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url_of(self, user, password):
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/postgres"

    def start(self):
        """Also after `kill`: what the killed one left in memory takes a moment to go."""
        command = [
            *self._prefix,
            self._programs / "postgres",
            "-D",
            self._folder / "data",
            "-p",
            str(self.port),
        ]
        command += ["-k", self._folder, "-c", "listen_addresses=127.0.0.1"]
        log = self._folder / "log.txt"
        end_s = time.monotonic() + START_S
        while not self.answers():
            assert time.monotonic() < end_s, log.read_text()
            if self._process is None or self._process.poll() is not None:
                with log.open("a") as file:
                    self._process = subprocess.Popen(command, stdout=file, stderr=file, cwd="/")
            time.sleep(0.1)

    def kill(self):
        """SIGKILL; its children notice and end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            until(lambda: not self.answers())

    @contextmanager
    def frozen(self):
        """SIGSTOP to it and all its children."""
        import psutil

        server = psutil.Process(self._process.pid)
        if server.name() != "postgres":  # setpriv became it
            server = server.children()[0]
        family = [server, *server.children(recursive=True)]
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        try:
            yield
        finally:
            for each in family:
                with suppress(psutil.NoSuchProcess):  # it was about to end when it was stopped
                    each.resume()

    def answers(self):
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def has_events(self):
        return self.execute("SELECT to_regclass('events')")[0][0] is not None

    def execute(self, statement):
        """As the owner; gives the rows of a query."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def _run(self, program, *arguments):
        command = [*self._prefix, self._programs / program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=START_S)
        assert done.returncode == 0, done.stderr
