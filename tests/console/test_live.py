"""The live page behind the browser: what the service is asked, what may be shown, what is said."""

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from maskwatch.console.context import CameraView
from maskwatch.console.live import feed as feed_module
from maskwatch.console.live.feed import Feed, Wanted
from maskwatch.console.live.pictures import WIDTHS, Pictures, annotated_jpeg, fitting, words_of
from maskwatch.console.live.today import Today, line
from maskwatch.console.live.view import duration, page_view
from maskwatch.console.live.watch import Seen, Watch
from maskwatch.console.reasons import in_words
from maskwatch.console.service_client import ServiceClient
from maskwatch.console.shared_call import SharedCall, next_slot
from maskwatch.console.texts import Texts, catalogue
from maskwatch.core.errors import ServiceError
from maskwatch.core.events import Event, EventKind
from maskwatch.core.people import Line
from maskwatch.core.privacy import CameraPrivacy, Privacy
from maskwatch.core.records import (
    Alert,
    Box,
    CameraState,
    Decision,
    Face,
    Frame,
    FrameReport,
    Label,
    Person,
    ShadowCounts,
    ShadowStatus,
    SinkStatus,
    StandingAlert,
    Status,
    Versions,
)
from maskwatch.events.store import EventStore
from maskwatch.pipeline.latest import Latest
from maskwatch.pipeline.status_board import Board
from maskwatch.web.private import private_app
from maskwatch.web.server import PrivateListener, WebServer
from maskwatch.web.service_view import ServiceView, Storage
from maskwatch.web.status import described

FPS = 4.0
EN, KO = Texts("en"), Texts("ko")
SIZE = (640, 360)
FACE = Box(200, 100, 280, 200)


def report(seq=1, camera="door"):
    face = Face(FACE, 0.9, 0.1, Label.UNPROTECTED)
    return FrameReport(
        camera,
        "clip",
        seq,
        seq / 5,
        SIZE,
        (face,),
        persons=(Person(1, FACE, Label.UNPROTECTED, 0.1, face=0),),
    )


def jpeg(width=64, height=36):
    ok, made = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))
    assert ok
    return bytes(made)


def status(*, sinks=(), store_problem=None, notices=None, models="20261101T1", shadow=None, **cameras):
    now_s = 1000.0
    made = Status(
        cameras,
        engine_beat=now_s,
        now_s=now_s,
        started_s=900.0,
        sinks=sinks,
        store_problem=store_problem,
        models=models,
        notices=notices or {},
        shadow=shadow,
    )
    return described(made, dict.fromkeys(cameras, Versions("a", "b")), Storage(3, 10, 10))


class Service:
    """Notes what it is asked."""

    def __init__(self):
        self.frames, self.statuses = [], 0
        self.seq, self.wait_s, self.error = 1, 0.0, None
        self.told = status()

    async def frame(self, camera, width):
        self.frames.append((camera, width))
        await asyncio.sleep(self.wait_s)
        if self.error:
            raise self.error
        return report(self.seq, camera), jpeg()

    async def status(self):
        self.statuses += 1
        await asyncio.sleep(self.wait_s)
        if self.error:
            raise self.error
        return self.told


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def clock(monkeypatch):
    """Seconds by which the stretches are counted."""
    now = SimpleNamespace(s=1000.0)
    monkeypatch.setattr("maskwatch.console.shared_call.time.monotonic", lambda: now.s)
    return now


CAMERAS = {"door": CameraView(), "gate": CameraView(), "hall": CameraView(privacy=Privacy.AGGREGATE)}


def made_feed(service, today=None, fps=FPS, cameras=CAMERAS):
    watch, pictures = Watch(service), Pictures(service, cameras, fps)
    return Feed(watch, pictures, today, cameras, fps)


def opened(answer):
    """The head, and the pictures by camera."""
    length = int.from_bytes(answer[:4], "big")
    head, at, found = json.loads(answer[4 : 4 + length]), 4 + length, {}
    for name, _, size in head["pictures"]:
        found[name] = answer[at : at + size]
        at += size
    assert at == len(answer)
    return head, found


# what the service is asked


