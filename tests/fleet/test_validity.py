"""A manifest holds for a time: who can keep newer ones from the services is noticed when it is over."""

import json
import logging
import threading
from datetime import timedelta

import pytest

from maskwatch.app.fleet import check_fleet
from maskwatch.config import load as configuration
from maskwatch.core.errors import FleetError
from maskwatch.fleet.follower import FleetFollower
from maskwatch.fleet.manifest import MANIFEST
from maskwatch.fleet.publish import VALIDITY
from maskwatch.fleet.signing import sign
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import SHIPPED
from maskwatch.platform.clock import utc_now
from maskwatch.web.metrics import ServiceCollector
from maskwatch.web.service_view import ServiceView, Storage

from .conftest import V1, V2, Watched

MOMENT = timedelta(minutes=5)


@pytest.fixture
def later(monkeypatch):
    """Lets the services' clock go on by a time."""

    def by(time):
        for module in ("fleet.member", "app.fleet"):
            monkeypatch.setattr(f"maskwatch.{module}.utc_now", lambda: utc_now() + time)

    return by


def fleet_up(pipeline):
    view = ServiceView(pipeline.board.snapshot, dict, lambda: Storage(None, None, None))
    (metric,) = (each for each in ServiceCollector(view).collect() if each.name == "maskwatch_fleet_up")
    return metric.samples[0].value


def test_news_that_are_withheld_are_noticed_when_the_last_manifest_has_expired(
    publisher, source, service, folder, later, caplog
):
    caplog.set_level(logging.INFO)
    publisher.publish(source, V1, Stage.ALL)
    withheld = (folder / MANIFEST).read_bytes()
    shop, pipeline = service(), Watched()
    looks = FleetFollower(shop.member, pipeline, 300, threading.Event())
    looks.look()
    publisher.stage(V1, Stage.WITHDRAWN)
    newest = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(withheld)
    later(VALIDITY - MOMENT)
    looks.look()
    assert (pipeline.notice, fleet_up(pipeline)) == (None, 1)
    later(VALIDITY)
    looks.look()
    looks.look()
    assert pipeline.notice.startswith("fleet: the fleet's manifest has expired: it was signed on ")
    assert "maskwatch fleet refresh signs it anew, where nobody withholds a newer one" in pipeline.notice
    assert fleet_up(pipeline) == 0
    assert shop.serving == V1  # which is no reason to stop
    assert [r.levelname for r in caplog.records if "has expired" in r.getMessage()] == ["WARNING"]
    later(timedelta())
    (folder / MANIFEST).write_bytes(newest)
    looks.look()
    assert (shop.serving, fleet_up(pipeline)) == (SHIPPED, 1)


def test_nothing_is_taken_that_a_manifest_offers_which_has_expired(publisher, source, service, later):
    publisher.publish(source, V1, Stage.ALL)
    later(VALIDITY)
    shop = service()
    with pytest.raises(FleetError, match="has expired"):
        shop.look()
    assert shop.registry.versions() == []
    publisher.refresh(2 * VALIDITY)
    assert shop.look() == V1


def test_a_manifest_of_before_has_no_end(publisher, source, service, folder, later):
    publisher.publish(source, V1, Stage.ALL)
    data = json.loads((folder / MANIFEST).read_bytes().partition(b"\n")[0])
    del data["expires_at"]
    (folder / MANIFEST).write_bytes(sign(json.dumps(data).encode(), publisher._key))
    later(timedelta(days=3650))
    assert service().look() == V1


def test_a_renewal_changes_nothing_but_how_long_it_holds(publisher, source, service):
    publisher.publish(source, V1)
    before = publisher.publish(source, V2, Stage.ALL)
    shop = service()
    shop.why_not = "it is worse here"
    assert shop.look() == SHIPPED
    renewed = publisher.refresh(timedelta(days=7))
    assert renewed.sequence > before.sequence
    assert renewed.releases == before.releases
    shop.why_not = None
    assert shop.look() == SHIPPED  # what was refused is refused still
    for manifest in (renewed, publisher.refresh(), publisher.stage(V1, Stage.WITHDRAWN)):
        assert manifest.validity == timedelta(days=7)


def test_what_was_never_published_cannot_be_renewed(publisher, folder):
    with pytest.raises(FleetError, match="nothing is published there"):
        publisher.refresh()
    assert list(folder.iterdir()) == []


def test_check_tells_until_when_it_holds_and_that_it_does_no_more(publisher, source, folder, keys, later):
    publisher.publish(source, V1)
    fleet = {"address": str(folder), "public_key": str(keys / "ours.pub"), "name": "shop"}
    config = configuration.parse(
        json.dumps({"cameras": {"door": {"source": "d.mp4"}}, "fleet": fleet}), "test", {}
    )
    assert f"valid until {utc_now() + VALIDITY:%Y-%m-%d}" in check_fleet(config)
    later(VALIDITY)
    with pytest.raises(FleetError, match="has expired"):
        check_fleet(config)
