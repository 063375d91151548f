"""The console as a process of its own, beside a real service: it comes back, follows reloads, and ends with the service."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress

import httpx
import psutil
import pytest
from harness.console import console
from harness.service import Service

from maskwatch.console.users import Role, Users
from maskwatch.core.events import EventKind
from maskwatch.events.store import EventFilter, EventStore

PASSWORD = "correct horse battery"
SECRET = "s3cret-of-a-camera"
WAIT_S = 90


def until(what, within_s=WAIT_S):
    end = time.monotonic() + within_s
    while not (found := what()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
    return found


def child_of(pid):
    """The console's process, once it runs; the service may have others for a moment."""
    for each in psutil.Process(pid).children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "console" in each.cmdline():
                return each
    return None


def addresses(service):
    return re.findall(r"console at (http://\S+)", service.log)


@pytest.fixture
def signed_in():
    """Make visitors who are."""
    with ExitStack() as stack:

        def make(address):
            client = stack.enter_context(httpx.Client(base_url=address, trust_env=False, timeout=60))
            assert client.post("/login", data={"name": "kim", "password": PASSWORD}).status_code == 200
            return client

        yield make


def says_so_in_korean(visitor):
    """What is not there, and what is shown when the connection is lost."""
    korean = {"accept": "text/html", "accept-language": "ko"}
    missing = visitor.get("/nowhere", headers=korean)
    assert (missing.status_code, "없는 페이지입니다" in missing.text) == (404, True)
    assert visitor.get("/nowhere").json() == {"detail": "Not Found"}  # no person looks at that
    assert "다시 연결하는 중" in visitor.get("/live", headers=korean).text


@pytest.mark.timeout(600)
def test_the_console_comes_back_follows_reloads_and_ends_with_the_service(tmp_path, signed_in):
    config = {
        # a camera that is away: the service has something to wait for
        "cameras": {"door": {"source": "rtsp://viewer:{MASKWATCH_DOOR}@127.0.0.1:1/x"}},
        "alert": {"sinks": ["log"]},
        "web": {"port": 0},
        "console": {"port": 0},
        "device": "cpu",
    }
    users = Users(tmp_path / "console")
    users.add("kim", Role.ADMIN, PASSWORD)
    environment = {"MASKWATCH_DOOR": SECRET, "MASKWATCH_REVIEW_TOKEN": "never-to-be-seen"}
    with Service(config, tmp_path, environment) as service:
        until(lambda: addresses(service))
        (address,) = addresses(service)
        assert "token=" not in service.log  # it is no terminal
        first = child_of(service.pid)
        assert first.nice() >= 10
        variables = first.environ()
        assert not [
            each for each in variables if each.startswith("MASKWATCH_") and each != "MASKWATCH_SHARED"
        ]
        assert "NOTIFY_SOCKET" not in variables
        assert SECRET not in " ".join([*variables.values(), *first.cmdline()])
        # who labels pictures by models loads torch; the console does so when somebody adds a picture
        maps = "".join(each.path for each in first.memory_maps())
        assert "libtorch" not in maps
        assert "openvino" not in maps

        kim = signed_in(address)
        assert kim.get("/live").status_code == 200
        says_so_in_korean(kim)
        config["console"]["fps"] = 1
        service.write(config)
        service.reload()
        until(lambda: len(addresses(service)) == 2)
        assert addresses(service)[1] == address  # the same socket,
        assert child_of(service.pid) == first  # in the same process,
        assert kim.get("/live").status_code == 200  # and she is still signed in

        first.kill()
        until(lambda: (found := child_of(service.pid)) and found.pid != first.pid)
        until(lambda: len(addresses(service)) == 3)
        assert service.log.count("the console ended by SIGKILL; it is started again") == 1
        assert signed_in(addresses(service)[2]).get("/live").status_code == 200
        assert service.process.poll() is None

        config["console"]["enabled"] = False
        service.write(config)
        service.reload()
        until(lambda: child_of(service.pid) is None)
        config["console"]["enabled"] = True
        service.write(config)
        service.reload()
        second = until(lambda: child_of(service.pid))
        until(lambda: len(addresses(service)) == 4)
        service.process.kill()
        psutil.wait_procs([second], timeout=WAIT_S)
        assert not second.is_running()
        service.must_keep_secret(SECRET)
    with closing(EventStore.in_folder(tmp_path / "events")) as store:
        noted = store.find(EventFilter(kinds={EventKind.ACCESS}), limit=100)
    assert {(each.data["user"], each.data["action"], each.data["target"]) for each in noted} >= {
        ("kim", "signed_in", ""),
        ("kim", "opened", "/live"),
    }


