"""The running service, its console with it, under attack. Afterwards both answer, and nobody got what is not theirs."""

import os
import re
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from io import BytesIO

import httpx
import numpy as np
import psutil
import pytest
from harness.attacker import Attacker, Memory, answered, soon
from harness.service import Service
from harness.web import BEARER, TOKEN

from maskwatch.console.users import Role, Users
from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
from maskwatch.http.guard import GUESSES
from maskwatch.samples.export_process import NICENESS
from maskwatch.samples.store import Queue

pytestmark = pytest.mark.timeout(300)

PASSWORD = "correct horse battery"
SECRET = "nobody-may-read-this"
EVIL = "http://evil.example"
CONNECTIONS = 128  # of the service's web server
SAMPLES = 150


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """The service, which waits for a camera, its web server, its console, and a person's session there."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "secret.txt").write_text(SECRET)
    Users(folder / "console").add("kim", Role.ADMIN, PASSWORD)
    fill(folder / "queue")
    config = {
        "cameras": {"door": {"source": "rtsp://127.0.0.1:1/x"}},
        "alert": {"sinks": ["log"]},
        "web": {"port": 0, "token": TOKEN},
        "console": {"port": 0},
        "queue": {"dir": str(folder / "queue")},
        "device": "cpu",
    }
    with Service(config, folder) as service:
        service.until(lambda: service.url() and "console at http" in service.log, 180)
        yield Attacked(service)


def fill(folder):
    """Samples of 40 kB, of one picture."""
    rgb = np.random.default_rng(0).integers(0, 60, (180, 320, 3)).astype(np.uint8)
    face = Face(Box(10, 50, 70, 130), 0.9, 0.4, Label.UNPROTECTED)
    queue = Queue(folder)
    name = queue.add(
        Frame("door", "x", 0, 0.0, rgb), FrameReport("door", "x", 0, 0.0, (320, 180), (face,)), ("r",)
    )
    record, image = queue.image(name).with_suffix(".json"), queue.image(name)
    for number in range(SAMPLES - 1):
        other = f"{name[:-3]}{number:03}"
        os.link(image, image.with_name(f"{other}x.jpg"))
        record.with_name(f"{other}x.json").write_text(record.read_text().replace(name, f"{other}x"))


class Attacked:
    def __init__(self, service):
        self.service = service
        self.web = Attacker(service.url())
        self.owner = Attacker(service.url(), BEARER)
        console = re.findall(r"console at (http://\S+)", service.log)[-1].rstrip("/")
        self.stranger = Attacker(console)
        with httpx.Client(base_url=console, trust_env=False, timeout=60) as client:
            entered = client.post("/login", data={"name": "kim", "password": PASSWORD})
            self.kim = Attacker(console, {"Cookie": entered.headers["set-cookie"].split(";")[0]})

    @property
    def console_pid(self):
        return next(each.pid for each in self.children() if "console" in each.cmdline())

    def children(self):
        return [each for each in psutil.Process(self.service.pid).children() if each.is_running()]

    def answers(self):
        """How long the slower of the two took, in seconds; both answer as ever."""
        took = []
        for who, path, code in ((self.web, "/healthz", 200), (self.stranger, "/login", 200)):
            began = time.monotonic()
            assert who.ask("GET", path)[0] == code
            took.append(time.monotonic() - began)
        return max(took)


@pytest.fixture(autouse=True)
def goes_on(attacked):
    """After each attack, whatever it was."""
    mark = attacked.service.mark()
    yield
    soon(lambda: attacked.web.ask("GET", "/healthz")[0] == 200)
    attacked.answers()
    said = attacked.service.log[mark:]
    assert "Traceback" not in said
    assert "ERROR" not in said
    assert TOKEN not in said


HALF = b"GET /healthz HTTP/1.1\r\nHost: local"
SLOW = b"PUT /api/models/current HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"


@pytest.mark.parametrize("then", [HALF, SLOW], ids=["head", "body"])
def test_half_sent_requests_on_every_connection_keep_nobody_out(attacked, then, record_property):
    """Each connection asks once, which ended the wait for its first request, and then half asks again."""
    asked = attacked.web.head("GET", "/healthz")
    with attacked.web.many(CONNECTIONS, asked) as there:
        for each in there:
            with suppress(OSError):
                each.recv(4096)
                each.sendall(then)
        record_property("answered_after_s", round(attacked.answers(), 2))
    with attacked.stranger.many(
        300, b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nn"
    ):
        attacked.answers()


def test_a_request_that_breaks_off_is_one_line_in_the_log(attacked):
    mark = attacked.service.mark()
    for who, method, path in (
        (attacked.owner, "PUT", "/api/models/current"),
        (attacked.stranger, "POST", "/login"),
        (attacked.kim, "POST", "/queue/upload"),
    ):
        with who.connected() as there:
            there.sendall(who.head(method, path, Content_Length="9") + b"half")
            time.sleep(0.2)
        said = f"{method} {path}: the client disconnected"
        soon(lambda said=said: said in attacked.service.log[mark:])
    lines = [line for line in attacked.service.log[mark:].splitlines() if "/login" not in line]
    assert len([line for line in lines if "disconnected" in line]) == 2  # signing in, also before


def test_a_thousand_open_connections_keep_nobody_out(attacked, record_property):
    files = psutil.Process(attacked.service.pid).num_fds()
    with attacked.web.many(1000), attacked.stranger.many(1100):
        record_property("answered_after_s", round(attacked.answers(), 2))
        soon(lambda: psutil.Process(attacked.service.pid).num_fds() <= files + CONNECTIONS + 10)


@pytest.mark.parametrize(
    ("who", "method", "path", "code"),
    [
        ("owner", "PUT", "/api/models/current", 413),
        ("owner", "POST", "/api/predict", 413),
        ("web", "PUT", "/api/models/current", 401),
        ("owner", "GET", "/api/status", 200),
        ("stranger", "POST", "/login", 401),
        ("kim", "POST", "/queue/upload", 413),
        ("kim", "POST", "/nowhere", 404),
    ],
)
def test_a_body_without_an_end_takes_no_memory(attacked, who, method, path, code, record_property):
    pids = (attacked.service.pid, attacked.console_pid)
    memory = [Memory(pid) for pid in pids]
    said, taken_mb = getattr(attacked, who).pour(method, path, 300, Content_Type="image/jpeg")
    assert said in {code, 0}  # 0: cut off before the answer was heard
    assert taken_mb < 60
    grown = max(each.grown_mb() for each in memory)
    record_property("grown_mb", round(grown))
    assert grown < 120


def test_a_body_that_says_how_long_it_is_is_refused_before_it_comes(attacked):
    length = {"Content_Length": "1400000000", "Content_Type": "image/jpeg"}
    for who, method, path in (
        (attacked.owner, "PUT", "/api/models/current"),
        (attacked.owner, "POST", "/api/predict"),
        (attacked.kim, "POST", "/queue/upload"),
    ):
        with who.connected() as there:
            there.sendall(who.head(method, path, **length))
            assert answered(there)[0] == 413


@pytest.mark.parametrize("side", ["web", "stranger"])
def test_headers_and_requests_without_an_end_are_cut_off(attacked, side, record_property):
    who = getattr(attacked, side)
    pid = attacked.service.pid if side == "web" else attacked.console_pid
    memory = Memory(pid)
    for evil in (b"X: " + b"x" * 2_000_000, b"X: x\r\n" * 300_000, b"GET / HTTP/1.1\r\n" * 100_000):
        with who.connected() as there, suppress(ConnectionError):
            there.sendall(b"GET /healthz HTTP/1.1\r\n" + evil)
            assert answered(there)[0] in {0, 400, 431}
    with who.connected(receives=4096) as there, suppress(OSError):
        there.settimeout(2)
        there.sendall(who.head("GET", "/login") * 20_000)  # nobody reads what is answered
    record_property("grown_mb", round(memory.grown_mb()))
    assert memory.grown_mb() < 60


def test_wrong_tokens_from_many_addresses_lock_out_nobody_else(attacked):
    wrong = {"Authorization": "Bearer wrong-wrong-wrong-wrong"}
    for last in range(2, 32):
        one = Attacker(attacked.service.url(), source=f"127.0.0.{last}")
        codes = [one.ask("GET", "/api/status", **wrong)[0] for _ in range(GUESSES + 1)]
        assert codes == [401] * GUESSES + [429]
    assert one.ask("GET", "/api/status", **BEARER)[0] == 429
    assert attacked.owner.ask("GET", "/api/status")[0] == 200


OUT = ("../../../../../../etc/passwd", "../../secret.txt", "..\\..\\secret.txt", "/etc/passwd")
PLACES = {
    "owner": ("/", "/api/", "/api/models/", "/api/models/current/", "/api/queue/export/", "/metrics/"),
    "kim": (
        "/",
        "/queue/picture/",
        "/queue/thumbnail/",
        "/queue/sample/",
        "/history/still/",
        "/history/clip/",
        "/history/thumbnail/",
        "/team/examples/",
        "/live/",
        "/_nicegui/",
        "/_nicegui/{version}/static/",
        "/_nicegui/{version}/libraries/",
        "/_nicegui/{version}/components/",
        "/_nicegui/{version}/resources/",
        "/_nicegui/{version}/esm/",
        "/_nicegui/{version}/dynamic_resources/",
        "/_nicegui/auto/static/",
    ),
}


@pytest.mark.parametrize("side", PLACES)
def test_no_path_leads_out_of_what_is_served(attacked, side):
    """By each address that takes a name; what is asked for is named in the ways that servers were once fooled by."""
    from nicegui import __version__ as version

    who = getattr(attacked, side)
    ways = [("/", "."), ("%2f", "."), ("%252f", "."), ("/", "%2e")]
    names = {name.replace("/", slash).replace(".", dot) for name in OUT for slash, dot in ways}
    with Kept(who) as asked:
        for place in PLACES[side]:
            for name in sorted(names):
                for ending in ("", "%00.jpg"):
                    body = asked(place.format(version=version) + name + ending)
                    assert SECRET.encode() not in body
                    assert b"root:" not in body


class Kept:
    """Asks over one connection, as long as that is kept; gives what was answered."""

    def __init__(self, who):
        self._who = who
        self._there = None

    def __enter__(self):
        return self.ask

    def __exit__(self, *_):
        if self._there is not None:
            self._there.close()

    def ask(self, path):
        for _ in range(2):
            if self._there is None:
                self._there = self._who.connected()
            with suppress(ConnectionError):
                self._there.sendall(self._who.head("GET", path))
                code, headers, body = answered(self._there)
                assert code < 500, path
                if code and headers.get("connection") != "close" and "content-length" in headers:
                    return body
                self._there.close()
                self._there = None
                if code:
                    return body
            if self._there is not None:
                self._there.close()
                self._there = None
        return b""


def test_other_sites_pages_neither_read_nor_change_nor_listen(attacked):
    """With the session's cookie, were a browser to send it."""
    kim = attacked.kim
    assert kim.ask("GET", "/live")[0] == 200
    for method, path in (("GET", "/live"), ("POST", "/login"), ("POST", "/queue/upload"), ("GET", "/logout")):
        assert kim.ask(method, path, Origin=EVIL)[0] == 403
        assert kim.ask(method, path, Origin="null")[0] == 403
    websocket = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    shell = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for path in ("/live/feed", shell):
        with kim.connected() as there:
            there.sendall(kim.head("GET", path, **websocket, Origin=EVIL))
            assert answered(there)[0] == 403
        with attacked.stranger.connected() as there:
            there.sendall(attacked.stranger.head("GET", path, **websocket))
            assert answered(there)[0] == 403
    assert kim.ask("GET", "/live")[0] == 200  # still signed in
    for method, path in (
        ("PUT", "/api/models/current"),
        ("GET", "/api/queue/export"),
        ("GET", "/api/status"),
    ):
        assert attacked.web.ask(method, path, Origin=EVIL)[0] == 401


