"""The service over HTTP, by a real server on loopback: who may ask, and what is answered."""

import asyncio
import gc
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from harness.web import ANYWHERE, BEARER, TOKEN, serving
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from uvicorn.server import ServerState

from maskwatch.config.load import parse
from maskwatch.core.errors import ConfigError
from maskwatch.core.events import EventLogStatus
from maskwatch.core.health import STUCK_S, why_not_alive
from maskwatch.core.records import (
    CameraState,
    CameraStatus,
    Direction,
    Label,
    Latency,
    ModelKind,
    PassageCounts,
    PassageKind,
    PeopleCount,
    ShadowCounts,
    ShadowStatus,
    SinkStatus,
    Status,
    Versions,
)
from maskwatch.http import shared_answer, throttle
from maskwatch.http.connection import BoundedConnection, Limits
from maskwatch.http.shared_answer import SharedAnswer
from maskwatch.http.throttle import BURST_S, Throttle
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.web import health, metrics, status
from maskwatch.web import server as server_module
from maskwatch.web.application import make_app
from maskwatch.web.server import Listener, WebServer
from maskwatch.web.service_view import KEPT_S, ServiceView, Storage, StorageMeter, measured
from maskwatch.web.settings import WebSettings
from maskwatch.web.starting import starting

REASON = "rtsp://192.0.2.10/s: Connection refused"


def echo(request):
    return PlainTextResponse("done")


PAGES = [
    *(Route(path, echo) for path in ("/healthz", "/readyz", "/api/status")),
    Route("/api/models/current", echo, methods=["PUT"]),
    Route("/api/predict", echo, methods=["POST"]),
]


def make_status(now_s=1000.0, beat_s=999.0, **cameras):
    return Status(cameras, engine_beat=beat_s, now_s=now_s, started_s=900.0)


UP, DOWN = CameraStatus(CameraState.UP), CameraStatus(CameraState.DOWN, REASON)
CONNECTING, ENDED = CameraStatus(), CameraStatus(CameraState.ENDED)


