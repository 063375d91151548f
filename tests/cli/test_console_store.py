"""`maskwatch console --store`: whose password stands nowhere."""

import pytest
from typer.testing import CliRunner

from maskwatch import cli
from maskwatch.cli.console import store_address
from maskwatch.core.errors import ConfigError

SECRET = "k3ep%2Fit"


def test_the_password_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MASKWATCH_READER", SECRET)
    url = store_address("postgresql://reader:{MASKWATCH_READER}@db.example/maskwatch?sslmode=require")
    assert url.get_secret_value() == f"postgresql://reader:{SECRET}@db.example/maskwatch?sslmode=require"
    assert SECRET not in repr(url)


def test_an_address_may_have_no_password(monkeypatch):
    """PostgreSQL's own ways are left: PGPASSFILE, peer."""
    url = "postgresql+psycopg://reader@db.example/maskwatch"
    assert store_address(url).get_secret_value() == url


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("postgresql://reader:hunter2@db.example/maskwatch", "other users of this machine can see"),
        ("postgresql://reader@db.example/maskwatch?password=hunter2", "other users of this machine can see"),
        ("postgresql://hunter2:{MASKWATCH_NOBODY}@db.example/x", "the environment has no MASKWATCH_NOBODY"),
        ("mysql://reader:hunter2@db.example/x", "must begin with postgresql://"),
        ("postgresql://reader@db.example:hunter2/x", "must be postgresql://USER:PASSWORD@HOST/DATABASE"),
    ],
)
def test_what_cannot_be_used_is_refused_and_shows_no_password(written, why):
    with pytest.raises(ConfigError) as raised:
        store_address(written)
    assert str(raised.value).startswith("--store: ")
    assert why in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_without_a_configuration_or_a_store_there_is_nothing_to_show():
    done = CliRunner().invoke(cli.app, ["console"])
    assert done.exit_code == 2
    assert "--store" in done.output
