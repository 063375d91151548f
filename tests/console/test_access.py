"""Who may come into the console, without a browser: passwords, links, sessions, rights, and what is written down of it."""

import asyncio
import logging
import threading
import time

import pytest
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from maskwatch.console import access as access_module
from maskwatch.console import guard as guard_module
from maskwatch.console import signed_in
from maskwatch.console.access import LINK_S, OWNER, SESSION_S, Access, Refused, checked_token
from maskwatch.console.access_log import AccessLog
from maskwatch.console.guard import guarded
from maskwatch.console.login import path_of_this_site
from maskwatch.console.users import Role, User, Users
from maskwatch.core.errors import ConfigError, EventError
from maskwatch.core.events import EventKind
from maskwatch.http.guard import GUESSES, GUESSES_S

TOKEN = "correct horse battery"
PASSWORD = "방울-방울 일곱 번"
AT = "http://127.0.0.1:8471"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The bytes of a file with Kim, an admin, Lee, a labeller, and Park, who looks."""
    users = Users(tmp_path_factory.mktemp("users"))
    for name, role in (("Kim", Role.ADMIN), ("Lee", Role.LABELLER), ("박 하나", Role.VIEWER)):
        users.add(name, role, PASSWORD)
    return users.path.read_bytes()


@pytest.fixture
def users(tmp_path, made):
    there = Users(tmp_path)
    there.path.write_bytes(made)
    return there


async def page(scope, receive, send):
    """What is guarded: answers by path, and a websocket that says so and stays open."""
    path = scope["path"]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "inside"})
        while path == "/pushes":  # and does not listen
            await send({"type": "websocket.send", "text": "inside"})
            await asyncio.sleep(0.02)
        while (await receive())["type"] != "websocket.disconnect":
            pass
    elif path == "/endless":

        async def pieces():
            while True:
                yield b"x"
                await asyncio.sleep(0.02)

        await StreamingResponse(pieces())(scope, receive, send)
    elif path.endswith(".jpg"):
        await Response(b"jpeg", media_type="image/jpeg")(scope, receive, send)
    elif path.endswith(".js"):
        await Response(b"", media_type="text/javascript")(scope, receive, send)
    elif path == "/queue/export":
        await Response(b"", media_type="application/zip")(scope, receive, send)
    else:
        answer = HTMLResponse if path.startswith("/live") else PlainTextResponse
        await answer(f"inside, {scope['user'].name}")(scope, receive, send)


def visitor(access, log=None, *, address="192.0.2.7", at=AT, first_page="/"):
    guard = guarded(page, access, "session", log, first_page=first_page)
    return TestClient(guard, base_url=at, client=(address, 1), follow_redirects=False)


def sign_in(client, name="Kim", password=PASSWORD, **fields):
    return client.post("/login", data={"name": name, "password": password, **fields})


class Notes:
    """An access log that keeps what it is told."""

    def __init__(self):
        self.all = []

    def note(self, user, address, action, target):
        self.all.append((user, address, str(action), target))


# passwords


def test_a_name_and_a_password_open_a_session_for_pages_and_websockets(users):
    client = visitor(Access(users=users))
    asked = client.get("/picture.jpg")
    assert asked.status_code == 401
    assert 'name="password"' in asked.text
    assert "inside" not in asked.text
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://127.0.0.1:8471/ws"):
        pass
    entered = sign_in(client, "  kIM ")
    assert entered.status_code == 200
    cookie = entered.headers["set-cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert PASSWORD not in cookie
    assert entered.headers["cache-control"] == "no-store"
    assert client.get("/page").text == "inside, Kim"
    with client.websocket_connect("ws://127.0.0.1:8471/ws") as websocket:
        assert websocket.receive_text() == "inside"


@pytest.mark.parametrize(
    ("name", "password"),
    [("Kim", "wrong password"), ("nobody", PASSWORD), ("", ""), ("Kim", ""), ("owner", PASSWORD)],
)
def test_what_is_wrong_is_not_told_apart(users, name, password):
    answer = sign_in(visitor(Access(users=users)), name, password)
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert "set-cookie" not in answer.headers
    assert password == "" or password not in answer.text


def test_an_unknown_name_costs_as_much_as_a_wrong_password(users, monkeypatch):
    """One hash each, by the same parameters."""
    from argon2 import PasswordHasher

    from maskwatch.console import users as users_module

    asked = []

    class Counting(PasswordHasher):
        def verify(self, hashed, password):
            asked.append(hashed.rpartition("$")[0].rpartition("$")[0])  # without salt and hash
            return super().verify(hashed, password)

    monkeypatch.setattr(users_module, "_hasher", Counting)
    client = visitor(Access(users=users))
    sign_in(client, "Kim", "wrong password")
    sign_in(client, "nobody", "wrong password")
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_guesses_are_limited_by_address_and_by_name_also_when_they_come_together(users, monkeypatch):
    at = [1000.0]
    monkeypatch.setattr(guard_module, "now", lambda: at[0])
    monkeypatch.setattr(
        access_module, "is_right_password", lambda account, password: bool(account) and password == PASSWORD
    )
    access = Access(users=users)
    known = visitor(access, address="198.51.100.9")
    assert sign_in(known).status_code == 200  # Kim was right from there before
    one, other = visitor(access), visitor(access, address="198.51.100.1")
    assert [sign_in(one, "Kim", "guess").status_code for _ in range(GUESSES)] == [401] * GUESSES
    assert sign_in(one).status_code == 429  # that address has to wait,
    assert sign_in(one, "Lee").status_code == 429
    assert sign_in(other).status_code == 429  # and so has that name from anywhere,
    assert sign_in(other, "Lee").status_code == 200  # but no other,
    assert sign_in(known).status_code == 200  # and not where she is known
    at[0] += GUESSES_S
    assert sign_in(one).status_code == 200

    async def together():
        tries = [access.sign_in_by_password("Lee", "guess", 5000.0, "203.0.113.5") for _ in range(50)]
        return await asyncio.gather(*tries)

    assert asyncio.run(together()).count(Refused.WRONG) <= GUESSES


def test_a_password_of_old_parameters_is_hashed_anew(users):
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    kim = users.get("Kim")
    users.path.write_text(users.path.read_text().replace(kim.password, weak))
    client = visitor(Access(users=users))
    assert sign_in(client).status_code == 200
    assert "m=65536" in users.get("Kim").password
    assert client.get("/").text == "inside, Kim"  # the session is that of the new hash
    assert sign_in(visitor(Access(users=users))).status_code == 200


# after signing in


@pytest.mark.parametrize("change", ["role", "password", "remove", "file"])
def test_a_session_ends_when_its_user_changes(users, change):
    client, other = visitor(Access(users=users)), visitor(Access(users=users))
    sign_in(client, "Lee")
    sign_in(other, "Kim")
    with client.websocket_connect("ws://127.0.0.1:8471/ws") as websocket:
        assert websocket.receive_text() == "inside"
        match change:
            case "role":
                users.set_role("Lee", Role.VIEWER)
            case "password":
                users.set_password("lee", "another password")
            case "remove":
                Users(users.path.parent).remove("Lee")  # another process
            case "file":
                users.path.write_text("no users")
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
        assert closed.value.code == 1008
    assert client.get("/page").status_code == 401
    assert client.get("/session").status_code == 401
    assert other.get("/page").status_code == (401 if change == "file" else 200)


def test_a_websocket_that_never_falls_silent_ends_too(users, monkeypatch):
    monkeypatch.setattr(signed_in, "CHECK_S", 0.1)
    access = Access(users=users)
    client = visitor(access)
    sign_in(client)
    with client.websocket_connect("ws://127.0.0.1:8471/ws") as websocket:
        websocket.receive_text()
        users.set_password("Kim", "another password")
        with pytest.raises(WebSocketDisconnect):
            heard = threading.Thread(
                target=lambda: [websocket.send_text("x") or time.sleep(0.01) for _ in range(100)]
            )
            heard.start()
            try:
                websocket.receive_text()
            finally:
                heard.join()


def test_a_websocket_that_only_tells_ends_too(users, monkeypatch):
    monkeypatch.setattr(signed_in, "CHECK_S", 0.1)
    client = visitor(Access(users=users))
    sign_in(client)
    with (
        pytest.raises((WebSocketDisconnect, ConnectionAbortedError)),
        client.websocket_connect("ws://127.0.0.1:8471/pushes") as websocket,
    ):
        assert websocket.receive_text() == "inside"
        users.set_password("Kim", "another password")
        while True:
            websocket.receive_text()


def test_an_answer_without_an_end_ends_with_its_session(users, monkeypatch):
    monkeypatch.setattr(signed_in, "CHECK_S", 0.1)
    client = visitor(Access(users=users))
    sign_in(client)
    threading.Timer(0.5, lambda: users.remove("Lee")).start()
    threading.Timer(0.5, lambda: users.set_password("Kim", "another password")).start()
    assert set(client.get("/endless").text) == {"x"}  # it came to an end


def test_a_session_ends_after_its_time():
    access = Access(TOKEN)
    assert access.sign_in_by_token("guess", 0.0) is None
    session = access.sign_in_by_token(TOKEN, 0.0)
    assert access.user(session, SESSION_S - 1) == OWNER
    assert access.user(session, SESSION_S) is None
    assert access.user("", 0.0) is None
    assert TOKEN not in repr(access)


def test_signing_out_ends_the_session_and_clears_what_the_browser_keeps(users):
    access, notes = Access(users=users), Notes()
    client = visitor(access, notes)
    sign_in(client)
    kept = dict(client.cookies)
    out = client.get("/logout")
    assert "You are signed out." in out.text
    assert out.headers["clear-site-data"] == '"cache"'
    assert client.get("/page").status_code == 401
    assert visitor(access).get("/page", cookies=kept).status_code == 401
    assert notes.all[-1] == ("Kim", "192.0.2.7", "signed_out", "")


def test_another_process_takes_sessions_and_links_over_and_is_told_no_secret(users):
    import json

    before = Access(users=users)
    session = asyncio.run(before.sign_in_by_password("Kim", PASSWORD, 0.0))
    other = asyncio.run(before.sign_in_by_password("Lee", PASSWORD, 0.0))
    link, used = before.new_link(0.0), before.new_link(0.0)
    by_link = before.follow_link(used, 0.0)
    told = json.dumps(before.state())
    assert not any(secret in told for secret in (session, other, link, by_link))
    users.remove("Lee")
    after = Access(users=users)
    after.take_over(json.loads(told))
    assert after.user(session, 1.0) == User("Kim", Role.ADMIN)
    assert after.user(by_link, 1.0) == OWNER
    assert after.user(other, 1.0) is None
    assert after.follow_link(used, 1.0) is None
    assert after.follow_link(link, 1.0) is not None


# the link


def test_a_link_works_once_and_leads_to_where_it_says_without_its_token(users):
    access = Access(users=users)
    client = visitor(access)
    link = access.new_link(guard_module.now())
    entered = client.get("/live", params={"token": link, "camera": "정문"})
    assert entered.status_code == 200
    assert link not in entered.text
    assert "url=/live?camera=%EC%A0%95%EB%AC%B8" in entered.text
    assert entered.headers["referrer-policy"] == "no-referrer"
    assert entered.headers["cache-control"] == "no-store"
    assert client.get("/people").text == "inside, owner"
    again = visitor(access).get("/", params={"token": link})
    assert again.status_code == 401
    assert "was already used" in again.text
    assert client.get("/", params={"token": link}).status_code == 200  # who is in already just goes on


def test_a_link_is_too_old_after_an_hour_and_no_wrong_one_locks_anybody_out():
    access = Access()
    link = access.new_link(0.0)
    assert access.follow_link(link, LINK_S) is None
    client = visitor(access)
    for _ in range(GUESSES + 2):
        assert client.get("/", params={"token": "made up"}).status_code == 401
    assert client.get("/", params={"token": access.new_link(guard_module.now())}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-purpose": "prefetch"},
    ],
)
def test_another_sites_picture_neither_uses_a_link_nor_up_the_guesses(headers):
    access = Access(TOKEN)
    client, link = visitor(access), access.new_link(guard_module.now())
    for token in [link, *(f"guess {n}" for n in range(GUESSES + 1))]:
        assert client.get("/", params={"token": token}, headers=headers).status_code == 401
    navigation = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", params={"token": link}, headers=navigation).status_code == 200
    assert client.post("/login", data={"token": TOKEN}).status_code == 200


def test_the_first_person_is_led_to_make_a_user_and_later_ones_are_not(users, tmp_path):
    empty = Access(users=Users(tmp_path / "empty"))
    link = {"token": empty.new_link(guard_module.now())}
    assert "url=/people" in visitor(empty, first_page="/people").get("/", params=link).text
    there = Access(users=users)
    link = {"token": there.new_link(guard_module.now())}
    assert 'url=/"' in visitor(there, first_page="/people").get("/", params=link).text
    nobody = visitor(Access(users=Users(tmp_path / "empty"))).get("/")
    assert "maskwatch users add NAME --role admin" in nobody.text
    assert "<form" not in nobody.text


# the token for all, as before


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_nobody_has_to_set_a_token(host):
    assert checked_token(host, None) is None
    assert checked_token(host, TOKEN) == TOKEN


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "review.example", "127.0.0.1.example"])
@pytest.mark.parametrize("token", [None, "", "  ", "short"])
def test_any_other_address_needs_a_good_token_or_users(host, token):
    with pytest.raises(ConfigError, match="token") as refused:
        checked_token(host, token)
    assert "short" not in str(refused.value)
    if token != "short":
        assert checked_token(host, token, has_users=True) is None


def test_guessing_a_token_is_slowed_down():
    access = Access(TOKEN)
    for _ in range(GUESSES):
        access.sign_in_by_token("guess", 5.0)
    assert access.sign_in_by_token(TOKEN, 6.0) is None
    assert access.sign_in_by_token(TOKEN, 5.0 + GUESSES_S) is not None


def test_the_token_in_an_address_is_taken_out_of_it(caplog):
    caplog.set_level(logging.WARNING, "httpx")  # the visitor's own log, which tests before may have turned on
    client = visitor(Access(TOKEN))
    entered = client.get("/sample/1", params={"token": TOKEN, "camera": "정문"})
    assert TOKEN not in entered.text
    assert "/sample/1?camera=%EC%A0%95%EB%AC%B8" in entered.text
    assert client.get("/sample/1").text == "inside, owner"
    assert visitor(Access(TOKEN)).get("/", params={"token": "guess"}).status_code == 401
    assert TOKEN not in caplog.text
    assert "guess" not in caplog.text


def test_a_long_form_is_not_read():
    form = b"padding=" + b"a" * 100_000 + b"&token=" + TOKEN.replace(" ", "+").encode()
    assert visitor(Access(TOKEN)).post("/login", content=form).status_code == 401


# other sites


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:8471", "http://127.0.0.1:1"]
)
def test_another_sites_page_gets_nothing(users, origin):
    client = visitor(Access(users=users))
    sign_in(client)
    assert client.get("/", headers={"origin": origin}).status_code == 403
    assert client.post("/login", headers={"origin": origin}).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("ws://127.0.0.1:8471/ws", headers={"origin": origin}),
    ):
        pass
    assert client.get("/", headers={"origin": AT}).text == "inside, Kim"


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/history?day=2026-11-26&kind=alert", "/history?day=2026-11-26&kind=alert"),
        ("/queue/sample/%EC%A0%95", "/queue/sample/%EC%A0%95"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_signing_in_never_leads_to_another_site(users, path, leads_to):
    assert path_of_this_site(path) == leads_to
    entered = sign_in(visitor(Access(users=users)), to=path)
    assert f'url={leads_to.replace("&", "&amp;")}"' in entered.text


def test_the_login_page_remembers_where_somebody_wanted_to_go(users):
    client = visitor(Access(users=users))
    asked = client.get("/history?day=2026-11-26")
    assert 'name="to" value="/history?day=2026-11-26"' in asked.text
    wrong = sign_in(client, "Kim", "wrong password", to="/history?day=2026-11-26")
    assert 'name="to" value="/history?day=2026-11-26"' in wrong.text


def test_every_answer_forbids_frames_and_other_places(users):
    client = visitor(Access(users=users))
    for answer in (client.get("/"), sign_in(client), client.get("/"), client.get("/logout")):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_with_tls_the_cookie_is_this_hosts_alone(users):
    client = visitor(Access(users=users), at="https://door.example")
    cookie = sign_in(client).headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    assert "Secure" in cookie
    assert client.get("/page").text == "inside, Kim"
    plain = visitor(Access(users=users))
    plain.cookies.set("__Host-session", client.cookies["__Host-session"])
    assert plain.get("/page").status_code == 401


# rights


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("박 하나", {"/live", "/history"}),
        ("Lee", {"/live", "/history", "/queue", "/queue/sample/1", "/team"}),
        ("Kim", {"/live", "/history", "/queue", "/queue/sample/1", "/team", "/editor", "/people"}),
    ],
)
def test_each_role_may_what_it_may_and_is_told_the_rest_in_its_language(users, name, allowed):
    client, notes = None, Notes()
    client = visitor(Access(users=users), notes)
    sign_in(client, name)
    paths = ["/live", "/history", "/queue", "/queue/sample/1", "/team", "/editor", "/people"]
    answers = {path: client.get(path, headers={"accept-language": "ko-KR,ko;q=0.9"}) for path in paths}
    assert {path for path, answer in answers.items() if answer.status_code == 200} == allowed
    for path in set(paths) - allowed:
        assert answers[path].status_code == 403
        assert "권한이 없습니다" in answers[path].text
        assert '<a href="/">' in answers[path].text
        assert (name, "192.0.2.7", "refused", path) in notes.all


def test_the_login_page_speaks_the_browsers_language_or_the_chosen_one(users):
    client = visitor(Access(users=users))
    korean = {"accept-language": "ko"}
    assert "비밀번호" in client.get("/", headers=korean).text
    chosen = client.get("/login?language=en&to=/live", headers=korean)
    assert "Password" in chosen.text
    assert 'name="to" value="/live"' in chosen.text
    assert "Password" in client.get("/", headers=korean).text  # it was kept


# what is written down


def test_it_is_noted_who_opened_and_fetched_what(users):
    notes = Notes()
    client = visitor(Access(users=users), notes)
    sign_in(client, "secret-in-the-wrong-field", "x")
    sign_in(client, "lee", "x")
    sign_in(client)
    for path in ("/live?camera=door", "/_nicegui/x.js", "/app.js", "/live/door.jpg?n=1", "/live/door.jpg?n=2",
                 "/queue/thumbnail/1.jpg", "/queue/picture/1.jpg", "/queue/export"):  # fmt: skip
        assert client.get(path).status_code == 200
    for path in ("live/stream", "live/stream", "_nicegui_ws/socket.io"):
        with client.websocket_connect(f"ws://127.0.0.1:8471/{path}"):
            pass
    here = "192.0.2.7"
    assert notes.all == [
        ("", here, "wrong_password", ""),
        ("Lee", here, "wrong_password", ""),
        ("Kim", here, "signed_in", ""),
        ("Kim", here, "opened", "/live"),
        ("Kim", here, "fetched", "/live/door.jpg"),
        ("Kim", here, "fetched", "/queue/picture/1.jpg"),
        ("Kim", here, "fetched", "/queue/export"),
        ("Kim", here, "opened", "/live/stream"),
    ]


def test_notes_become_events_and_neither_wait_for_the_disk_nor_end_with_it(caplog):
    stored, disk = [], threading.Event()

    def add(events):
        assert disk.wait(20)
        if not stored:
            stored.append(None)
            raise EventError("events: disk full")
        stored.extend(events)

    with AccessLog(add) as log:
        for number in range(5000):  # more than may wait
            log.note("Kim", "192.0.2.7", "opened", f"/page/{number}")
        disk.set()
    events = stored[1:]
    assert 1000 < len(events) < 5000
    assert {event.kind for event in events} == {EventKind.ACCESS}
    assert {"user": "Kim", "address": "192.0.2.7", "action": "opened", "target": "/page/500"} in [
        e.data for e in events
    ]
    assert len({event.id for event in events}) == len(events)
    assert "disk full" in caplog.text
    assert "entries were not written" in caplog.text