# who may ask


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost", 200),
        ("localhost:8470", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8470", 200),
        ("LOCALHOST", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1.evil.example:8470", 400),
        ("192.0.2.1", 400),
        ("", 400),
    ],
)
def test_without_a_token_only_names_of_loopback_are_answered(host, code):
    """Else a page of another site, whose name its owner lets point at 127.0.0.1, could read in the visitor's browser."""
    with serving(PAGES) as client:
        assert client.get("/api/status", headers={"Host": host}).status_code == code


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        (None, 200),
        ("own", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://localhost:1", 403),
        ("https own", 403),
    ],
)
def test_without_a_token_no_page_of_another_site_may_change_anything(origin, code):
    with serving(PAGES) as client:
        own = str(client.base_url).rstrip("/")
        sent = {"own": own, "https own": own.replace("http:", "https:")}.get(origin, origin)
        headers = {"Origin": sent} if sent else {}
        assert client.post("/api/predict", headers=headers).status_code == code
        assert client.get("/api/status", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "Bearer",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer  {TOKEN}",
        "Bearer \xe4\xf6\xfc",
    ],
)
def test_with_a_token_everything_but_health_needs_it(said):
    headers = [] if said is None else [(b"authorization", said.encode("latin-1"))]
    with serving(PAGES, token=TOKEN) as client:
        answers = [
            client.request(method, path, headers=headers)
            for method, path in (("GET", "/api/status"), ("PUT", "/api/models/current"), ("GET", "/none"))
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert answers[0].headers["WWW-Authenticate"] == "Bearer"
        assert [client.get(path, headers=headers).status_code for path in ("/healthz", "/readyz")] == [
            200
        ] * 2
        assert TOKEN not in "".join(answer.text for answer in answers)


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/queue/export"), ("PUT", "/api/models/current")])
def test_without_a_token_pictures_and_changes_are_nobodys_on_this_machine_either(method, path):
    pages = [Route("/api/queue/export", echo), *PAGES]
    with serving(pages) as client:
        refused = client.request(method, path)
        assert refused.status_code == 401
        assert "set web.token" in refused.json()["error"]
    with serving(pages, token=TOKEN) as client:
        assert client.request(method, path).status_code == 401
        assert client.request(method, path, headers=BEARER).text == "done"


def test_with_the_token_everything_is_answered_by_any_name():
    with serving(PAGES, token=TOKEN) as client:
        headers = BEARER | {"Host": "door.example"}
        assert client.get("/api/status", headers=headers).text == "done"
        assert client.put("/api/models/current", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("web", "told"),
    [
        ("{host: 0.0.0.0}", "web.host: is reached from other machines, which needs web.token, got '0.0.0.0'"),
        ("{host: '::'}", "web.host: is reached from other machines, which needs web.token, got '::'"),
        ("{host: 192.0.2.1, token: null}", "web.host: is reached from other machines"),
        ("{host: door.example}", "web.host: must be an IP address, or localhost, got 'door.example'"),
        ("{host: null}", "web.host: must be a valid string"),
        ("{port: 65536}", "web.port: must be at most 65535, got 65536"),
        ("{prot: 80}", "web.prot: unknown key; did you mean port?"),
        ("{token: hunter2}", "web.token: must have at least 16 characters"),
        ("{token: '{MASKWATCH_WEB_TOKEN}'}", "web.token: must have at least 16 characters"),
        ("{token: hunter2 hunter2 hunter2}", "web.token: must be of letters"),
        ("{host: 0.0.0.0, token: hunter2}", "web.token: must have at least 16 characters"),
    ],
)
def test_a_wrong_web_section_is_refused_with_its_key_and_without_the_token(web, told):
    with pytest.raises(ConfigError) as e:
        parse(f"fps: 5\nweb: {web}", "config.yaml", {"MASKWATCH_WEB_TOKEN": "hunter2"})
    (problem,) = str(e.value).splitlines()
    assert problem.startswith(f"config.yaml:2: {told}")
    assert "hunter2" not in problem


def test_a_token_from_the_environment_opens_any_host_and_is_never_shown():
    text = "web: {host: 0.0.0.0, token: '{MASKWATCH_WEB_TOKEN}'}"
    web = parse(text, "config.yaml", {"MASKWATCH_WEB_TOKEN": TOKEN}).web
    assert (web.host, web.token_text) == ("0.0.0.0", TOKEN)
    assert TOKEN not in repr(web) + str(web)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_token(host):
    assert parse(f"web: {{host: '{host}'}}", "config.yaml", {}).web.host == host


# the server


def test_a_taken_port_is_refused_with_its_key():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as e:
            Listener(WebSettings(port=port))
    assert str(e.value) == f"web.port: cannot listen on 127.0.0.1 port {port}: Address already in use"


def test_an_address_that_is_not_this_machines_is_refused_with_its_key():
    with pytest.raises(ConfigError, match=r"^web\.host: cannot listen on 192\.0\.2\.1 port 0: "):
        Listener(WebSettings(token=TOKEN, host="192.0.2.1", port=0))


def test_who_asks_between_two_servers_of_one_port_waits_and_is_answered():
    first = Listener(ANYWHERE)
    url = first.url
    with serving(PAGES, listener=first):
        second = Listener(ANYWHERE, first)
    assert second.url == url
    codes = []
    asking = threading.Thread(
        target=lambda: codes.append(
            httpx.get(f"{second.url}/healthz", trust_env=False, timeout=20).status_code
        )
    )
    asking.start()
    time.sleep(0.3)
    assert codes == []
    with serving(PAGES, listener=second):
        asking.join(20)
    assert codes == [200]


def test_the_port_is_free_again_when_the_server_has_ended():
    listener = Listener(ANYWHERE)
    port = listener.socket.getsockname()[1]
    with serving(PAGES, listener=listener):
        pass
    Listener(WebSettings(port=port)).close()


@pytest.mark.logs_errors  # that a request was cut off
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_with_a_request_under_way_ends_in_time():
    hang = threading.Event()
    pages = [Route("/hang", lambda _: hang.wait(20) and PlainTextResponse(""))]
    listener = Listener(ANYWHERE)
    server = WebServer(listener, make_app(pages, token=None), lambda e: pytest.fail(str(e)))
    with server, socket.create_connection(listener.socket.getsockname()) as client:
        client.sendall(b"GET /hang HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.5)
        began = time.monotonic()
        server.__exit__()
        took = time.monotonic() - began
        hang.set()
    gc.collect()  # the socket of the connection that was cut off
    assert took < 4


def ended(connection):
    """Whether the other side has closed it, within a second."""
    connection.settimeout(1)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    "said", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"], ids=["nothing", "half a question"]
)
def test_who_connects_and_does_not_ask_is_hung_up_on(monkeypatch, said):
    monkeypatch.setattr(server_module, "ASKS_WITHIN_S", 0.3)
    with serving(PAGES) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port)) as silent:
            silent.sendall(said)
            assert ended(silent)
        assert client.get("/healthz").text == "done"