def test_a_hundred_viewers_cost_one_question_a_frame_and_width(service, clock):
    async def look():
        pictures = Pictures(service, CAMERAS, FPS)
        got = await asyncio.gather(*(pictures.get("door", 300 + n % 40, "en") for n in range(100)))
        assert len({each.number for each in got}) == 1
        korean, wide = await asyncio.gather(pictures.get("door", 320, "ko"), pictures.get("door", 1000, "ko"))
        assert service.frames == [("door", 320), ("door", 960)]
        assert len({got[0].number, korean.number, wide.number}) == 3
        await pictures.get("door", 320, "en")
        assert len(service.frames) == 2  # within the same quarter of a second
        clock.s += 1 / FPS
        service.seq = 2
        again = await pictures.get("door", 320, "en")
        assert service.frames[2:] == [("door", 320)]
        assert again.number > wide.number

    asyncio.run(look())


def test_without_a_viewer_nothing_is_asked(service):
    async def wait():
        made_feed(service)
        await asyncio.sleep(0.3)

    asyncio.run(wait())
    assert (service.frames, service.statuses) == ([], 0)


def test_a_frame_that_is_still_the_same_is_not_drawn_or_sent_again(service, clock):
    async def look():
        feed = made_feed(service)
        head, pictures = opened(await feed.answer(Wanted({"door": (320, -1)}), "en"))
        ((name, number, _),) = head["pictures"]
        assert (name, set(pictures)) == ("door", {"door"})
        assert cv2.imdecode(np.frombuffer(pictures["door"], np.uint8), cv2.IMREAD_COLOR).shape == (36, 64, 3)
        clock.s += 1
        head, pictures = opened(await feed.answer(Wanted({"door": (320, number)}, head["seen"]), "en"))
        assert (pictures, len(service.frames)) == ({}, 2)
        service.seq = 2
        clock.s += 1
        _, pictures = opened(await feed.answer(Wanted({"door": (320, number)}), "en"))
        assert set(pictures) == {"door"}

    asyncio.run(look())


def test_of_an_aggregate_camera_and_of_one_that_is_none_no_picture_is_asked(service):
    async def look():
        feed = made_feed(service)
        _, pictures = opened(await feed.answer(Wanted({"hall": (320, -1), "other": (320, -1)}), "en"))
        assert pictures == {}

    asyncio.run(look())
    assert service.frames == []


def test_a_camera_that_came_with_a_reload_is_shown_too(service):
    service.told = {"cameras": {"new": {}}}

    async def look():
        feed = made_feed(service)
        await feed._watch()
        return await feed._new_pictures(Wanted({"new": (320, -1)}), "en")

    assert set(asyncio.run(look())) == {"new"}


def test_a_picture_that_is_late_holds_up_neither_the_others_nor_the_texts(service, monkeypatch):
    monkeypatch.setattr(feed_module, "PATIENCE_S", 1.0)
    slow = asyncio.Event

    async def look():
        freed = slow()
        quick = service.frame

        async def frame(camera, width):
            if camera == "gate":
                await freed.wait()
            return await quick(camera, width)

        service.frame = frame
        feed = made_feed(service)
        wanted = Wanted({"door": (320, -1), "gate": (320, -1)})
        head, pictures = opened(await feed.answer(wanted, "en"))
        assert set(pictures) == {"door"}
        assert "view" in head
        freed.set()
        while "gate" not in pictures:
            _, pictures = opened(await feed.answer(wanted, "en"))
        assert service.frames.count(("gate", 320)) == 1

    asyncio.run(look())


def test_what_one_viewer_asked_goes_on_when_she_leaves():
    asked = []

    async def ask():
        asked.append(1)
        await asyncio.sleep(0.05)
        return "found"

    async def look():
        shared = SharedCall(ask, 1000.0)
        first = asyncio.create_task(shared())
        await asyncio.sleep(0.01)
        first.cancel()
        return await shared()

    assert asyncio.run(look()) == "found"
    assert asked == [1]