def test_another_name_for_this_machine_shows_a_page_of_another_site_nothing(attacked):
    """DNS rebinding: the browser takes the console for evil.example, and sends no cookie."""
    code, _, body = attacked.stranger.ask("GET", "/live", Host="evil.example", Origin=EVIL)
    assert code == 401
    assert b"<form" in body  # a place to sign in, and nothing else
    for path in ("/api/status", "/metrics", "/api/models"):
        assert attacked.web.ask("GET", path, Host="evil.example")[0] == 401


def test_one_export_goes_at_a_time_at_the_lowest_priority_and_ends_with_who_asked(attacked):
    path = "/api/queue/export?all=true&format=queue"
    memory = Memory(attacked.service.pid)
    with attacked.owner.connected(receives=4096) as slow:
        slow.sendall(attacked.owner.head("GET", path))
        assert slow.recv(12) == b"HTTP/1.1 200"  # and reads no further
        (export,) = [
            each for each in attacked.children() if "maskwatch.samples.export_process" in each.cmdline()
        ]
        assert export.nice() == NICENESS
        assert TOKEN not in str(export.environ())
        code, headers, body = attacked.owner.ask("GET", path)
        assert code == 503
        assert int(headers["retry-after"]) > 0
        assert b"another export is under way" in body
        attacked.answers()
    soon(lambda: not export.is_running())
    assert memory.grown_mb() < 100
    soon(lambda: attacked.owner.ask("GET", "/api/queue/export?all=true&since=2999-01-01")[0] == 404)
    url = attacked.service.url()
    with httpx.Client(base_url=url, headers=BEARER, trust_env=False, timeout=120) as client:
        whole = zipfile.ZipFile(BytesIO(client.get(path).content))
    assert len(whole.namelist()) == 2 * SAMPLES + 1
    assert whole.testzip() is None