@pytest.mark.parametrize(
    "second",
    [
        b"GET /healthz HTTP/1.1\r\nHost: local",
        b"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
    ],
    ids=["head", "body"],
)
def test_who_asks_and_then_half_asks_again_is_hung_up_on_and_keeps_nobody_out(monkeypatch, second):
    """Each of the connections that there may be asked once, which ended the wait for its first request."""
    monkeypatch.setattr(server_module, "ASKS_WITHIN_S", 0.5)
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 5)
    with serving(PAGES) as client, ExitStack() as visitors:
        address = client.base_url.host, client.base_url.port
        held = [visitors.enter_context(socket.create_connection(address)) for _ in range(5)]
        for each in held:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            heard = b""
            while not heard.endswith(b"done"):
                heard += each.recv(4096)
            each.sendall(second)
        for each in held:
            each.settimeout(20)
            with suppress(ConnectionResetError):
                while each.recv(4096):  # the answer to a request whose body is still awaited, then the end
                    pass
        assert client.get("/healthz").text == "done"


def test_a_long_body_that_comes_in_time_may_take_longer(monkeypatch):
    """By so many bytes a second; one that trickles may not."""
    monkeypatch.setattr(server_module, "ASKS_WITHIN_S", 0.3)

    async def length(request):
        return PlainTextResponse(str(len(await request.body())))

    def pieces():
        for _ in range(5):
            time.sleep(0.15)
            yield bytes(20_000)

    with serving([Route("/take", length, methods=["POST"])]) as client:
        assert client.post("/take", content=pieces()).text == "100000"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as trickling:
            trickling.sendall(b"POST /take HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n")
            with suppress(OSError):
                for _ in range(50):
                    time.sleep(0.1)
                    trickling.sendall(b"x")
            assert ended(trickling)


def test_one_address_cannot_take_all_connections():
    class Wire:
        def __init__(self, address):
            self.address, self.aborted = address, False

        def get_extra_info(self, name, default=None):
            return (self.address, 1) if name == "peername" else default

        def abort(self):
            self.aborted = True

    async def opened(addresses):
        config, state = uvicorn.Config(make_app(PAGES, token=None), ws="none"), ServerState()
        wires = [Wire(address) for address in addresses]
        for wire in wires:
            made = BoundedConnection(config, state, {}, limits=Limits(connections=8, by_address=2))
            made.connection_made(wire)
        return [wire.aborted for wire in wires]

    assert asyncio.run(opened(["192.0.2.1"] * 3 + ["192.0.2.2"])) == [False, False, True, False]
    assert asyncio.run(opened(["2001:db8::1", "2001:db8::2", "2001:db8::3"])) == [False, False, True]
    assert asyncio.run(opened(["127.0.0.1"] * 9)) == [True] + [False] * 8  # the one that was idle longest


