"""Three running services, one store of events, one staged promotion and its way back by itself."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from harness.fleet_models import almost_the_same, count_days_before, crowd, hold_out, opposite, register
from harness.postgres import Postgres
from harness.service import Service

from maskwatch.app.cameras import analyst
from maskwatch.config.sections import Defaults
from maskwatch.fleet.report import read_reports
from maskwatch.models.loading import Models
from maskwatch.models.registry import Registry

from .conftest import member_names

LONG_S = 600  # the processor may be shared with much else
GOOD, BAD = "good", "bad"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def url(folder):
    """The fleet's folder, as any web server hands it out."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def config(folder, clip, keys, address, database):
    """A service's configuration; it is known by its folder's name."""
    kept = {name: {"dir": str(folder / name)} for name in ("queue", "models", "drift", "events")}
    return {
        "cameras": {"door": {"source": str(clip), "fps": 1}},
        "alert": {"sinks": []},
        "queue": kept["queue"],
        "models": kept["models"] | {"shadow_share": 1},
        "learn": {"archive": str(folder / "archive")},
        "drift": kept["drift"] | {"least_faces": 24},
        "events": kept["events"] | {"site": folder.name, "url": database},
        "fleet": {"address": address, "public_key": str(keys / "ours.pub"), "every_s": 1},
        "web": {"port": 0},
        "device": "cpu",
    }


def reasons(postgres, site, key):
    """Why the shared store's events of a site have `BAD` as their `key`."""
    if not postgres.has_events():
        return []
    rows = postgres.execute(f"SELECT data FROM events WHERE site = '{site}' AND kind = 'models'")
    return [str(data.get("reason")) for (data,) in rows if data.get(key) == BAD]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_staged_promotion_goes_back_where_the_holdout_or_the_drift_says_so(
    tmp_path, folder, keys, url, write_video, maskwatch
):
    source = Registry(tmp_path / "source")
    register(source, GOOD, tmp_path / "weights", almost_the_same)
    register(source, BAD, tmp_path / "weights", opposite)
    clip = write_video("door.mp4", [crowd()[0]] * 3600, rate=1)
    (first,) = member_names(BAD, 1, is_in=True)
    labelled, far = member_names(BAD, 2, is_in=False)
    addresses = {first: str(folder), labelled: str(folder), far: url}
    signed = ("--key", keys / "ours", "--to", folder)

    def ask(*arguments, code=0):
        done = maskwatch("fleet", *arguments)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    files = source.files(GOOD)
    judge = analyst(Defaults(), Models(torch.device("cpu"), files))
    for name in (first, far):
        count_days_before(tmp_path / name / "drift", files, judge)
    hold_out(tmp_path / labelled / "archive", 8)

    with Postgres() as postgres:
        services = {
            name: Service(config(tmp_path / name, clip, keys, addresses[name], postgres.url), tmp_path / name)
            for name in addresses
        }
        try:
            for each in services.values():
                each.until(each.url, LONG_S)

            def until_serves(name, version):
                services[name].until(lambda: services[name].status_of("models") == version, LONG_S)

            ask("publish", GOOD, *signed, "--dir", source.folder)
            ask("stage", GOOD, "all", *signed)
            for name in services:
                until_serves(name, GOOD)

            ask("publish", BAD, *signed, "--dir", source.folder)
            for each in services.values():
                each.until(lambda each=each: (each.status_of("shadow") or {}).get("version") == BAD, LONG_S)

            assert f"1 of 2 services known are of its tenth: {first}" in ask("stage", BAD, "tenth", *signed)
            until_serves(first, BAD)
            services[first].until_logged(
                "is to serve again: door: how sure the classifier is has shifted", LONG_S
            )
            until_serves(first, GOOD)
            assert [services[name].status_of("models") for name in (labelled, far)] == [GOOD, GOOD]

            services[first].until(lambda: any(BAD in each.refused for each in read_reports(folder)), LONG_S)
            assert "1 service refused bad" in ask("stage", BAD, "all", *signed, code=1)
            ask("stage", BAD, "all", *signed, "--anyway")
            services[labelled].until_logged(
                f"version {BAD} of the fleet is refused, {GOOD} goes on: it is worse on the cameras' holdout",
                LONG_S,
            )
            assert services[labelled].status_of("models") == GOOD
            until_serves(far, BAD)
            ask("withdraw", BAD, *signed)
            for name in services:
                until_serves(name, GOOD)
            assert services[far].log.count("is to serve again") + services[far].log.count("after bad") >= 1

            told = partial(reasons, postgres)
            services[first].until(lambda: told(first, "version") and told(first, "refused"), LONG_S)
            assert "has shifted" in told(first, "refused")[0]
            services[labelled].until(lambda: told(labelled, "refused"), LONG_S)
            assert "worse on the cameras' holdout" in told(labelled, "refused")[0]
            assert told(labelled, "version") == []
        finally:
            for each in services.values():
                each.__exit__()
