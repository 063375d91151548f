"""A webhook against a real HTTP server: signed, retried, in order, and whole after a SIGKILL."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from harness.cameras import free_port
from harness.receivers import Receiver
from harness.waiting import until

from maskwatch.alerts.kinds import webhook
from maskwatch.alerts.kinds.webhook import Settings, _after_s, build
from maskwatch.alerts.registry import SinkContext
from maskwatch.config.load import load, parse
from maskwatch.conformance.alerts import offline, unprotected
from maskwatch.core.errors import AlertError, AlertKept, ConfigError

SECRET = "hunter2-hunter2-hunter2"


pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def make(tmp_path):
    made = []

    def sink(url, **settings):
        settings = Settings(**{"url": url, "dir": tmp_path / "outbox"} | settings)
        made.append(build(settings, SinkContext(tmp_path)))
        return made[-1]

    yield sink
    for each in made:
        each.close()


def alert_at(at):
    return replace(unprotected(picture=False), at=at, rule="masks", tracks=(4, 7))


def test_the_body_has_the_documented_keys(make, receiver):
    sink = make(receiver.url)
    alert = alert_at(1_790_000_000.25)
    sink.deliver(alert)
    sink.ended(replace(alert, ended_at=1_790_000_012.0))
    begin, end = (json.loads(body) for _, body in receiver.taken)
    assert begin == {
        "id": alert.id,
        "state": "begin",
        "kind": "unprotected",
        "rule": "masks",
        "camera": "door",
        "at": "2026-09-21T14:13:20.250Z",
        "ended_at": None,
        "people": 4,
        "unprotected": 3,
        "protected_ratio": 0.25,
        "say": "Please wear your mask.",
        "level": 1,
        "tracks": [4, 7],
        "reason": None,
    }
    assert end == begin | {"state": "end", "ended_at": "2026-09-21T14:13:32.000Z"}
    assert [headers["webhook-id"] for headers, _ in receiver.taken] == [
        f"{alert.id}-begin",
        f"{alert.id}-end",
    ]


def test_a_picture_is_sent_where_it_is_wanted_and_there_is_one(make, receiver):
    sink = make(receiver.url, picture=True)
    sink.deliver(unprotected())
    sink.deliver(offline())
    with_one, without = (json.loads(body) for _, body in receiver.taken)
    assert base64.b64decode(with_one["picture"]).startswith(b"\xff\xd8")
    assert "picture" not in without
    assert without["reason"] == "no answer in time"


@pytest.mark.parametrize(
    ("secret", "key"),
    [(SECRET, SECRET.encode()), ("whsec_" + base64.b64encode(b"k" * 24).decode(), b"k" * 24)],
)
def test_the_signature_is_of_id_time_and_body(make, receiver, secret, key):
    make(receiver.url, secret=secret).deliver(unprotected())
    ((headers, body),) = receiver.taken
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_each_attempt_is_signed_anew(make, receiver, monkeypatch):
    receiver.usual = 503
    sink = make(receiver.url, secret=SECRET)
    with pytest.raises(AlertKept, match="HTTP 503; 1 message waiting"):
        sink.deliver(unprotected())
    later_s = time.time() + 1000
    monkeypatch.setattr(webhook.time, "time", lambda: later_s)
    until(lambda: receiver.refused[-1][0]["webhook-timestamp"] == str(int(later_s)))
    first, last = receiver.refused[0][0], receiver.refused[-1][0]
    assert first["webhook-id"] == last["webhook-id"]
    assert first["webhook-signature"] != last["webhook-signature"]


def test_of_a_server_that_fails_for_a_while_nothing_is_lost_and_the_order_stays(make):
    port = free_port()
    sink = make(f"http://127.0.0.1:{port}/hook", secret=SECRET)
    alerts = [alert_at(float(number)) for number in range(12)]
    for alert in alerts[:6]:  # nobody is there
        with pytest.raises(AlertKept):
            sink.deliver(alert)
    with Receiver(port) as receiver:
        receiver.answers = [500, 503, 429, 404, 500]
        for alert in alerts[6:]:
            try:
                sink.deliver(alert)
            except AlertKept:
                continue
        until(lambda: len(receiver.taken) == 12)
        assert [json.loads(body)["id"] for _, body in receiver.taken] == [alert.id for alert in alerts]
        assert len(receiver.refused) == 5
        sink.probe(())


def test_while_it_fails_probe_says_why(make, receiver):
    receiver.usual = 500
    sink = make(receiver.url)
    with pytest.raises(AlertKept):
        sink.deliver(unprotected())
    with pytest.raises(
        AlertKept, match=r"webhook: 127\.0\.0\.1:\d+: answers with HTTP 500; 1 message waiting"
    ):
        sink.probe(())


def test_a_redirection_is_not_followed(make, receiver):
    with Receiver() as other:
        receiver.usual, receiver.headers = 302, {"location": other.url}
        with pytest.raises(AlertKept, match="HTTP 302, a redirection, which is not followed"):
            make(receiver.url, secret=SECRET).deliver(unprotected())
        assert other.taken == []


CHILD = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from maskwatch.alerts.kinds.webhook import Settings, build
from maskwatch.alerts.registry import SinkContext
from maskwatch.conformance.alerts import unprotected
from maskwatch.core.errors import AlertKept

sink = build(Settings(url=sys.argv[1], dir=Path(sys.argv[2])), SinkContext(Path(sys.argv[2])))
for number in range(4):
    try:
        sink.deliver(replace(unprotected(), at=float(number)))
    except AlertKept:
        pass
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.integration
def test_what_waited_at_a_sigkill_is_delivered_after_the_restart(make, tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    command = [sys.executable, "-c", CHILD, url, str(tmp_path / "outbox")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    assert subprocess.run(command, env=env).returncode == -signal.SIGKILL
    with Receiver(port) as receiver:
        sink = make(url)
        sink.probe(())  # the service starts
        sink.deliver(replace(unprotected(), at=4.0))
        until(lambda: len(receiver.taken) == 5)
        ids = [replace(unprotected(), at=float(number)).id for number in range(5)]
        assert [json.loads(body)["id"] for _, body in receiver.taken] == ids


@pytest.fixture
def certificate(tmp_path):
    """Of 127.0.0.1, signed by itself: the files of certificate and key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*make, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.mark.integration
