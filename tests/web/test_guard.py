"""The rules about who may ask, which the pages for people and the interface for machines share."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from maskwatch.console.access import Access
from maskwatch.console.guard import guarded
from maskwatch.http.guard import GUESSES, GUESSES_S, HEADERS, MAX_ADDRESSES, TokenCheck
from maskwatch.web.application import make_app

TOKEN = "a-token-of-24-characters"
BOTH = pytest.mark.parametrize("side", ["console", "web"])


def broken(_):
    raise RuntimeError("on purpose")


def ask(side, *, token=TOKEN, client=("192.0.2.7", 1), host="localhost"):
    routes = [
        Route("/", lambda _: PlainTextResponse("inside"), methods=["GET", "POST"]),
        Route("/open", lambda _: PlainTextResponse("inside")),
        Route("/broken", broken),
    ]
    if side == "web":
        app = make_app(routes, token=token)
    else:
        app = guarded(make_app(routes, token=None), Access(token), "session")
    return TestClient(app, base_url=f"http://{host}", client=client, raise_server_exceptions=False)


def inside(side, **options):
    """Somebody whom the door lets through: on this machine the web asks for nothing, the console for a session."""
    client = ask(side, **({"token": None} if side == "web" else {}), **options)
    if side == "console":
        client.get("/", params={"token": TOKEN})
    return client


def offer(side, client, token):
    if side == "web":
        return client.get("/open", headers={"Authorization": f"Bearer {token}"}).status_code
    return client.get("/", params={"token": token}).status_code


@BOTH
@pytest.mark.logs_errors
def test_every_answer_and_every_refusal_keeps_browsers_from_framing_and_sniffing_it(side):
    answers = [
        inside(side).get("/"),
        inside(side).get("/none"),
        inside(side).get("/broken"),
        inside(side).post("/", headers={"origin": "http://evil.example"}),
        ask(side).get("/none"),
        ask("web", token=None, host="evil.example").get("/"),
    ]
    assert [a.status_code for a in answers] == [200, 404, 500, 403, 401, 400]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS if name != "Content-Security-Policy"} == {
            name: value for name, value in HEADERS.items() if name != "Content-Security-Policy"
        }
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@BOTH
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://[", "null", "http://localhost.evil.example"]
)
def test_no_other_sites_page_writes(side, origin):
    client = inside(side)
    assert client.post("/", headers={"origin": origin}).status_code == 403
    assert client.post("/", headers={"origin": "http://localhost"}).text == "inside"
    assert client.post("/").text == "inside"


@BOTH
def test_an_address_that_guesses_has_to_wait_and_others_have_not(side, monkeypatch):
    from maskwatch.console import guard as console_guard
    from maskwatch.web import application

    at = [1000.0]
    for module in (console_guard, application):
        monkeypatch.setattr(module, "now", lambda: at[0])
    one = ask(side, token=TOKEN)
    other = TestClient(one.app, base_url="http://localhost", client=("198.51.100.1", 1))
    assert [offer(side, one, f"wrong-{n}") for n in range(GUESSES)] == [401] * GUESSES
    assert offer(side, one, TOKEN) == 429
    assert offer(side, other, TOKEN) == 200
    at[0] += GUESSES_S
    assert offer(side, one, TOKEN) == 200


def test_asking_without_a_token_is_no_guess():
    client = ask("web", token=TOKEN)
    assert {client.get("/none").status_code for _ in range(GUESSES + 1)} == {401}
    assert offer("web", client, TOKEN) == 200


def test_one_visitor_has_a_whole_network_of_ipv6_and_one_address_of_ipv4():
    check = TokenCheck(TOKEN)
    for n in range(GUESSES):
        check.is_right("guess", f"2001:db8::{n:x}", 0.0)
        check.is_right("guess", "::ffff:192.0.2.1", 0.0)
    assert not check.is_right(TOKEN, "2001:db8::ffff", 1.0)
    assert check.is_right(TOKEN, "2001:db8:0:1::1", 1.0)
    assert not check.is_right(TOKEN, "192.0.2.1", 1.0)
    assert check.is_right(TOKEN, "192.0.2.2", 1.0)


def test_guesses_from_everywhere_fill_no_memory_and_the_secret_is_not_shown():
    check = TokenCheck(TOKEN)
    for n in range(MAX_ADDRESSES + 50):
        check.is_right("guess", f"10.0.{n // 250}.{n % 250}", float(n))
    assert len(check._limit._failures) == MAX_ADDRESSES
    assert TOKEN not in repr(check)