def test_links_in_the_queue_lead_nowhere(attacked):
    """Whoever may write there only."""
    queue = Queue(attacked.service.folder / "queue")
    name = queue.samples()[0].id
    image = queue.image(name)
    evil = f"{name[:-3]}999"
    image.with_name(f"{evil}.json").write_text(image.with_suffix(".json").read_text().replace(name, evil))
    image.with_name(f"{evil}.jpg").symlink_to(attacked.service.folder / "secret.txt")
    other = image.with_name(f"{name[:-3]}998.json")
    other.symlink_to(attacked.service.folder / "secret.txt")
    try:
        with httpx.Client(headers=BEARER, trust_env=False, timeout=120) as client:
            zipped = client.get(f"{attacked.service.url()}/api/queue/export?all=true&format=queue").content
        assert SECRET.encode() not in zipped
        for kind in ("picture", "thumbnail"):
            code, _, body = attacked.kim.ask("GET", f"/queue/{kind}/{evil}.jpg")
            assert code == 404
            assert SECRET.encode() not in body
    finally:
        for path in (image.with_name(f"{evil}.json"), image.with_name(f"{evil}.jpg"), other):
            path.unlink()


def test_a_small_zip_that_would_fill_the_memory_is_refused(tmp_path, record_property):
    """300 MB of labels in 100 kB; the command may take 1 GB."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.json", '{"images": [' + "{}," * 30_000_000 + "{}]}")
    assert bomb.stat().st_size < 120_000
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_DATA, (10**9, 10**9));"
    limited += "sys.argv[0] = 'maskwatch'; from maskwatch.__main__ import main; main()"
    command = [
        sys.executable,
        "-c",
        limited,
        "queue",
        "import",
        bomb,
        "--dir",
        tmp_path / "queue",
        "--by",
        "lee",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert "packed too tightly" in done.stderr
    assert done.stderr.count("\n") == 1