def test_answers_come_at_the_same_moments_for_all():
    async def wait():
        ticks = []
        for _ in range(2):
            ticks.append(await next_slot(0.05, None))
            for _ in range(3):
                ticks.append(await next_slot(0.05, ticks[-1]))
        return ticks

    began = time.monotonic()
    ticks = asyncio.run(wait())
    assert [each for each in ticks if each < began / 0.05 - 1] == []
    for part in (ticks[:4], ticks[4:]):
        assert sorted(set(part)) == part


@pytest.mark.parametrize(
    ("wanted", "given"), [(1, 320), (370, 320), (390, 480), (1000, 960), (9000, WIDTHS[-1])]
)
def test_screens_share_a_few_widths(wanted, given):
    assert fitting(wanted) == given


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"cameras": {"a": 3}, "seen": 0}',
        '{"cameras": {"a": ["x", 1]}, "seen": 0}',
        '{"cameras": [], "seen": 1e999}',
    ],
)
def test_what_is_no_question_is_refused(text):
    with pytest.raises(ValueError, match="no question"):
        Wanted.parsed(text)


class Socket:
    """A browser that asks what it is told to."""

    def __init__(self, *questions):
        self.questions = list(questions)
        self.answers, self.closed = [], False

    async def accept(self):
        pass

    async def receive_text(self):
        if not self.questions:
            await asyncio.Event().wait()
        return self.questions.pop(0)

    async def send_bytes(self, data):
        self.answers.append(data)

    async def close(self):
        self.closed = True


def test_a_browser_that_asks_no_more_is_let_go(service, monkeypatch):
    monkeypatch.setattr(feed_module, "OPEN_S", 0.3)
    socket = Socket('{"cameras": {"door": [320, -1]}, "seen": -1}')
    asyncio.run(made_feed(service).serve(socket, "en"))
    assert socket.closed
    assert len(socket.answers) == 1


def test_a_browser_that_talks_rubbish_is_hung_up_on(service):
    socket = Socket("hello")
    asyncio.run(made_feed(service).serve(socket, "en"))
    assert socket.closed
    assert socket.answers == []


# the service is away


def test_a_service_that_is_away_leaves_what_was_known_and_since_when(service, clock):
    service.told = {"cameras": {"door": {"state": "up"}}}

    async def look():
        watch = Watch(service)
        first = await watch()
        service.error = ServiceError("gone")
        clock.s += 1
        away = await watch()
        clock.s += 1
        later = await watch()
        assert (first.away_at, first.cameras) == (None, away.cameras)
        assert away.away_at == later.away_at == away.at
        assert later.number > away.number > first.number
        service.error = None
        clock.s += 1
        assert (await watch()).away_at is None

    asyncio.run(look())


def test_a_service_that_hangs_is_away(service, monkeypatch):
    monkeypatch.setattr("maskwatch.console.live.watch.PATIENCE_S", 0.05)
    service.wait_s = 60
    assert asyncio.run(Watch(service)()).away_at is not None


def test_a_service_that_is_away_has_no_pictures(service):
    service.error = ServiceError("gone")
    assert asyncio.run(Pictures(service, CAMERAS, FPS).get("door", 320, "en")) is None


# with the service's own side


@contextmanager
def served(folder, latest, cameras):
    board = Board(list(cameras))
    watched = ServiceView(
        board.snapshot, lambda: dict.fromkeys(cameras, Versions("a", "b")), lambda: Storage(0, 0, 0)
    )
    listener = PrivateListener(folder / "service.sock")
    with WebServer(listener, private_app(watched, latest, cameras), lambda e: pytest.fail(str(e))):
        yield board


@asynccontextmanager
async def client_of(folder):
    client = ServiceClient(folder / "service.sock")
    try:
        yield client
    finally:
        await client.close()


def decided(rgb, seq=1):
    return Decision(Frame("door", "clip", seq, seq / 5, rgb), report(seq))


