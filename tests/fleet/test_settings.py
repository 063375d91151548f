"""The section `fleet`, as it is written, and what is told when it is wrong."""

import json

import pytest

from maskwatch.app.fleet import check_fleet
from maskwatch.config import load as configuration
from maskwatch.core.errors import ConfigError, FleetError
from maskwatch.fleet.stages import Stage

from .conftest import V1, V2

KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
SECRET = "h0rse-b4ttery"


def parsed(**fleet):
    more = {"cameras": {"door": {"source": "door.mp4"}}, "fleet": fleet}
    return configuration.parse(json.dumps(more), "test", {"MASKWATCH_SHARE": SECRET})


def test_without_an_address_there_is_no_fleet():
    assert configuration.default().fleet.address is None


@pytest.mark.parametrize(
    ("fleet", "told"),
    [
        ({"address": "/mnt/fleet"}, "fleet.address: needs public_key beside it"),
        ({"address": "ftp://h/fleet", "public_key": KEY}, "must be a folder, or begin with https://"),
        ({"address": " ", "public_key": KEY}, "must be a folder"),
        ({"address": "/mnt/fleet", "public_key": ""}, "fleet.public_key"),
        ({"every_s": 0}, "fleet.every_s"),
        ({"name": "../up"}, "fleet.name"),
        ({"maximum": 1}, "fleet.maximum"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(fleet, told):
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        parsed(**fleet)


def test_a_password_in_the_address_shows_nowhere():
    made = parsed(address="https://me:{MASKWATCH_SHARE}@h/fleet", public_key=KEY)
    assert SECRET not in repr(made)
    assert made.fleet.address.get_secret_value() == f"https://me:{SECRET}@h/fleet"
    for wrong in ({"address": "ftp://me:{MASKWATCH_SHARE}@h"}, {"address": "https://me:{MASKWATCH_SHARE}@h"}):
        with pytest.raises(ConfigError) as told:
            parsed(**wrong)
        assert SECRET not in str(told.value)


def test_paths_are_relative_to_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("fleet: {address: share, public_key: fleet.pub}")
    made = configuration.load(path, {"fleet", "fleet.address"}).fleet
    assert made.address.get_secret_value() == str(tmp_path / "share")
    assert made.public_key == str(tmp_path / "fleet.pub")


def test_a_service_needs_a_name_and_cameras_that_are_there(folder, keys):
    key = str(keys / "ours.pub")
    with pytest.raises(ConfigError, match=r"fleet\.name: this service needs a name"):
        check_fleet(parsed(address=str(folder), public_key=key))
    with pytest.raises(ConfigError, match=r"fleet\.shadow: 'yard' is no camera"):
        check_fleet(parsed(address=str(folder), public_key=key, name="shop", shadow=["yard"]))


def test_check_tells_what_the_fleet_offers(publisher, source, folder, keys, service):
    told = check_fleet(parsed(address=str(folder), public_key=str(keys / "ours.pub"), name="shop"))
    assert told.startswith(f"nothing is published yet in {folder}")
    publisher.publish(source, V1, Stage.ALL)
    publisher.publish(source, V2)
    told = check_fleet(parsed(address=str(folder), public_key=str(keys / "ours.pub"), name="shop"))
    assert told.endswith(", v1 for shop, v2 in the shadow")
    service("shop").member.report()
    assert "another service of the fleet is named 'shop'" in check_fleet(
        parsed(address=str(folder), public_key=str(keys / "ours.pub"), name="shop")
    )
    with pytest.raises(FleetError, match="not signed"):
        check_fleet(parsed(address=str(folder), public_key=str(keys / "theirs.pub"), name="shop"))