@pytest.mark.timeout(300)
def test_a_port_that_is_taken_is_told_once_and_had_when_it_is_free(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = {
            "cameras": {"door": {"source": "rtsp://127.0.0.1:1/x"}},
            "alert": {"sinks": ["log"]},
            "web": {"port": 0},
            "console": {"port": port},
            "device": "cpu",
        }
        service = Service(config, tmp_path).__enter__()
        try:
            told = f"console.host: 127.0.0.1, console.port: {port}: Address already in use; trying again"
            until(lambda: told in service.log)
            time.sleep(4)
            assert service.log.count("Address already in use") == 1
            other.close()
            until(lambda: addresses(service) == [f"http://127.0.0.1:{port}/"])
            nobody = "nobody can sign in yet: maskwatch users add NAME --role admin --config"
            until(lambda: nobody in service.log)
            assert service.terminate() == 0
            assert not psutil.pid_exists(service.pid)
        finally:
            service.__exit__()


@pytest.fixture
def certificate(tmp_path):
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made += ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"]
    subprocess.run(made, check=True, capture_output=True)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_over_tls_the_link_works_once_and_its_cookie_is_for_tls_alone(tmp_path, certificate):
    cert, _ = certificate
    config = tmp_path / "config.yaml"
    settings = {"port": 0, "tls_cert": "cert.pem", "tls_key": "key.pem"}
    config.write_text(
        json.dumps({"cameras": {"door": {"source": "rtsp://127.0.0.1:1/x"}}, "console": settings})
    )
    trusting = ssl.create_default_context(cafile=cert)
    with console(config, log=tmp_path / "log") as link:
        assert link.startswith("https://127.0.0.1:")
        with httpx.Client(verify=trusting, trust_env=False, timeout=60) as kim:
            entered = kim.get(link)
            assert entered.status_code == 200
            assert entered.headers["set-cookie"].startswith("__Host-maskwatch_")
            assert "Secure" in entered.headers["set-cookie"]
            address = link.partition("?")[0]
            assert "text/html" in kim.get(f"{address}people").headers["content-type"]
        with httpx.Client(verify=trusting, trust_env=False, timeout=60) as lee:
            assert lee.get(link).status_code == 401
    assert link.partition("token=")[2] not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda cert, key: cert.unlink(), "console.tls_cert: {cert}: No such file or directory"),
        (lambda cert, key: key.unlink(), "console.tls_key: {key}: No such file or directory"),
        (
            lambda cert, key: cert.write_text("none"),
            "console.tls_cert: {cert}: holds no certificate in PEM form",
        ),
        (lambda cert, key: key.write_text("none"), "console.tls_key: {key}: holds no key in PEM form"),
        (
            lambda cert, key: subprocess.run(
                ["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True
            ),
            "console.tls_key: {key}: is not the key of tls_cert",
        ),
        (
            lambda cert, key: subprocess.run(
                ["openssl", "genrsa", "-aes128", "-passout", "pass:xxxx", "-out", key],
                check=True,
                capture_output=True,
            ),
            "console.tls_key: {key}: holds no key in PEM form",
        ),
    ],
    ids=[
        "no certificate",
        "no key",
        "not a certificate",
        "not a key",
        "another key",
        "a key with a password",
    ],
)
def test_a_wrong_file_of_tls_is_told_with_its_key(certificate, broken, told):
    from maskwatch.console.server import checked_tls
    from maskwatch.core.errors import ConfigError

    cert, key = certificate
    checked_tls(cert, key)
    broken(cert, key)
    with pytest.raises(ConfigError) as refused:
        checked_tls(cert, key)
    assert str(refused.value) == told.format(cert=cert, key=key)


def test_the_journal_gets_no_link(tmp_path):
    """Where standard output is the journal, as systemd says it is."""
    config = tmp_path / "config.yaml"
    config.write_text(
        json.dumps({"cameras": {"door": {"source": "rtsp://127.0.0.1:1/x"}}, "console": {"port": 0}})
    )
    journal = tmp_path / "journal"
    with journal.open("w") as file:
        found = os.fstat(file.fileno())
        there = os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        command = [sys.executable, "-m", "maskwatch", "console", "-c", config]
        process = subprocess.Popen(command, stdout=file, stderr=file, env=there, stdin=subprocess.DEVNULL)
    try:
        until(lambda: "maskwatch users add" in journal.read_text())
        assert "console at http://" in journal.read_text()
        assert "token" not in journal.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
