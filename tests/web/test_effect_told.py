"""What came of announcements, as `/api/status`, `/metrics` and `maskwatch status` tell it."""

import pytest
from prometheus_client import CollectorRegistry

from maskwatch.cli.status import _effects
from maskwatch.core.records import (
    Announcements,
    CameraState,
    CameraStatus,
    EffectFigures,
    EffectStatus,
    Estimate,
    Status,
    Versions,
)
from maskwatch.web.metrics import ServiceCollector
from maskwatch.web.service_view import ServiceView, Storage
from maskwatch.web.status import described

TOTAL = EffectFigures(
    Announcements(12, 20, 7, 3, Estimate(0.35, 0.18, 0.57)),
    Announcements(4, 9, 1, 0, Estimate(0.1111, 0.01, 0.51)),
    Estimate(0.2389, -0.15, 0.49),
)
TODAY = EffectFigures(Announcements(1, 2, 1, 0, Estimate(0.5)))
SEEN = Status(
    {
        "door": CameraStatus(CameraState.UP, effect=EffectStatus(20, TODAY, TOTAL)),
        "new": CameraStatus(effect=EffectStatus(20)),
    },
    now_s=1000.0,
)
STORAGE = Storage(0, 0, 1)
VERSIONS = dict.fromkeys(SEEN.cameras, Versions("a", "b"))


@pytest.fixture
def told():
    return described(SEEN, VERSIONS, STORAGE)


def test_the_status_has_announcements_people_shares_and_the_difference_of_the_day_and_in_all(told):
    effect = told["cameras"]["door"]["effect"]
    assert {key: effect[key] for key in ("announcements", "addressed", "put_on", "unknown")} == {
        "announcements": 12,
        "addressed": 20,
        "put_on": 7,
        "unknown": 3,
    }
    assert (effect["share"], effect["low"], effect["high"], effect["effect_s"]) == (0.35, 0.18, 0.57, 20)
    assert (effect["withheld"]["announcements"], effect["withheld"]["put_on"]) == (4, 1)
    assert effect["difference"] == {"difference": 0.2389, "low": -0.15, "high": 0.49}
    assert (effect["today"]["addressed"], effect["today"]["share"], effect["today"]["low"]) == (2, 0.5, None)


def test_the_metrics_count_announcements_and_people_by_how_it_went():
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServiceCollector(ServiceView(lambda: SEEN, lambda: VERSIONS, lambda: STORAGE)))

    def value(name, **labels):
        return registry.get_sample_value(name, {"camera": "door"} | labels)

    assert [value("maskwatch_announcements_total", outcome=o) for o in ("told", "withheld")] == [12, 4]
    people = "maskwatch_addressed_people_total"
    assert [value(people, told="true", outcome=o) for o in ("put_on", "not", "unknown")] == [7, 10, 3]
    assert [value(people, told="false", outcome=o) for o in ("put_on", "not", "unknown")] == [1, 8, 0]


def test_the_command_has_a_line_for_a_camera_that_announced_something(told):
    (line,) = _effects(told)
    assert line == (
        "door: 12 announcements to 20 without a mask, 7 put one on (35%, 95 % interval 18% to 57%), 3 unknown "
        "within 20 s; 4 withheld ones to 9 without a mask, 1 put one on (11%, 95 % interval 1% to 51%), 0 unknown; "
        "difference 24%, 95 % interval -15% to 49%"
    )


def test_a_service_of_before_that_tells_nothing_of_it_is_understood(told):
    del told["cameras"]["door"]["effect"]
    assert _effects(told) == []
