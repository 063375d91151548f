"""`maskwatch fleet`, as a person uses it: what is printed, and what is not."""

import json
import threading
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from maskwatch.cli import fleet
from maskwatch.core.errors import ConfigError, FleetError
from maskwatch.fleet.follower import FleetFollower
from maskwatch.fleet.manifest import MANIFEST, SERVICES
from maskwatch.fleet.publish import VALIDITY
from maskwatch.fleet.signing import PASSPHRASE
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import SHIPPED
from maskwatch.platform.clock import utc_now

from .conftest import V1, V2, WATCHED, Watched, member_names


@pytest.fixture
def run(monkeypatch):
    """The command's output; an error as it is raised."""
    monkeypatch.setattr(fleet.out, "width", 250)

    def run(*arguments):
        done = CliRunner().invoke(fleet.app, [*map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return run


def test_a_version_s_whole_way(run, tmp_path, source, folder, service, keys):
    signed = ("--key", keys / "ours", "--to", folder)
    folder.chmod(0o700)
    (first,) = member_names(V1, 1, is_in=True)
    services = [service(first), *map(service, member_names(V1, 2, is_in=False))]
    with pytest.raises(FleetError, match="nothing is published there"):
        run("status", "--to", folder)

    assert "other users may not read it" in run("publish", V1, *signed, "--dir", source.folder)
    folder.chmod(0o755)
    assert "may not read" not in run("publish", V2, *signed, "--dir", source.folder)
    run("withdraw", V2, *signed)
    assert [each.look() for each in services] == [SHIPPED] * 3
    told = run("stage", V1, "tenth", *signed)
    assert f"1 of 3 services known are of its tenth: {first}" in told
    assert [each.look() for each in services] == [V1, SHIPPED, SHIPPED]
    assert f"waiting for 1 service, the last until {utc_now() + WATCHED:%Y-%m-%d}" in run(
        "status", "--to", folder
    )

    services[0].why_back = "door: how sure the detector is has shifted (PSI 1.20, bound 0.50)"
    assert services[0].look() == SHIPPED
    with pytest.raises(
        FleetError, match=f"1 service refused v1 or went back from it: {first}: door: how sure"
    ):
        run("stage", V1, "all", *signed)
    assert [each.look() for each in services] == [SHIPPED] * 3

    services[0].why_back = None
    run("stage", V1, "all", *signed, "--anyway")
    assert [each.look() for each in services] == [V1] * 3
    told = run("status", "--to", folder, "--public-key", keys / "ours.pub")
    assert "3 services told what it runs" in " ".join(told.split())
    run("withdraw", V1, *signed)
    assert [each.look() for each in services] == [SHIPPED] * 3


@pytest.mark.parametrize("is_made", [False, True])
def test_where_nothing_is_published_nothing_is_made(run, source, folder, keys, service, is_made):
    signed = ("--key", keys / "ours", "--to", folder)
    if not is_made:
        folder.rmdir()
    match = "nothing is published|is not published" if is_made else "the share is not there; mount it"
    commands = [("stage", V1, "all", *signed), ("withdraw", V1, *signed), ("status", "--to", folder)]
    if not is_made:
        commands.append(("publish", V1, *signed, "--dir", source.folder))
    for command in commands:
        with pytest.raises(FleetError, match=match):
            run(*command)
    service().member.report()
    assert list(folder.parent.glob("fleet/**/*")) == []
    assert folder.exists() is is_made


def test_a_service_reports_nothing_where_the_manifest_is_gone(source, folder, service, publisher):
    publisher.publish(source, V1)
    (folder / MANIFEST).unlink()
    service().member.report()
    assert list((folder / SERVICES).iterdir()) == []


def test_status_checks_the_signature_where_it_is_given_the_key(run, source, folder, keys, publisher):
    publisher.publish(source, V1)
    assert "signature was not checked" in " ".join(run("status", "--to", folder).split())
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes().replace(b"shadow", b"tenth"))
    with pytest.raises(FleetError, match="not signed"):
        run("status", "--to", folder, "--public-key", keys / "ours.pub")


def test_what_a_stranger_wrote_into_a_report_cannot_write_to_the_terminal(
    run, source, folder, service, publisher
):
    publisher.publish(source, V1)
    service().look()
    (path,) = (folder / SERVICES).iterdir()
    data = json.loads(path.read_text())
    data["serves"] = "\x1b]0;owned\x07[red]x\nv9"
    data["refused"] = {"\x1b[2J": "\x1b[2J[/]"}
    path.write_text(json.dumps(data))
    told = run("status", "--to", folder)
    assert "\x1b" not in told
    assert "\x07" not in told


def test_a_version_in_the_shadow_is_told_with_what_came_of_it(run, source, folder, service, publisher):
    from maskwatch.core.records import ShadowCounts, ShadowStatus
    from maskwatch.platform.clock import utc_now

    publisher.publish(source, V1)
    shop = service()
    shop.tried = ShadowStatus(V1, SHIPPED, utc_now(), {"door": ShadowCounts(frames=120, differing=7)})
    shop.look()
    told = " ".join(run("status", "--to", folder).split())
    assert "tries v1: 7 of 120 frames differ" in told
    assert "v1 in the shadow: 7 of 120 frames differ at 1 service" in told
    assert "280 more are needed" in told


def test_status_tells_which_service_follows_which_cannot_and_which_is_silent(
    run, source, folder, service, publisher
):
    publisher.publish(source, V1, Stage.ALL)
    service("follows").look()
    trusts_another = service("trusts another")
    looks = FleetFollower(trusts_another.member, Watched(), 300, threading.Event())
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes().replace(b'"all"', b'"tenth"'))
    looks.look()
    service("silent").member.report()
    path = folder / SERVICES / "silent.json"
    then = utc_now() - timedelta(seconds=901)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"at": then.isoformat()}))
    rows = {
        line.split("│")[1].strip(): line for line in run("status", "--to", folder).splitlines() if "│" in line
    }
    assert rows["follows"].split("│")[4].strip() == "follows"
    assert "does not follow: the fleet's manifest is not signed with the key" in rows["trusts another"]
    assert f"silent since {then:%Y-%m-%d %H:%M}" in rows["silent"]


