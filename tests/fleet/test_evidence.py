"""Whether a version was seen for long enough at its stage."""

from datetime import UTC, datetime, timedelta

import pytest

from maskwatch.core.interval import wilson
from maskwatch.fleet.evidence import ENOUGH_FRAMES, evidence
from maskwatch.fleet.manifest import FileFacts, Release
from maskwatch.fleet.report import ServiceReport
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import CLASSIFIER, DETECTOR

from .conftest import V1

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
IN_TWO_HOURS = NOW + timedelta(hours=2)
PILOTS = ("a", "b", "c")
FACTS = FileFacts(sha256="0" * 64, size=1)


def release(stage):
    files = {DETECTOR: FACTS, CLASSIFIER: FACTS}
    return Release(version=V1, stage=stage, sequence=1, made_at=NOW, parent=None, files=files, pilots=PILOTS)


def report(name, serves="shipped", at=NOW, **about):
    return ServiceReport(name=name, at=at, program="0.1.0", sequence=1, serves=serves, **about)


def tried(name, frames, differing, **about):
    return report(name, shadow=V1, frames=frames, differing=differing, **about)


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ([report("a")], "no frame was compared yet; 400 are needed"),
        (
            [tried("a", 100, 2), tried("b", 50, 1), report("c", shadow="v2", frames=900)],
            "3 of 150 frames differ at 2 services (2.0%, 95 % interval 0.7% to 5.7% if frames were independent); 250 more",
        ),
        (
            [tried("a", 400, 0)],
            "(0.0%, 95 % interval 0.0% to 1.0% if frames were independent), enough to tell how many",
        ),
        ([tried("a", 400, 0, at=NOW - timedelta(days=1))], "no frame was compared yet"),
    ],
    ids=["none", "few", "enough", "silent"],
)
def test_of_a_version_in_the_shadow_the_frames_that_are_missing_are_told(reports, said):
    assert said in evidence(release(Stage.SHADOW), reports, NOW)


def served(name, hours, **about):
    return report(name, V1, watched_until=NOW + timedelta(hours=hours), **about)


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        (
            [served("a", -1), served("b", 2), report("c"), report("elsewhere")],
            f"0 refused it or went back; waiting for 2 services, the last until {IN_TWO_HOURS:%Y-%m-%d %H:%M} UTC",
        ),
        ([served("a", -1), report("b", V1)], "waiting for 1 service"),  # which does not tell since when
        (
            [served(name, -1) for name in PILOTS],
            "0 refused it or went back: of all services 56% at most would (95 %)",
        ),
        (
            [served("a", -1), report("b", refused={V1: "shifted"})],
            "1 refused it or went back: of all services 91%",
        ),
        ([], "0 of 0 services served with it for as long as it is watched, 0 refused it or went back"),
    ],
    ids=["waiting", "unknown", "well", "refused", "nobody"],
)
def test_of_a_version_at_a_tenth_the_services_that_are_waited_for_are_told(reports, said):
    assert said in evidence(release(Stage.TENTH), reports, NOW)


@pytest.mark.parametrize("stage", [Stage.ALL, Stage.WITHDRAWN])
def test_of_what_is_decided_nothing_is_told(stage):
    assert evidence(release(stage), [served("a", -1)], NOW) is None


def test_the_page_s_figures_are_those_of_the_interval():
    """docs/fleet.md, *How long at a stage*."""
    for differing in range(ENOUGH_FRAMES + 1):
        low, high = wilson(differing, ENOUGH_FRAMES)
        assert high - low < 0.1
    assert wilson(0, ENOUGH_FRAMES)[1] < 0.01
    assert [round(wilson(0, services)[1], 2) for services in (3, 10, 35)] == [0.56, 0.28, 0.1]
    for share, least in ((0.9, 8), (0.8, 14), (0.7, 24), (0.6, 100)):
        assert wilson(round(share * least), least)[0] > 0.5
        fewer = [n for n in range(1, least) if wilson(round(share * n), n)[0] <= 0.5]
        assert max(fewer) >= 0.8 * least