def test_who_does_not_take_an_answer_is_hung_up_on_and_who_takes_it_slowly_is_not(monkeypatch):
    monkeypatch.setattr(server_module, "TAKES_WITHIN_S", 0.5)
    size = 20_000_000

    async def endless(scope, receive, send):
        await StreamingResponse(bytes(100_000) for _ in range(size // 100_000))(scope, receive, send)

    with serving([Mount("/long", endless)]) as client:
        asked = b"GET /long/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

        def read(pause_s, slowly):
            """How many bytes; of the first `slowly` bytes 64 kB at a time."""
            heard = 0
            with socket.create_connection((client.base_url.host, client.base_url.port)) as reader:
                reader.sendall(asked)
                with suppress(ConnectionResetError):
                    while piece := reader.recv(1 << 16):
                        heard += len(piece)
                        time.sleep(pause_s if heard < slowly else 0)
            return heard

        assert read(0.1, 2_000_000) > size
        assert read(3, 1 << 17) < size


def test_all_who_ask_at_once_share_one_answer(monkeypatch):
    """And who asks later gets another."""
    made, asked = [], threading.Barrier(20)

    def told():
        made.append(time.monotonic())
        time.sleep(0.2)
        return make_status(beat_s=time.monotonic())

    with serving(health.routes(told)) as client:

        def ask():
            asked.wait()
            return client.get("/healthz").status_code

        with ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(lambda _: ask(), range(20)))
        assert codes == [200] * 20
        assert len(made) <= 2  # a thread may come late
        time.sleep(shared_answer.KEPT_S)
        client.get("/healthz")
        assert made[-1] - made[0] >= shared_answer.KEPT_S


def test_an_answer_that_failed_is_made_anew_at_once():
    made = []

    def fail_once():
        made.append(None)
        if len(made) == 1:
            raise OSError("once")
        return len(made)

    async def asked():
        shared = SharedAnswer(fail_once)
        with pytest.raises(OSError, match="once"):
            await shared()
        return await shared(), await shared()

    assert asyncio.run(asked()) == (2, 2)


def test_answering_takes_its_share_of_the_processor_and_no_more():
    """Each request would take 20 ms of it."""

    async def busy(scope, receive, send):
        until_s = time.thread_time() + 0.02
        while time.thread_time() < until_s:
            pass
        await PlainTextResponse("done")(scope, receive, send)

    async def asked(count, share):
        app = Throttle(busy, share, apart=["/healthz"])
        sent = []

        async def send(message):
            sent.append(message)

        began_s, began_cpu_s = time.monotonic(), time.thread_time()
        crowd = asyncio.gather(*(app({"type": "http", "path": "/x"}, None, send) for _ in range(count)))
        await asyncio.sleep(0)
        await app({"type": "http", "path": "/healthz"}, None, send)
        assert len(sent) < count  # it did not wait for all that came before
        await crowd
        assert len(sent) == 2 * count + 2
        return (time.thread_time() - began_cpu_s - BURST_S) / (time.monotonic() - began_s)

    assert asyncio.run(asked(25, 0.5)) < 0.55


@pytest.mark.logs_errors  # that requests were cut off
def test_who_waits_for_a_turn_when_the_server_ends_is_told_so(monkeypatch, caplog):
    monkeypatch.setattr(throttle, "MAX_WAIT_S", 60)
    monkeypatch.setattr(Throttle, "_look", lambda self: setattr(self, "_taken_s", 60))
    listener = Listener(ANYWHERE)
    server = WebServer(listener, make_app(PAGES, token=None), lambda e: pytest.fail(str(e)))
    with server, ExitStack() as visitors:
        there = [
            visitors.enter_context(socket.create_connection(listener.socket.getsockname())) for _ in range(5)
        ]
        for each in there:
            each.sendall(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.5)
        server.__exit__()
        for each in there:
            each.settimeout(20)
            assert each.recv(12) in {b"HTTP/1.1 503", b""}
    assert "Traceback" not in caplog.text


def test_while_it_starts_health_is_told_and_all_else_is_asked_to_wait(caplog):
    caplog.set_level("INFO")
    listener = Listener(ANYWHERE)
    with starting(ANYWHERE, listener), httpx.Client(base_url=listener.url, trust_env=False) as client:
        assert client.get("/healthz").json() == {"ok": True, "reason": None}
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "it is starting")
        for method, path in (("GET", "/api/status"), ("POST", "/api/predict"), ("GET", "/")):
            told = client.request(method, path)
            assert (told.status_code, int(told.headers["Retry-After"]) > 0) == (503, True)
        assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert "answers at" not in caplog.text  # where the service answers, it says itself
    with serving(PAGES, listener=listener) as client:
        assert client.get("/healthz").text == "done"
    with starting(WebSettings(enabled=False), None):
        pass


