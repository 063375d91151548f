"""`maskwatch status` against a real server, from a process of its own."""

import json
import socket
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route

from maskwatch.core.records import (
    CameraState,
    CameraStatus,
    Direction,
    Label,
    PassageCounts,
    PassageKind,
    SinkStatus,
    Status,
    Versions,
)
from maskwatch.sources.images import encoded
from maskwatch.web import status
from maskwatch.web.application import make_app
from maskwatch.web.server import Listener, WebServer
from maskwatch.web.service_view import ServiceView, Storage
from maskwatch.web.settings import WebSettings

TOKEN = "a-token-of-24-characters"
DOOR = CameraStatus(
    CameraState.UP, people=4, protected_ratio=0.75, captured_fps=5.0, analysed_fps=4.8, since_s=100.0
)
GATE = CameraStatus(CameraState.DOWN, "rtsp://[fe80::1]/s: Connection refused", since_s=700.0)
SEEN = Status(
    {"정문": DOOR, "gate": GATE},
    alerts={("voice", "delivered"): 3, ("voice", "failed"): 2},
    engine_beat=1000.0,
    now_s=1000.0,
    started_s=100.0,
)


@contextmanager
def answering(seen, token=None):
    """The address of a service that has seen that."""
    versions = dict.fromkeys(seen.cameras, Versions("detector@1", "classifier@1"))
    watched = ServiceView(lambda: seen, lambda: versions, lambda: Storage(12, 3456, 63_200_000_000))
    listener = Listener(WebSettings(port=0))
    with WebServer(listener, make_app(status.routes(watched), token=token), pytest.fail):
        yield listener.url


def test_prints_every_camera_and_what_the_service_holds(maskwatch):
    with answering(SEEN) as url:
        done = maskwatch("status", "--url", f"{url}/")
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in done.stdout.splitlines() if "정문" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")][1:] == [
        "up",
        "15 min",
        "4.8 of 5.0",
        "",
        "75% of 4",
    ]
    assert "\ngate: rtsp://[fe80::1]/s: Connection refused\n" in done.stdout
    told = "running for 15 min, 3 alerts told by voice (2 failed), 12 samples in the queue, 63.2 GB free"
    assert told in done.stdout


MUTE = SinkStatus("voice", ("gate",), "voice: aplay is not installed", since_s=280.0)


def test_a_voice_that_cannot_speak_is_told_with_its_reason_and_for_how_long_and_is_exit_code_one(maskwatch):
    counts = {("log", "delivered"): 2, ("voice", "failed"): 2}
    mute = replace(SEEN, alerts=counts, sinks=(SinkStatus("log", ("정문", "gate")), MUTE))
    with answering(mute) as url:
        done = maskwatch("status", "--url", url)
        told = httpx.get(f"{url}/api/status").json()["sinks"]
    failing = "voice of gate has failed for 12 min: aplay is not installed"
    assert (done.returncode, done.stderr) == (1, f"maskwatch: {url}: alerts cannot be delivered: {failing}\n")
    assert f"\n{failing}\n" in done.stdout
    assert "2 alerts told by log, 0 alerts told by voice (2 failed)" in done.stdout
    assert [(sink["sink"], sink["up"], sink["reason"]) for sink in told] == [
        ("log", True, None),
        ("voice", False, "voice: aplay is not installed"),
    ]
    assert told[1]["state_s"] == 720
    since = datetime.fromisoformat(told[1]["since"])
    assert abs((datetime.now(UTC) - since).total_seconds() - 720) < 60


def test_who_passed_today_is_a_line_of_each_camera_that_somebody_passed(maskwatch):
    kinds = {
        PassageKind((), "door", Direction.LEAVING, Label.PROTECTED): 8,
        PassageKind(("hall",), "door", Direction.LEAVING, Label.PROTECTED): 1,
        PassageKind((), "door", Direction.LEAVING, Label.UNPROTECTED): 3,
        PassageKind((), None, Direction.GONE, Label.UNKNOWN): 2,
    }
    passed = replace(DOOR, passages=PassageCounts(kinds, today=kinds))
    with answering(replace(SEEN, cameras={"정문": passed, "gate": GATE})) as url:
        done = maskwatch("status", "--url", url)
    told = "정문: today 12 leaving (9 with a mask, 3 without, 0 unknown), 2 gone (0 with a mask, 0 without, 2 unknown)"
    assert f"\n{told}\n" in done.stdout
    assert "gate: today" not in done.stdout


