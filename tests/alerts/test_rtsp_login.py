"""Logging in as HTTP does: the examples of the standards."""

import re

import pytest

from maskwatch.alerts import rtsp_login
from maskwatch.alerts.rtsp_login import Login


@pytest.fixture
def cnonce(monkeypatch):
    value = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr(rtsp_login.secrets, "token_hex", lambda _: value)
    return value


def answer(login, method="GET", uri="/dir/index.html"):
    header = login.header(method, uri)
    assert header.startswith("Digest ")
    return dict(re.findall(r'(\w+)="?([^",]*)"?', header.removeprefix("Digest ")))


CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(cnonce, algorithm, response):
    login = Login("Mufasa", "Circle of Life")
    assert login.learn([CHALLENGE.format("SHA-512-256"), CHALLENGE.format(algorithm)])
    fields = answer(login)
    assert fields["response"] == response
    assert (fields["nc"], fields["cnonce"], fields["algorithm"]) == ("00000001", cnonce, algorithm)
    assert fields["opaque"].startswith("FQhe/")
    again = answer(login)
    assert again["nc"] == "00000002"
    assert again["response"] != response


def test_the_example_of_rfc_2617_in_the_older_way_and_of_a_session(cnonce):
    login = Login("Mufasa", "Circle Of Life")
    old = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    assert login.learn([old])
    assert answer(login)["response"] == "670fd8c2df070c60b045671b8b24ff02"
    assert "qop" not in answer(login)
    assert login.learn([f'{old}, qop="auth", algorithm=MD5-sess'])
    assert answer(login)["response"] not in {"670fd8c2df070c60b045671b8b24ff02", ""}


def test_the_example_of_rfc_7617():
    login = Login("Aladdin", "open sesame")
    assert login.header("GET", "/") is None
    assert login.learn(['Basic realm="WallyWorld"'])
    assert login.header("GET", "/") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Digest",
        'Digest realm="a"',
        "Digest nonce=",
        'Digest nonce="n", qop="auth-int"',
        "Bearer x",
        '"',
        "Digest =",
    ],
)
def test_what_cannot_be_answered_is_left_alone(header):
    login = Login("door", "s3cret")
    if login.learn([header]):
        assert header == "Digest nonce="  # an empty one can be
    else:
        assert login.header("GET", "/") is None
