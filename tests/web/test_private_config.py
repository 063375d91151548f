from starlette.testclient import TestClient

from maskwatch.core.people import People
from maskwatch.core.privacy import CameraPrivacy, Privacy
from maskwatch.core.records import Decision, Status
from maskwatch.pipeline.latest import Latest
from maskwatch.tracking import FaceTracker
from maskwatch.web.private import private_app
from maskwatch.web.service_view import ConfigInForce, ServiceView, Storage


def client(latest, in_force=None):
    view = ServiceView(lambda: Status({}), dict, lambda: Storage(0, 0, 0))
    return TestClient(private_app(view, latest, {"door": CameraPrivacy(Privacy.FULL)}, in_force))


def test_the_status_tells_which_configuration_is_in_force_and_what_was_refused():
    in_force = ConfigInForce()
    page = client(Latest([]), in_force)
    in_force.take("aa", 5.0)
    assert page.get("/status").json()["config"] == {
        "digest": "aa",
        "at": 5.0,
        "refused": None,
        "problem": None,
    }
    in_force.refuse("bb", "config.yaml:3: alert.for_s: must be at least 0")
    told = page.get("/status").json()["config"]
    assert (told["digest"], told["refused"], told["problem"][:13]) == ("aa", "bb", "config.yaml:3")
    in_force.take("cc", 9.0)
    assert page.get("/status").json()["config"]["problem"] is None
    assert client(Latest([])).get("/status").json()["config"] is None


def test_only_the_reports_after_a_known_one_are_sent(frame, report):
    latest = Latest(["door"])
    people = People(FaceTracker(), protected_at=0.5)
    times = [1e9 + 0.1 * n for n in range(20)]
    for at in times:
        told, _ = people.update(None, report(at, 0.7))
        latest.update(Decision(frame(at), told))
    page = client(latest)

    def asked(after):
        return [each["at"] for each in page.get("/minute/door", params=after).json()]

    assert asked({}) == times
    assert asked({"after": repr(times[16])}) == times[17:]
    assert asked({"after": repr(times[-1])}) == []
    assert asked({"after": "17.5"}) == times  # gone: all of them