def test_who_asks_in_time_is_not_hung_up_on(monkeypatch):
    monkeypatch.setattr(server_module, "ASKS_WITHIN_S", 0.3)

    def slow(_):
        time.sleep(0.6)
        return PlainTextResponse("done")

    with serving([Route("/healthz", slow)]) as client:
        assert client.get("/healthz").text == "done"


def test_visitors_cannot_use_up_the_files_that_cameras_need(monkeypatch):
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 5)
    with serving(PAGES) as client, ExitStack() as visitors:
        address = client.base_url.host, client.base_url.port
        silent = [visitors.enter_context(socket.create_connection(address)) for _ in range(9)]
        assert [ended(each) for each in silent] == [True] * 4 + [False] * 5  # who was idle longest makes room
        assert client.get("/healthz").text == "done"


@pytest.mark.logs_errors
def test_a_request_that_raises_is_a_500_and_the_next_is_answered(caplog):
    def broken(_):
        raise RuntimeError("a page is broken")

    with serving([Route("/broken", broken), *PAGES]) as client:
        assert client.get("/broken").status_code == 500
        assert client.get("/healthz").status_code == 200
    assert "a page is broken" in caplog.text


def test_a_web_thread_that_dies_ends_the_service_with_its_reason():
    listener = Listener(ANYWHERE)
    with Pipeline([]) as pipeline:
        listener.close()  # what it serves on is gone
        server = WebServer(listener, make_app(PAGES, token=None), pipeline.fail)
        server._thread.start()
        server._thread.join(20)
        with pytest.raises(OSError, match="Bad file descriptor"):
            pipeline.run()


def test_a_web_server_that_stops_unasked_ends_the_service(monkeypatch):
    told = []
    listener = Listener(ANYWHERE)
    server = WebServer(listener, make_app(PAGES, token=None), told.append)
    monkeypatch.setattr(server._server, "run", lambda _: None)
    with server:
        server._thread.join(20)
    assert [str(error) for error in told] == ["the web server ended by itself"]


# health


@pytest.mark.parametrize(
    ("idle_s", "code", "reason"),
    [
        (0, 200, None),
        (STUCK_S - 5, 200, None),
        (STUCK_S, 503, f"the engine has made no progress for {STUCK_S:.0f} s"),
    ],
)
def test_healthz_tells_whether_the_engine_makes_progress(idle_s, code, reason):
    stuck = lambda: make_status(beat_s=time.monotonic() - idle_s, door=DOWN)  # noqa: E731
    with serving(health.routes(stuck)) as client:
        answer = client.get("/healthz")
        assert (answer.status_code, answer.json()) == (code, {"ok": code == 200, "reason": reason})


@pytest.mark.parametrize(
    ("cameras", "code"),
    [
        ({"door": UP}, 200),
        ({"door": DOWN, "gate": UP}, 200),
        ({"door": CONNECTING}, 503),
        ({"door": DOWN, "gate": ENDED}, 503),
    ],
)
def test_readyz_tells_whether_any_camera_gives_frames(cameras, code):
    with serving(health.routes(lambda: make_status(beat_s=time.monotonic(), **cameras))) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (
            code,
            None if code == 200 else "no camera is up",
        )
        assert client.get("/healthz").status_code == 200


def test_a_stuck_engine_is_not_ready_either():
    with serving(health.routes(lambda: make_status(beat_s=time.monotonic() - 60, door=UP))) as client:
        assert client.get("/readyz").json()["reason"] == "the engine has made no progress for 60 s"


def test_the_watchdogs_bound_is_healths():
    from maskwatch.app import service

    assert service.STUCK_S is STUCK_S
    assert why_not_alive(make_status(now_s=0, beat_s=1000), 1000 + STUCK_S) is not None


# metrics and status