def test_a_certificate_is_verified(make, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with Receiver(context=context) as receiver:
        url = f"https://127.0.0.1:{receiver.port}/hook"
        with pytest.raises(AlertKept, match="its certificate is not trusted: self-signed certificate"):
            make(url).deliver(unprotected())
        assert receiver.taken == []
        trusting = make(url + "?", ca=certificate[0])
        trusting.deliver(unprotected())
        assert len(receiver.taken) == 1
        assert "answers" in trusting.check(("say",), aloud=False)


def test_check_tries_without_a_message_and_aloud_with_one(make, receiver):
    sink = make(receiver.url)
    assert "answers" in sink.check(("Please.",), aloud=False)
    assert receiver.taken == []
    sink.check(("Please.",), aloud=True)
    assert json.loads(receiver.taken[0][1]) == {"state": "trial", "say": ["Please."]}
    with pytest.raises(AlertError, match="Connection refused"):
        make("http://127.0.0.1:1/").check((), aloud=False)


def test_neither_secret_nor_address_is_told(make, receiver, caplog, tmp_path):
    receiver.usual = 500
    sink = make(f"{receiver.url}/token-of-mine", secret=SECRET)
    with pytest.raises(AlertKept) as caught:
        sink.deliver(unprotected())
    shown = f"{caught.value!r} {caught.value.__cause__} {sink._settings!r} {caplog.text}"
    for path in (tmp_path / "outbox").rglob("*"):
        shown += str(path) + (path.read_text() if path.is_file() else "")
    assert "hunter2" not in shown
    assert "token-of-mine" not in shown


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("url: ftp://h/hunter2", "url: must be an address that begins with https:// or http://"),
        ("url: https://user:hunter2@h/", "url: must hold no user and password"),
        ("url: https://h/, secret: hunter2", "secret: must have at least 16 characters"),
        ("url: https://h/, secret: 'whsec_hunter2!hunter2'", "secret: must have base64 behind whsec_"),
    ],
)
def test_a_wrong_setting_is_told_by_its_key_and_not_shown(line, told):
    text = f"alert: {{sinks: [{{kind: webhook, {line}}}]}}"
    with pytest.raises(ConfigError) as caught:
        parse(text, "c.yaml", {})
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_queue_lies_beside_the_configuration_however_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKWATCH_HOOK", SECRET)
    path = tmp_path / "config.yaml"
    sink = "{kind: webhook, url: 'https://h/{MASKWATCH_HOOK}', secret: '{MASKWATCH_HOOK}'}"
    path.write_text(
        f"cameras: {{door: {{source: 'usb:0', alert: {{sinks: [{sink}]}}}}}}\nalert: {{sinks: [{sink}]}}"
    )
    config = load(path)
    for settings in (config.defaults.alert.sinks[0], config.cameras["door"].alert.sinks[0]):
        assert settings.dir == tmp_path / "outbox"
        assert settings.url.get_secret_value() == f"https://h/{SECRET}"


def test_a_certificate_file_that_is_none_is_a_problem_of_the_configuration(make, tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        make("https://h/", ca=tmp_path / "ca.pem")


def test_retry_after_is_read_as_seconds_or_a_date(monkeypatch):
    monkeypatch.setattr(webhook.time, "time", lambda: 1_000_000_000.0)
    assert _after_s("7") == 7
    assert _after_s("Sun, 09 Sep 2001 01:47:00 GMT") == 20
    assert _after_s("Sun, 09 Sep 2001 01:00:00 GMT") == 0
    assert _after_s("soon") is None
    assert _after_s(None) is None