@pytest.mark.parametrize(("privacy", "coarse"), [(Privacy.FULL, False), (Privacy.BLUR, True)])
def test_pictures_show_faces_as_far_as_the_camera_allows(tmp_path, privacy, coarse):
    rgb = np.random.default_rng(0).integers(0, 2, (SIZE[1], SIZE[0], 1), np.uint8) * 255
    rgb = cv2.resize(np.repeat(rgb[::4, ::4], 3, axis=2), SIZE, interpolation=cv2.INTER_NEAREST)
    latest = Latest(["door"])

    async def look():
        async with client_of(tmp_path) as client:
            pictures = Pictures(client, {"door": CameraView(privacy)}, FPS)
            asyncio.get_running_loop().call_later(0.1, latest.update, decided(rgb))
            return await pictures.get("door", SIZE[0], "en")

    with served(tmp_path, latest, {"door": CameraPrivacy(privacy)}):
        picture = asyncio.run(look())
    shown = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    inside = shown[int(FACE.y1) + 20 : int(FACE.y2) - 10, int(FACE.x1) + 10 : int(FACE.x2) - 10]
    assert (inside.std() < 40) == coarse
    assert shown[300:, 400:].std() > 80  # all else is as it was


def test_people_and_places_are_drawn_where_they_are_on_a_smaller_picture():
    ignored = ((0.75, 0.0), (1.0, 0.0), (1.0, 0.5), (0.75, 0.5))
    line = Line((0.1, 0.9), (0.9, 0.9))
    view = CameraView(ignore=(ignored,), lines={"door": line})
    made = annotated_jpeg(jpeg(320, 180), report(), view, words_of(EN))
    shown = cv2.cvtColor(cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert shown.shape == (180, 320, 3)
    red, green, blue = (int(value) for value in shown[85, 100])  # the left side of the box
    assert red > green + 60 > blue + 60
    assert shown[40, 290].max() < 60  # ignored
    assert abs(int(shown[40, 40, 0]) - 90) < 10  # neither
    assert shown[162, 60].min() > 150  # the line


def test_when_nobody_looks_the_service_keeps_no_frame(tmp_path, monkeypatch):
    monkeypatch.setattr("maskwatch.pipeline.latest.ASKED_S", 0.0)
    latest = Latest(["door"])
    latest.update(decided(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)))
    assert latest._decisions == {}


# what is said


def seen(told, **changed):
    return Seen(told, time.time(), 1, **changed)


@pytest.fixture
def board(monkeypatch):
    return Board(["door"])


def view_of(camera, t=EN, **changed):
    (found,) = page_view(seen(status(door=camera, **changed)), CAMERAS, t)["cameras"]
    return found


def camera(state=CameraState.UP, **changed):
    from maskwatch.core.records import CameraStatus

    return CameraStatus(state=state, since_s=700.0, **changed)


def shadow_of(t, **changed):
    counts = ShadowCounts(1200, 30, 3, 14, 9, 6, 60.0, 96.0)
    told = ShadowStatus("v2", "shipped", datetime.now(UTC), **({"cameras": {"door": counts}} | changed))
    return page_view(seen(status(door=camera(), shadow=told)), CAMERAS, t)["shadow"]


def test_a_version_in_the_shadow_is_a_table_in_both_languages():
    found = shadow_of(EN)
    assert found["title"] == "v2 compared with shipped"
    assert found["rows"] == [["door", "1,200", "30 (2.5%)", "14", "3", "9", "6", "80 ms (50 ms)"]]
    assert len(found["heads"]) == len(found["rows"][0])
    assert found["heads"][3] == "Faces only it found"
    assert found["note"] == ""
    assert shadow_of(KO)["heads"][4] == "찾지 못한 얼굴"
    assert shadow_of(EN, cameras={})["note"] == "No frame has been compared yet."
    assert shadow_of(EN, problem="no room")["note"] == "The comparison has ended: no room"
    assert page_view(seen(status(door=camera())), CAMERAS, EN)["shadow"] is None


def test_a_camera_that_is_down_says_why_and_since_when():
    found = view_of(camera(CameraState.DOWN, reason="rtsp://192.0.2.10/s: Connection refused"))
    then = datetime.fromtimestamp(time.time() - 300).astimezone()
    assert found["state_text"] == "Down"
    assert found["why"].startswith("rtsp://192.0.2.10/s: Connection refused\nsince ")
    assert f"since {then:%H:%M}" in found["why"] or f"{then:%Y-%m-%d %H:%M}" in found["why"]
    assert found["why"].endswith("(5 min)")
    assert found["picture"] is False
    assert "(5분 전)부터" in view_of(camera(CameraState.DOWN), KO)["why"]


