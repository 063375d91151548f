import pytest

from maskwatch.app.in_force import noted
from maskwatch.config.edit import digest_of
from maskwatch.core.errors import ConfigError
from maskwatch.web.service_view import ConfigInForce


def test_what_is_in_force_stays_where_a_later_file_is_refused(tmp_path):
    path, in_force = tmp_path / "c.yaml", ConfigInForce()

    def build(before):
        if b"wrong" in path.read_bytes():
            raise ConfigError("c.yaml:1: wrong: unknown key")
        return "parts"

    building = noted(build, path, in_force)
    path.write_text("fps: 5\n")
    assert building(None) == "parts"
    assert (in_force.digest, in_force.problem) == (digest_of(b"fps: 5\n"), None)
    assert in_force.at > 1e9
    path.write_text("wrong: 1\n")
    with pytest.raises(ConfigError):
        building("parts")
    assert (in_force.digest, in_force.refused) == (digest_of(b"fps: 5\n"), digest_of(b"wrong: 1\n"))
    assert in_force.problem == "c.yaml:1: wrong: unknown key"
    path.write_text("fps: 6\n")
    building("parts")
    assert (in_force.digest, in_force.refused) == (digest_of(b"fps: 6\n"), None)