def test_a_service_that_is_no_more_is_told_and_removed(run, source, folder, service, publisher):
    publisher.publish(source, V1, Stage.ALL)
    for name in ("shop 1", "shop 2"):
        service(name).look()
    path = folder / SERVICES / "shop%201.json"

    def silent_for(days):
        then = utc_now() - timedelta(days=days)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"at": then.isoformat()}))
        return " ".join(run("status", "--to", folder).split())

    assert "fleet remove" not in silent_for(29)
    assert silent_for(31).count("if it is retired: maskwatch fleet remove") == 1
    with pytest.raises(FleetError, match="'shop 2' still reports and would reappear"):
        run("remove", "shop 2", "--to", folder)
    with pytest.raises(FleetError, match="no service 'shop 3' has reported there, but shop 1, shop 2"):
        run("remove", "shop 3", "--to", folder)
    run("remove", "shop 1", "--to", folder)
    assert [path.name for path in (folder / SERVICES).iterdir()] == ["shop%202.json"]


def test_until_when_a_manifest_holds_is_told_and_renewed(run, source, folder, keys, publisher, monkeypatch):
    signed = ("--key", keys / "ours", "--to", folder)
    now = utc_now()
    assert f"valid until {now + VALIDITY:%Y-%m-%d}" in run("publish", V1, *signed, "--dir", source.folder)

    def status(days):
        monkeypatch.setattr(fleet, "utc_now", lambda: now + timedelta(days=days))
        return " ".join(run("status", "--to", folder).split())

    assert "refresh" not in status(20)
    assert "(maskwatch fleet refresh, before that)" in status(25)
    assert "EXPIRED on " in status(31)
    told = run("refresh", *signed, "--valid-days", "90")
    assert f"valid until {now + timedelta(days=90):%Y-%m-%d}" in told
    assert "refresh" not in status(31)