@pytest.mark.parametrize("state", [CameraState.CONNECTING, CameraState.ENDED])
def test_a_camera_without_frames_has_no_picture_and_says_since_when(state):
    found = view_of(camera(state))
    assert found["picture"] is False
    assert found["why"].startswith("since ")


def test_the_ratio_is_said_with_what_it_is_of():
    facts = {
        name: (figure, of)
        for name, figure, of in view_of(
            camera(people=3, in_view=4, protected_ratio=2 / 3, analysed_fps=4.96)
        )["facts"]
    }
    assert facts["With a mask now"] == ("67%", "2 of 3")
    assert facts["In the last hour"] == ("-", "nobody assessed")
    assert facts["In view"] == ("4", "")
    assert facts["Frames a second"] == ("5.0", "")
    assert facts["Latency"] == ("-", "")


def test_an_alert_tells_of_its_own_moment_whatever_the_ratio_is_now():
    alert = Alert("door", 1.0, 0.0, 2, 2, "Please!", rule="protected_ratio")
    found = view_of(camera(people=2, protected_ratio=1.0, standing=(StandingAlert(alert, 988.0, 995.0),)))
    (said,) = found["alerts"]
    assert said["title"].startswith("Too few masks · since ")
    assert said["title"].endswith("(12 s)")
    assert re.fullmatch(r"2 of 2 wore no mask at [-\d: ]+ · “Please!”", said["text"])
    assert found["facts"][0] == ["With a mask now", "100%", "2 of 2"]


def test_a_quiet_alert_is_not_said_to_be_spoken_and_a_rule_keeps_its_own_name():
    alert = Alert("door", 1.0, 0.0, 2, 2, "Please!", rule="my rule", quiet=True)
    (said,) = view_of(camera(standing=(StandingAlert(alert, 988.0, 995.0),)))["alerts"]
    assert "not spoken" in said["text"]
    assert said["title"].startswith("my rule")


def test_of_an_aggregate_camera_there_are_counts_and_no_picture(service):
    service.told = status(hall=camera(people=2, protected_ratio=0.5))

    async def look():
        return opened(await made_feed(service).answer(Wanted(), "en"))

    head, _ = asyncio.run(look())
    (found,) = head["view"]["cameras"]
    assert found["picture"] is False
    assert "no pictures" in found["hides"]
    assert found["facts"][0] == ["With a mask now", "50%", "1 of 2"]


def test_the_strip_tells_what_fails_what_waits_and_which_models_serve():
    sink = SinkStatus("voice", ("door", "gate"), "aplay is not installed", 280.0)
    told = status(
        door=camera(),
        sinks=(sink, SinkStatus("log", ("door",))),
        store_problem="queue: the disk is full",
        notices={"models": "no version fits"},
    )
    items = page_view(seen(told), CAMERAS, EN)["strip"]
    assert [item["kind"] for item in items] == ["bad", "bad", "note", "queue", "plain"]
    assert items[0]["text"].startswith("voice (door, gate) has been failing since ")
    assert items[0]["text"].endswith("(12 min): aplay is not installed")
    assert [item["text"] for item in items[1:]] == [
        "queue: the disk is full",
        "no version fits",
        "3 samples in the queue",
        "models 20261101T1",
    ]


def test_before_the_service_ever_answered_its_cameras_are_there_and_unknown():
    found = page_view(Seen({}, time.time(), 1, away_at=time.time() - 90), CAMERAS, EN)
    assert "since" in found["away"]
    assert "(1 min)" in found["away"]
    assert [each["state_text"] for each in found["cameras"]] == ["Not known"] * 3
    assert found["empty"] is False
    assert page_view(Seen({}, 0.0), {}, EN)["empty"] is True


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_durations_are_said_in_one_unit(seconds, said):
    assert duration(seconds, EN) == said


def test_every_text_of_the_page_is_in_both_languages():
    texts = {key: each for key, each in catalogue().items() if key.startswith("live.")}
    assert len(texts) > 40
    assert [key for key, each in texts.items() if set(each) != {"en", "ko"} or not all(each.values())] == []
    fields = {
        key: {language: sorted(_fields(text)) for language, text in each.items()}
        for key, each in texts.items()
    }
    assert [key for key, each in fields.items() if each["en"] != each["ko"]] == []