OUT = PassageKind(("hall", "queue"), "door", Direction.LEAVING, Label.PROTECTED)
IN = PassageKind((), None, Direction.GONE, Label.UNKNOWN)
SEEN = Status(
    {
        'do"or\\': CameraStatus(
            state=CameraState.UP,
            captured=50,
            dropped=3,
            analysed=47,
            people=4,
            protected_ratio=0.75,
            reconnects=2,
            since_s=940.0,
            frame_s=999.5,
            captured_fps=5.0,
            dropped_fps=0.25,
            analysed_fps=4.75,
            faces={Label.PROTECTED: 30, Label.UNPROTECTED: 10, Label.UNKNOWN: 1},
            latency=Latency((40, 5, 1, 0, 0, 0, 0, 1), 12.5, 0.06),
            hour=PeopleCount(protected=60, unprotected=20, unknown=5),
            passages=PassageCounts({OUT: 7, IN: 2}, {IN: 1}, {OUT: 3, IN: 2}, {OUT: 5, IN: 2}),
        ),
        "정문": CameraStatus(CameraState.DOWN, REASON, since_s=990.0),
    },
    alerts={("voice", "delivered"): 3, ("voice", "failed"): 1, ("log", "delivered"): 4},
    queued=6,
    not_queued=1,
    engine_beat=999.0,
    now_s=1000.0,
    started_s=900.0,
    events=EventLogStatus(3, 250, 2, "events: disk full", 17, None),
    shadow=ShadowStatus(
        "new", "old", datetime(2026, 11, 27, tzinfo=UTC), {"정문": ShadowCounts(8, 3, 1, 2, 4, 5, 0.8, 1.6)}
    ),
    inference_s={ModelKind.DETECTOR: 0.0125, ModelKind.CLASSIFIER: None},
    sinks=(
        SinkStatus("voice", ('do"or\\',)),
        SinkStatus("voice", ("정문",), "voice: aplay is not installed", 990.0),
    ),
)
MODELS = {'do"or\\': Versions("detector@1", "classifier@1"), "정문": Versions("detector@1", "classifier@2")}
WATCHED = ServiceView(lambda: SEEN, lambda: MODELS, lambda: Storage(12, 3456, 789_000_000))


@pytest.fixture(scope="module")
def scraped():
    """Each sample's value, by its name and labels."""
    with serving(metrics.routes(WATCHED)) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (("maskwatch_camera_up", 'do"or\\'), 1),
        (("maskwatch_camera_up", "정문"), 0),
        (("maskwatch_camera_fps", 'do"or\\'), 5.0),
        (("maskwatch_camera_skipped_fps", 'do"or\\'), 0.25),
        (("maskwatch_camera_process_fps", 'do"or\\'), 4.75),
        (("maskwatch_camera_reconnects_total", 'do"or\\'), 2),
        (("maskwatch_camera_frames_total", 'do"or\\'), 50),
        (("maskwatch_camera_process_frames_total", 'do"or\\'), 47),
        (("maskwatch_camera_skipped_frames_total", 'do"or\\'), 3),
        (("maskwatch_protected_ratio", 'do"or\\'), 0.75),
        (("maskwatch_protected_ratio", "정문"), None),
        (("maskwatch_people", 'do"or\\'), 4),
        (("maskwatch_protected_ratio_hour", 'do"or\\'), 0.75),
        (("maskwatch_protected_ratio_hour_low", 'do"or\\'), pytest.approx(0.6451, abs=1e-4)),
        (("maskwatch_protected_ratio_hour_high", 'do"or\\'), pytest.approx(0.8319, abs=1e-4)),
        (("maskwatch_protected_ratio_hour", "정문"), None),
        (("maskwatch_protected_ratio_hour_low", "정문"), None),
        (("maskwatch_faces_total", 'do"or\\', "protected"), 30),
        (("maskwatch_faces_total", 'do"or\\', "unprotected"), 10),
        (("maskwatch_faces_total", 'do"or\\', "unknown"), 1),
        (("maskwatch_passages_total", 'do"or\\', "leaving", "protected", "door", "hall,queue"), 7),
        (("maskwatch_passages_total", 'do"or\\', "gone", "unknown", "", ""), 2),
        (("maskwatch_decision_latency_seconds_bucket", 'do"or\\', "0.05"), 40),
        (("maskwatch_decision_latency_seconds_bucket", 'do"or\\', "0.25"), 46),
        (("maskwatch_decision_latency_seconds_bucket", 'do"or\\', "5.0"), 46),
        (("maskwatch_decision_latency_seconds_bucket", 'do"or\\', "+Inf"), 47),
        (("maskwatch_decision_latency_seconds_count", 'do"or\\'), 47),
        (("maskwatch_decision_latency_seconds_sum", 'do"or\\'), 12.5),
        (("maskwatch_detector_inference_speed_seconds",), 0.0125),
        (("maskwatch_classifier_inference_speed_seconds",), None),
        (("maskwatch_device_up",), 1),
        (("maskwatch_fleet_up",), 1),
        (("maskwatch_alerts_total", "failed", "voice"), 1),
        (("maskwatch_alerts_total", "delivered", "log"), 4),
        (("maskwatch_alert_sink_up", 'do"or\\', "voice"), 1),
        (("maskwatch_alert_sink_up", "정문", "voice"), 0),
        (("maskwatch_model_info", "classifier@1", "detector@1"), 1),
        (("maskwatch_model_info", "classifier@2", "detector@1"), 1),
        (("maskwatch_queue_samples",), 12),
        (("maskwatch_queue_bytes",), 3456),
        (("maskwatch_queue_writes_total", "failed"), 1),
        (("maskwatch_storage_free_bytes",), 789_000_000),
        (("maskwatch_event_writes_total", "stored"), 250),
        (("maskwatch_event_writes_total", "lost"), 2),
        (("maskwatch_events_waiting",), 3),
        (("maskwatch_events_up",), 0),
        (("maskwatch_events_uncopied",), 17),
        (("maskwatch_events_copy_up",), 1),
        (("maskwatch_shadow_info", "old", "new"), 1),
        (("maskwatch_shadow_up",), 1),
        (("maskwatch_shadow_frames_total", "정문"), 8),
        (("maskwatch_shadow_frames_total", 'do"or\\'), None),
        (("maskwatch_shadow_differing_frames_total", "정문"), 3),
        (("maskwatch_shadow_faces_total", "serving", "정문"), 1),
        (("maskwatch_shadow_faces_total", "candidate", "정문"), 2),
        (("maskwatch_shadow_relabelled_faces_total", "정문"), 4),
        (("maskwatch_shadow_changed_decisions_total", "정문"), 5),
        (("maskwatch_shadow_seconds_total", "serving", "정문"), 0.8),
        (("maskwatch_shadow_seconds_total", "candidate", "정문"), 1.6),
        (("maskwatch_uptime_seconds",), 100),
    ],
    ids=str,
)
def test_metrics_tell_what_the_board_shows(scraped, key, value):
    assert scraped.get(key) == value


