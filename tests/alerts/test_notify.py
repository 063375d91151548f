"""Messages through Apprise, to an HTTP server in a service's place."""

import base64
import json
from dataclasses import replace

import pytest
from harness.receivers import Receiver
from harness.waiting import until

from maskwatch.alerts.kinds.notify import Settings, build
from maskwatch.alerts.registry import SinkContext
from maskwatch.config.load import parse
from maskwatch.conformance.alerts import offline, unprotected
from maskwatch.core.errors import AlertError, AlertKept, ConfigError

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def make(tmp_path):
    made = []

    def sink(*urls, **settings):
        made.append(build(Settings(urls=urls, dir=tmp_path / "outbox", **settings), SinkContext(tmp_path)))
        return made[-1]

    yield sink
    for each in made:
        each.close()


def url(receiver):
    return f"json://viewer:hunter2@127.0.0.1:{receiver.port}/secretpath"


def test_title_and_body_are_filled_from_the_alert(make, receiver):
    sink = make(
        url(receiver), title="{camera} ({level})", body="{unprotected} of {people} at {at}: {say} {other}"
    )
    sink.deliver(unprotected())
    ((_, body),) = receiver.taken
    told = json.loads(body)
    assert told["title"] == "door (1)"
    assert told["message"] == "3 of 4 at 1970-01-01T00:00:12.000Z: Please wear your mask. {other}"
    assert told["type"] == "warning"


def test_the_end_is_told_where_it_is_wanted(make, receiver):
    over = replace(unprotected(), ended_at=20.0)
    make(url(receiver)).ended(over)
    assert receiver.taken == []
    make(url(receiver), ended_body="{camera}: over").ended(over)
    assert json.loads(receiver.taken[0][1])["message"] == "door: over"


def test_a_picture_is_attached_where_it_is_wanted_and_there_is_one(make, receiver):
    sink = make(url(receiver), picture=True)
    sink.deliver(unprotected())
    sink.deliver(offline())
    with_one, without = (json.loads(body)["attachments"] for _, body in receiver.taken)
    assert base64.b64decode(with_one[0]["base64"]).startswith(b"\xff\xd8")
    assert with_one[0]["mimetype"] == "image/jpeg"
    assert without == []


def works(sink):
    try:
        sink.probe(())
    except AlertError:
        return False
    return True


def test_a_service_that_fails_gets_it_later_and_the_others_once(make, receiver):
    with Receiver() as failing:
        failing.answers = [500, 500, 500]
        sink = make(url(receiver), url(failing))
        with pytest.raises(
            AlertKept, match=r"^notify: json \(2 of 2\): did not take the message \(HTTP 500\)"
        ):
            sink.deliver(unprotected())
        until(lambda: len(failing.taken) == 1)
        assert len(receiver.taken) == 1
        assert len(failing.refused) == 3
        until(lambda: works(sink))  # once it is noted that it was taken


def test_while_it_fails_probe_says_why(make, receiver):
    receiver.usual = 403
    sink = make(url(receiver))
    with pytest.raises(AlertKept):
        sink.deliver(unprotected())
    with pytest.raises(AlertKept, match=r"^notify: json: .*HTTP 403.*1 message waiting"):
        sink.probe(())


def test_no_part_of_an_address_is_told(make, receiver, caplog, tmp_path):
    receiver.usual = 500
    sink = make(url(receiver))
    with pytest.raises(AlertKept) as caught:
        sink.deliver(unprotected())
    shown = f"{caught.value!r} {sink._settings!r} {caplog.text}"
    for path in (tmp_path / "outbox").rglob("*"):
        shown += str(path) + (path.read_text() if path.is_file() else "")
    assert "hunter2" not in shown
    assert "secretpath" not in shown


def test_an_address_that_apprise_does_not_know_is_a_problem_of_the_configuration(make):
    with pytest.raises(ConfigError, match=r"urls\.1: Apprise knows no such address") as caught:
        make("json://h/", "carrierpigeon://hunter2")
    assert "hunter2" not in str(caught.value)


def test_the_same_address_twice_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="must not hold the same address twice") as caught:
        parse("alert: {sinks: [{kind: notify, urls: ['json://hunter2', 'json://hunter2']}]}", "c.yaml", {})
    assert "hunter2" not in str(caught.value)


def test_check_sends_a_trial_only_aloud(make, receiver):
    sink = make(url(receiver))
    assert "not tried" in sink.check(("Please.",), aloud=False)
    assert receiver.taken == []
    sink.check(("Please.",), aloud=True)
    assert json.loads(receiver.taken[0][1])["message"] == "Please."