def _fields(text):
    import string

    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


# a camera's day


def event(number, kind, at, **data):
    return Event(f"{number:032x}", kind, at, "door", data=data)


def test_a_cameras_page_tells_the_alerts_and_passages_of_today(tmp_path):
    events = EventStore.in_folder(tmp_path)
    now = time.time()
    events.add(
        [
            event(
                1,
                EventKind.ALERT,
                now,
                rule="without_mask",
                people=2,
                unprotected=1,
                protected_ratio=0.5,
                say="Please",
            ),
            event(2, EventKind.PASSAGE, now, direction="leaving", label="protected", line="door"),
            event(3, EventKind.ALERT, now - 90_000, rule="old"),
            event(4, EventKind.MODELS, now),
        ]
    )
    found = asyncio.run(Today(events)("door", "en"))
    alerts, passages = found["lists"]
    assert [each["text"] for each in alerts["lines"]] == ["Somebody without a mask · 50% (1/2) · Please"]
    assert [each["text"] for each in passages["lines"]] == ["leaving · door · mask"]
    assert alerts["path"] == "/history?camera=door&kind=alert"
    empty = asyncio.run(Today(events)("정문 3층", "ko"))
    assert [each["lines"] for each in empty["lists"]] == [[], []]
    assert "%EC" in empty["lists"][0]["path"]
    events.close()


def test_today_begins_at_midnight_also_when_the_clock_was_set_back_since(tmp_path, in_zone, monkeypatch):
    in_zone("Europe/Berlin")
    first, noon = (datetime(2026, 10, 25, hour).astimezone().timestamp() for hour in (0, 12))
    monkeypatch.setattr("maskwatch.console.live.today.time.time", lambda: noon)
    events = EventStore.in_folder(tmp_path)
    events.add(
        [event(1, EventKind.ALERT, first - 1, rule="old"), event(2, EventKind.ALERT, first, rule="new")]
    )
    alerts, _ = asyncio.run(Today(events)("door", "en"))["lists"]
    events.close()
    assert [each["text"] for each in alerts["lines"]] == ["new"]


def test_a_line_of_an_event_with_little_in_it_can_be_said():
    assert line(event(1, EventKind.PASSAGE, 0.0), KO)["text"] == "화면 밖으로 · 알 수 없음"
    assert line(event(1, EventKind.ALERT, 0.0), EN)["text"] == "-"


@pytest.mark.parametrize(
    ("reason", "korean"),
    [
        ("rtsp://192.0.2.1/s: Connection refused", "rtsp://192.0.2.1/s: 연결이 거부되었습니다"),
        ("no camera is up", "작동 중인 카메라가 없습니다"),
        ("rtsp://h/s: no frame for 6.2 s", "rtsp://h/s: 6.2초 동안 영상이 없습니다"),
        (
            "rtsp://h/s: no such host: h; tried again in 60 s, or after a reload at once",
            "rtsp://h/s: 없는 주소입니다: h. 60초 뒤에 다시 시도하며, 설정을 다시 읽으면 바로 시도합니다",
        ),
        ("no events are stored now: events: Permission denied", "지금은 기록이 저장되지 않습니다: events: 권한이 없습니다"),
        (
            "fleet: v2 is refused: door: how sure the detector is has shifted (PSI 1.20, bound 0.50)",
            "fleet: v2 모델을 받아들이지 않았습니다: door: 모델(detector)의 확신도 분포가 달라졌습니다 (PSI 1.20, 한도 0.50)",
        ),
        (
            "fleet: the fleet's manifest is an older one (number 7; 9 was seen already)",
            "fleet: 이미 받은 것보다 오래된 배포 목록입니다 (번호 7, 이미 받은 번호 9)",
        ),
        ("voice: aplay: something else", "voice: aplay: something else"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_the_service_says_is_said_in_korean_as_far_as_it_is_known(reason, korean):
    assert in_words(reason, Texts("ko")) == korean
    assert in_words(reason, Texts("en")) == reason
