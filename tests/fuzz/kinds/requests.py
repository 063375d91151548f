"""Requests to the service's web server and to the console, as a server hands them on (ASGI), with and without a session."""

import asyncio
import json
from urllib.parse import quote_from_bytes, unquote

from fuzz.judging import SECRET
from fuzz.kinds.base import Kind
from fuzz.kinds.pictures import png, seeds
from fuzz.mutation import ESCAPE, NAMES, as_json, mutated, spoiled

TOKEN = f"{SECRET}-of-24-characters"
WEB = [
    "/healthz",
    "/metrics",
    "/api/status",
    "/api/predict",
    "/api/queue/export",
    "/api/models",
    "/api/models/current",
    "/",
]
CONSOLE = [
    "/login",
    "/logout",
    "/",
    "/queue",
    "/queue/picture/a.jpg",
    "/queue/thumbnail/a.jpg",
    "/queue/upload",
    "/queue/sample/a",
]
CONSOLE += [
    "/history/still/a.jpg",
    "/history/clip/a.mp4",
    "/history/thumbnail/a.jpg",
    "/history/export.csv",
    "/history/report.pdf",
]
QUERIES = [
    "format=coco",
    "format=yolo&all=true",
    "since=2026-11-01",
    "until=9999-12-31",
    "since=0001-01-01",
    "camera=a",
    "token=x",
]
QUERIES += [
    "to=//evil.example",
    "language=ko",
    "name=../../a.png",
    "width=9999999999999999999999",
    "day=9999-12-31",
    "day=0001-01-01",
]
QUERIES += [
    "day=2026-11-26&show=week&kind=alert&camera=%1b[31m",
    "day=1970-01-01",
    "page=-1",
    "from=1e999",
    f"token={SECRET}",
]
BODIES = [{"version": "v1"}, {"name": "kim", "password": SECRET}, {"token": SECRET}]
HEADERS = [
    ("content-type", "image/png"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-length", "9" * 30),
]
HEADERS += [
    ("content-length", "-1"),
    ("authorization", "Bearer x"),
    ("cookie", "language=ko; x"),
    ("host", "evil.example"),
]
HEADERS += [
    ("origin", "http://[evil"),
    ("accept-language", "ko;q=9e999,*"),
    ("range", "bytes=-1-"),
    ("range", "bytes=0-0,0-0" * 500),
]
HEADERS += [
    ("if-modified-since", "Thu, 99 Foo 99999"),
    ("x-forwarded-for", ESCAPE),
    ("sec-fetch-dest", "document"),
    ("transfer-encoding", "a"),
]


class Requests(Kind):
    """Each is answered, with no code of 500; `web` and `console` have a queue, events, users and versions that are real."""

    names = ("",)

    def __init__(self, folder, last):
        super().__init__(folder, last)
        self.pictures = [data for suffix, data in seeds() if suffix in {".jpg", ".png"}]
        self.pictures.append(png(7000, 7000, 2, 8, 21_000))
        self.bodies = [self.drawn(spoiled(each), 10, f"body {place}") for place, each in enumerate(BODIES)]
        self.loop = asyncio.new_event_loop()
        self.apps = {"web": self._web(), "console": self._console()}

    def _web(self):
        from maskwatch.core.records import FrameReport, Status
        from maskwatch.models.registry import Registry
        from maskwatch.samples.store import Queue
        from maskwatch.web import health, models, predict, queue
        from maskwatch.web.application import make_app

        def status():
            return Status({}, engine_beat=1.0, now_s=1.0, started_s=0.0)

        def seen(rgb):
            return FrameReport("camera", "picture", 0, 0.0, (rgb.shape[1], rgb.shape[0]), ())

        registry, store = Registry(self.folder / "models"), Queue(self.folder / "queue")
        routes = [
            *health.routes(status),
            *models.routes(registry, status),
            *predict.routes(seen),
            *queue.routes(store),
        ]
        return make_app(routes, token=TOKEN)

    def _console(self):
        from fastapi import FastAPI

        from maskwatch.config.load import default
        from maskwatch.console.access import Access
        from maskwatch.console.context import CameraView, Console, Monitoring
        from maskwatch.console.guard import guarded
        from maskwatch.console.history.files import add_files
        from maskwatch.console.review import pages
        from maskwatch.console.review.context import Review
        from maskwatch.console.review.thumbnails import Thumbnails
        from maskwatch.console.review.uploads import Uploads
        from maskwatch.console.review.walk import Presence
        from maskwatch.console.users import Role, User, Users
        from maskwatch.events.media import Media
        from maskwatch.events.store import EventStore
        from maskwatch.samples.store import Queue

        events, store = self.folder / "events", Queue(self.folder / "queue")
        self.store = EventStore.in_folder(events)
        review = Review(store, Thumbnails(), Uploads(store, lambda _: ()), Presence(), None, None)
        monitoring = Monitoring(None, {"door": CameraView()}, self.store, Media(events))
        users = Users(self.folder / "users")
        console = Console(default().console, review, monitoring, users)
        app = FastAPI(openapi_url=None)
        pages.add_pages(app, console)
        add_files(app, console, console.event_sources)
        access = Access(users=users)
        guard = guarded(app, access, "session")

        async def served(scope, receive, send):
            if b"x-inside" in dict(scope["headers"]):
                scope["user"] = User("kim", Role.ADMIN)
                await app(scope, receive, send)
            else:
                await guard(scope, receive, send)

        return served

    def make(self, number, random, folder):
        name = random.choice(("web", "console"))
        path = random.choice(WEB if name == "web" else CONSOLE)
        if random.random() < 0.3:
            path = path.replace("a", random.choice([*NAMES, ESCAPE, "0" * 32, "\x80", "%2e%2e"]), 1)
        query = "&".join(random.choices(QUERIES, k=random.choice((0, 1, 1, 3))))
        headers = random.choices(HEADERS, k=random.choice((0, 1, 2, 4)))
        headers.append(("host", "127.0.0.1:8470"))
        if random.random() < 0.7:
            headers.append(("authorization", f"Bearer {TOKEN}") if name == "web" else ("x-inside", "1"))
        if random.random() < 0.2:
            query = mutated(query.encode(), random).decode("latin-1")[:8000]
        request = {
            "app": name,
            "method": random.choice(
                ["GET", "GET", "GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "X-\x1b"]
            ),
            "path": path,
            "query": query,
            "headers": headers,
            "pieces": random.choice((1, 1, 7)),
            "cut": random.random() < 0.1,
        }
        (folder / "request.json").write_bytes(json.dumps(request).encode())
        (folder / "body").write_bytes(self._body(number, random))
        return folder / "request.json"

    def _body(self, number, random):
        match random.randrange(6):
            case 0 | 1:
                data = random.choice(self.pictures if number % 50 == 7 else self.pictures[:-1])
                return data if random.random() < 0.3 else mutated(data, random)
            case 2 | 3:
                known = random.choice(self.bodies)
                return as_json(known[number // 10 % len(known)])
            case 4:
                return mutated(f"name=kim&password={SECRET}&to=/live&token=x".encode(), random)
        return b""

    def warm(self):
        import gc
        from random import Random

        for number in range(60):
            folder = self.folder / f"warm{number}"
            folder.mkdir()
            self.take(self.make(number, Random(number), folder))
        gc.collect()

    def take(self, path):
        request = json.loads(path.read_bytes())
        body = (path.parent / "body").read_bytes()
        answer, sent = self.loop.run_until_complete(self._asked(request, body))
        assert answer is not None, "no answer"
        assert answer["status"] not in {500, 501, 502}, sent[:500]
        assert SECRET.encode() not in sent + repr(answer["headers"]).encode(), "tells a secret"
        assert all(
            b"\n" not in value and b"\r" not in value and b"\x1b" not in value
            for _, value in answer["headers"]
        ), answer

    async def _asked(self, request, body):
        size = -(-len(body) // request["pieces"]) or 1
        pieces = [body[place : place + size] for place in range(0, len(body), size)] or [b""]
        messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        messages[-1]["more_body"] = False
        if request["cut"]:
            messages[-1] = {"type": "http.disconnect"}
        started, sent = [], bytearray()

        async def receive():
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                started.append(message)
            elif message["type"] == "http.response.body":
                sent.extend(message.get("body", b"")[: max(0, 3_000_000 - len(sent))])

        raw = quote_from_bytes(request["path"].encode("utf-8", "surrogatepass"), safe="/%").encode()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request["method"],
            "scheme": "http",
            "path": unquote(raw.decode()),
            "raw_path": raw,
            "root_path": "",
            "query_string": request["query"].encode("latin-1"),
            "headers": [
                (name.encode(), value.encode("latin-1", "replace")) for name, value in request["headers"]
            ],
            "client": ("192.0.2.7", 1),
            "server": ("127.0.0.1", 8470),
            "state": {},
        }
        await self.apps[request["app"]](scope, receive, send)
        return (started[0] if started else {"status": 499, "headers": []}) if request[
            "cut"
        ] or started else None, bytes(sent)

    def close(self):
        self.store.close()
        self.loop.close()
