"""A fleet's registry behind a web server: one that serves files and knows of ranges, and others that misbehave."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from maskwatch.core.errors import FleetError, FleetUnreachable, WrongAnswer
from maskwatch.fleet.follower import FleetFollower
from maskwatch.fleet.manifest import FILES, MANIFEST, SERVICES
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import DETECTOR, SHIPPED

from .conftest import V1, Watched

PASSWORD = "s3cr3t"


class Files(BaseHTTPRequestHandler):
    """Serves `server.folder`; `server.fault` makes it misbehave at files whose path it matches."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        data = (server.folder / self.path.lstrip("/")).read_bytes()
        start, status = 0, 200
        if (found := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))) and server.has_ranges:
            start, status = int(found[1]), 206
        what, where = server.fault
        is_bad = what and re.search(where, self.path)
        if is_bad and what == "page":
            data = b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>"
        elif is_bad and isinstance(what, int):
            self.send_response(what)
            self.send_header("Location", f"/sign-in?next=manifest&token={PASSWORD}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if is_bad and what == "breaks off":
            self.wfile.write(data[start : start + 1000])
            self.wfile.flush()
            self.connection.close()
            return
        if is_bad and what == "stands still":
            server.released.wait(60)
        self.wfile.write(data[start:])

    def log_message(self, *_):
        pass


@contextmanager
def served(folder, fault=(None, ""), *, has_ranges=True):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.folder, server.fault, server.has_ranges = folder, fault, has_ranges
    server.asked, server.released = [], threading.Event()
    server.handle_error = lambda *_: None  # of connections that it closed itself
    server.url = f"http://fleet:{PASSWORD}@127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_version_is_pulled_from_a_web_server(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    with served(folder) as server:
        shop = service(address=server.url + "/")
        assert shop.look() == V1
    assert shop.registry.files(V1).detector.read_bytes() == source.files(V1).detector.read_bytes()
    assert list((folder / SERVICES).iterdir()) == []


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_download_that_broke_off_goes_on_where_the_server_can_do_that(
    publisher, source, service, folder, has_ranges
):
    publisher.publish(source, V1, Stage.ALL)
    weights = publisher.manifest().release(V1).files[DETECTOR].sha256
    with served(folder, ("breaks off", weights), has_ranges=has_ranges) as server:
        shop = service(address=server.url)
        with pytest.raises(FleetUnreachable) as told:
            shop.look()
        assert PASSWORD not in str(told.value)
        server.fault = (None, "")
        assert shop.look() == V1
    ranges = [asked for path, asked in server.asked if path == f"/{FILES}/{weights}"]
    assert ranges == [None, "bytes=1000-"]


@pytest.mark.parametrize("what", [500, 302, "breaks off"])
def test_a_server_that_fails_changes_nothing(publisher, source, service, folder, what):
    publisher.publish(source, V1, Stage.ALL)
    where = r"/[0-9a-f]{64}$" if what == "breaks off" else MANIFEST
    with served(folder, (what, where)) as server:
        shop = service(address=server.url)
        with pytest.raises(FleetUnreachable) as told:
            shop.look()
        assert PASSWORD not in str(told.value)
        assert shop.serving == SHIPPED
    with pytest.raises(FleetUnreachable):  # nor one that is not there any more
        shop.look()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (404, "answers, but has no manifest (404): publish into the folder that it serves"),
        (410, "answers, but has no manifest (410)"),
        (401, "rejects the user or password (401): fleet.address is https://USER:{MASKWATCH_NAME}@HOST"),
        (403, "refuses manifest (403): let the web server read it"),
        (
            302,
            "redirects to http://127.0.0.1:PORT/… (302), which is not followed: it may be a login page, or fleet.address",
        ),
        (418, "answers 418 for manifest"),
        ("page", "answers with a web page instead of manifest: a login page"),
    ],
)
def test_an_address_that_answers_with_something_else_is_told_with_what_to_do(
    publisher, source, service, folder, caplog, what, told
):
    publisher.publish(source, V1, Stage.ALL)
    with served(folder, (what, MANIFEST)) as server:
        looks = FleetFollower(
            service(address=server.url).member, pipeline := Watched(), 300, threading.Event()
        )
        assert [looks.look(), looks.look(failures=1)] == [1, 2]
        server.fault = (None, "")
        assert looks.look() == 0
    told = told.replace("PORT", str(server.server_port))
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith("the fleet's address gives no manifest, the models stay as they are: http")
    assert told in warning
    assert PASSWORD not in caplog.text
    assert pipeline.notice is None


@pytest.mark.parametrize("what", [500, 503, 429])
def test_a_server_that_fails_for_now_cannot_be_reached(publisher, source, service, folder, caplog, what):
    publisher.publish(source, V1, Stage.ALL)
    with served(folder, (what, MANIFEST)) as server:
        FleetFollower(service(address=server.url).member, Watched(), 300, threading.Event()).look()
    (warning,) = caplog.messages
    assert warning.startswith("the fleet cannot be reached")
    assert f"server error ({what} for manifest); trying again later" in warning


def test_a_folder_that_is_not_whole_on_the_server_is_told_with_the_file(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    with served(folder, (404, rf"/{FILES}/")) as server:
        shop = service(address=server.url)
        with pytest.raises(
            WrongAnswer, match=rf"has no {FILES}/[0-9a-f]{{64}} \(404\): its folder is incomplete"
        ):
            shop.look()


def test_a_server_that_does_not_answer_is_not_waited_for_long(
    publisher, source, service, folder, monkeypatch
):
    monkeypatch.setattr("maskwatch.fleet.http_share.ANSWER_S", 0.3)
    publisher.publish(source, V1, Stage.ALL)
    with served(folder, ("stands still", "")) as server:
        shop = service(address=server.url)
        with pytest.raises(FleetUnreachable):
            shop.look()


def test_a_server_that_sends_and_sends_is_given_up(publisher, source, service, folder, monkeypatch):
    monkeypatch.setattr("maskwatch.fleet.http_share.WHOLE_S", -1.0)
    publisher.publish(source, V1, Stage.ALL)
    with served(folder) as server:
        shop = service(address=server.url)
        with pytest.raises(FleetUnreachable, match="too slowly"):
            shop.look()


def test_an_answer_that_goes_on_behind_its_size_is_refused(publisher, source, service, folder):
    publisher.publish(source, V1, Stage.ALL)
    weights = folder / FILES / publisher.manifest().release(V1).files[DETECTOR].sha256
    with weights.open("ab") as file:
        file.write(b"?" * 1_000_000)
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes())
    with served(folder) as server:
        shop = service(address=server.url)
        with pytest.raises(FleetError, match="larger than"):
            shop.look()
    assert shop.registry.versions() == []


def test_a_full_disk_is_not_told_as_the_server_s_fault(publisher, source, service, folder, monkeypatch):
    publisher.publish(source, V1, Stage.ALL)

    def full(_):
        raise OSError(28, "No space left on device", "models/fleet")

    with served(folder) as server:
        shop = service(address=server.url)
        monkeypatch.setattr("maskwatch.fleet.download.os.fsync", full)
        with pytest.raises(OSError, match="No space left") as told:
            shop.look()
    assert not isinstance(told.value, FleetError)