def test_a_voice_that_fails_for_all_cameras_needs_no_list_of_them(maskwatch):
    with answering(replace(SEEN, sinks=(replace(MUTE, cameras=("gate", "정문")),))) as url:
        done = maskwatch("status", "--url", url)
    assert "\nvoice has failed for 12 min: aplay is not installed\n" in done.stdout


def test_what_is_wrong_with_the_queue_and_what_somebody_should_see_to_is_printed(maskwatch):
    with answering(replace(SEEN, store_problem="queue: /q: full", notices={"drift": "label more"})) as url:
        done = maskwatch("status", "--url", url)
    assert done.returncode == 0
    assert "\nqueue: /q: full\nlabel more\n" in done.stdout


def test_a_service_that_does_not_do_its_work_is_exit_code_one_with_the_reason(maskwatch):
    with answering(Status({"gate": GATE}, engine_beat=1000.0, now_s=1000.0)) as url:
        done = maskwatch("status", "--url", url)
    assert (done.returncode, done.stderr) == (1, f"maskwatch: {url}: no camera is up\n")
    assert "gate" in done.stdout


def test_the_configuration_tells_address_and_token(maskwatch, tmp_path):
    path = tmp_path / "config.yaml"
    with answering(SEEN, TOKEN) as url:
        web = {"host": "0.0.0.0", "port": int(url.rsplit(":", 1)[1]), "token": "{MASKWATCH_WEB_TOKEN}"}
        cameras = {"gate": {"source": "rtsp://u:{MASKWATCH_GATE}@192.0.2.1/s"}}
        path.write_text(json.dumps({"web": web, "cameras": cameras}))
        right = maskwatch(
            "status", "-c", path, env={"MASKWATCH_WEB_TOKEN": TOKEN, "http_proxy": "http://192.0.2.1:1"}
        )
        wrong = maskwatch("status", "-c", path, env={"MASKWATCH_WEB_TOKEN": "x" * 16})
        without = maskwatch("status", "--url", url, env={})
    assert (right.returncode, right.stderr) == (0, "")
    for done in (wrong, without):
        assert done.returncode == 1
        assert "wants another token" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--url", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1/api/status: no answer: Connection refused"),
        (["--url", "file:///etc/passwd"], 2, "--url: must start with http:// or https://"),
        (["-c", "none.yaml"], 2, "none.yaml: No such file or directory"),
    ],
)
def test_who_cannot_be_asked_is_told_in_one_line(maskwatch, tmp_path, arguments, code, told):
    done = maskwatch("status", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (code, f"maskwatch: {told}\n")


def test_another_program_at_the_address_is_no_service(maskwatch):
    listener = Listener(WebSettings(port=0))
    url = listener.url
    page = Route("/api/status", lambda _: JSONResponse({"cameras": {"a": 1}}))
    with WebServer(listener, make_app([page], token=None), pytest.fail):
        done = maskwatch("status", "--url", url)
    assert (done.returncode, done.stderr) == (
        1,
        f"maskwatch: {url}: is not a maskwatch service of this version\n",
    )


def test_check_tells_whether_the_port_is_free_taken_or_the_services_own(maskwatch, tmp_path, bare):
    path = tmp_path / "config.yaml"
    (tmp_path / "door.png").write_bytes(encoded(bare, ".png"))
    cameras = {"door": {"source": str(tmp_path / "door.png"), "alert": {"sinks": ["log"]}}}

    def checked(port):
        """The exit code, and what is said of the web."""
        queue = {"dir": str(tmp_path / "queue")}
        path.write_text(json.dumps({"web": {"port": port}, "cameras": cameras, "queue": queue}))
        done = maskwatch("check", "-c", path, env={"COLUMNS": "160"})
        return done.returncode, next(line for line in done.stdout.splitlines() if "│ web " in line)

    with answering(SEEN) as url:
        port = int(url.rsplit(":", 1)[1])
        code, told = checked(port)
        assert code == 0
        assert "runs there already" in told
    code, told = checked(port)
    assert code == 0
    assert "is free" in told
    with socket.create_server(("127.0.0.1", port)):
        code, told = checked(port)
    assert code == 1
    assert "web.port: cannot listen on 127.0.0.1" in told