def test_metrics_tell_of_the_process(scraped):
    assert scraped[("process_resident_memory_bytes",)] > 10e6
    assert scraped[("process_open_fds",)] > 3
    assert scraped[("maskwatch_process_threads",)] >= 2


def test_metrics_are_those_of_the_moment(monkeypatch):
    monkeypatch.setattr(shared_answer, "KEPT_S", 0.0)
    now = [make_status(door=UP)]
    watched = ServiceView(lambda: now[0], dict, lambda: Storage(None, None, None))
    with serving(metrics.routes(watched)) as client:
        assert 'maskwatch_camera_up{camera="door"} 1.0' in client.get("/metrics").text
        now[0] = make_status(door=DOWN)
        text = client.get("/metrics").text
    assert 'maskwatch_camera_up{camera="door"} 0.0' in text
    assert "\nmaskwatch_queue_samples " not in text


def test_status_tells_the_same_as_json():
    with serving(status.routes(WATCHED)) as client:
        told = client.get("/api/status").json()
    door, gate = told["cameras"]['do"or\\'], told["cameras"]["정문"]
    assert (told["alive"], told["ready"], told["reason"], told["running_s"]) == (True, True, None, 100)
    assert (door["state"], door["state_s"], door["last_frame_age_s"], door["fps"]) == ("up", 60, 0.5, 5.0)
    assert (door["people"], door["protected_ratio"], door["latency_s"]) == (4, 0.75, 0.06)
    hour = ["protected_ratio_hour", "protected_ratio_hour_low", "protected_ratio_hour_high"]
    assert [door[key] for key in hour] == [0.75, 0.6452, 0.8319]
    assert [gate[key] for key in hour] == [None] * 3  # nobody assessed is no compliance
    told_of = door["passages"]
    assert told_of["last_minute"]["gone"] == {"protected": 0, "unprotected": 0, "unknown": 1}
    assert told_of["last_hour"]["leaving"] == {"protected": 3, "unprotected": 0, "unknown": 0}
    assert told_of["today"]["leaving"]["protected"] == 5
    spans = {"last_minute": 0, "last_hour": 3, "today": 5, "total": 7}
    kind = {"zones": ["hall", "queue"], "line": "door", "direction": "leaving", "label": "protected"}
    assert kind | spans in told_of["by_zone_and_line"]
    assert len(told_of["by_zone_and_line"]) == 2
    assert (gate["state"], gate["reason"], gate["last_frame_age_s"]) == ("down", REASON, None)
    assert gate["models"] == {"detector": "detector@1", "classifier": "classifier@2"}
    assert told["detector_inference_s"] == 0.0125
    assert {"sink": "voice", "outcome": "failed", "count": 1} in told["alerts"]
    assert told["queue"] == {
        "samples": 12,
        "bytes": 3456,
        "free_bytes": 789_000_000,
        "stored": 6,
        "not_stored": 1,
        "problem": None,
    }
    assert told["events"] == {
        "stored": 250,
        "waiting": 3,
        "lost": 2,
        "problem": "events: disk full",
        "uncopied": 17,
        "copy_problem": None,
    }
    assert told["process"]["memory_bytes"] > 10e6
    assert told["shadow"] == {
        "version": "new",
        "serving": "old",
        "since": "2026-11-27T00:00:00+00:00",
        "problem": None,
        "cameras": {
            "정문": {
                "frames": 8,
                "differing": 3,
                "serving_only": 1,
                "candidate_only": 2,
                "relabelled": 4,
                "decisions": 5,
                "serving_s": 0.1,
                "candidate_s": 0.2,
            }
        },
    }