def test_keygen_prints_the_public_key_and_never_the_private_one(run, tmp_path, monkeypatch):
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    told = run("keygen", "-o", tmp_path / "key")
    assert (tmp_path / "key.pub").read_text().strip() in told
    assert "correct horse" not in told
    assert "PRIVATE" not in told
    with pytest.raises(ConfigError, match="is there already"):
        run("keygen", "-o", tmp_path / "key")


def test_withdrawn_is_no_stage_that_one_goes_to(run, source, folder, keys, publisher):
    publisher.publish(source, V1)
    with pytest.raises(FleetError, match="maskwatch fleet withdraw"):
        run("stage", V1, "withdrawn", "--key", keys / "ours", "--to", folder)
    assert publisher.manifest().release(V1).stage is Stage.SHADOW


def test_a_wrong_stage_and_a_wrong_key_are_named(run, source, folder, keys, publisher):
    publisher.publish(source, V1)
    to = ("--to", folder)
    with pytest.raises(FleetError, match="'half' is no stage: shadow, tenth or all"):
        run("stage", V1, "half", "--key", keys / "ours", *to)
    with pytest.raises(ConfigError, match="is a public key; --key wants the private one"):
        run("stage", V1, "all", "--key", keys / "ours.pub", *to)
    with pytest.raises(FleetError, match=f"signed with another key than {keys / 'theirs'}"):
        run("publish", V1, "--key", keys / "theirs", *to, "--dir", source.folder)


def test_a_tenth_of_which_no_service_is_known_to_be_is_told(run, source, folder, keys, publisher, service):
    publisher.publish(source, V1)
    for name in member_names(V1, 2, is_in=False):
        service(name).look()
    told = " ".join(run("stage", V1, "tenth", "--key", keys / "ours", "--to", folder).split())
    assert "0 of 2 services known are of its tenth" in told
    assert "serves nowhere yet, and its shadow run ends" in told


def test_services_may_be_named_to_try_a_version_in_place_of_its_tenth(
    run, source, folder, keys, publisher, service
):
    publisher.publish(source, V1)
    signed = ("--key", keys / "ours", "--to", folder)
    services = [service(*member_names(V1, 1, is_in=is_in)) for is_in in (False, True)]
    assert [each.look() for each in services] == [SHIPPED, SHIPPED]
    told = " ".join(run("stage", V1, "tenth", "--service", services[0].name, *signed).split())
    assert f"1 of 2 services known are of its tenth: {services[0].name}" in told
    assert [each.look() for each in services] == [V1, SHIPPED]
    with pytest.raises(FleetError, match="--service goes with tenth alone"):
        run("stage", V1, "all", "--service", "shop", *signed)
    run("stage", V1, "tenth", *signed)
    assert [each.look() for each in services] == [SHIPPED, V1]


def test_follow_lets_the_fleet_decide_again(run, source, folder, service, publisher, tmp_path):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.look()
    shop.registry.rollback()
    assert shop.look() == SHIPPED
    config = tmp_path / "config.yaml"
    settings = {"models": {"dir": str(shop.registry.folder)}}
    config.write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=r"config\.yaml: has no fleet section"):
        run("follow", "-c", config)
    settings["fleet"] = {"address": "https://shop:{MASKWATCH_NOT_SET}@fleet", "public_key": "fleet.key.pub"}
    config.write_text(json.dumps(settings))
    assert "is followed again" in run("follow", "-c", config)
    assert "is followed already" in run("follow", "-c", config)
    publisher.publish(source, V2, Stage.ALL)
    assert shop.look() == V2