def test_a_shadow_run_that_has_ended_is_down_and_none_has_no_metric():
    ended = replace(SEEN.shadow, problem="no room")
    for shadow, up in ((ended, "maskwatch_shadow_up 0.0"), (None, None)):
        view = ServiceView(
            lambda shadow=shadow: replace(SEEN, shadow=shadow), WATCHED.versions, WATCHED.storage
        )
        with serving(metrics.routes(view)) as client:
            lines = client.get("/metrics").text.splitlines()
        assert [line for line in lines if line.startswith("maskwatch_shadow_up")] == ([up] if up else [])
        assert any(line.startswith("maskwatch_shadow_frames_total{") for line in lines) is (
            shadow is not None
        )


def test_the_address_that_the_log_tells_leads_to_the_status():
    with serving(status.routes(WATCHED)) as client:
        assert client.get("/", follow_redirects=True).json()["ready"] is True
    console = {"localhost": "https://localhost:8471/", "127.0.0.1": None}.get
    with serving(status.routes(WATCHED, console)) as client:
        port = client.base_url.port
        for host, to in (("localhost", "https://localhost:8471/"), ("127.0.0.1", "/api/status")):
            assert client.get("/", headers={"Host": f"{host}:{port}"}).headers["Location"] == to


def test_the_queues_disk_is_measured_in_whole_samples(tmp_path):
    day = tmp_path / "queue/정문/2026-11-22"
    day.mkdir(parents=True)
    for name, size in (("a.jpg", 1000), ("a.json", 50), ("b.jpg", 500), (".c.1234.part.json", 9)):
        (day / name).write_bytes(b"x" * size)
    found = measured(tmp_path / "queue")
    assert (found.samples, found.bytes) == (1, 1550)
    assert found.free_bytes > 0


def test_the_disk_of_a_queue_that_is_not_there_yet_is_that_of_the_folder_above(tmp_path):
    assert measured(tmp_path / "no/such/queue").free_bytes == pytest.approx(
        measured(tmp_path).free_bytes, rel=0.01
    )
    assert measured(tmp_path / "no/such/queue").samples == 0


def test_the_disk_is_not_walked_through_at_every_question(tmp_path, monkeypatch):
    meter = StorageMeter(tmp_path)
    assert meter().samples == 0
    (tmp_path / "door/2026-11-22").mkdir(parents=True)
    (tmp_path / "door/2026-11-22/a.json").write_bytes(b"{}")
    assert meter().samples == 0
    meter._until_s -= KEPT_S
    assert meter().samples == 1
