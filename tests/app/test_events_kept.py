"""What `maskwatch run` keeps of what happens, through a kill, a reload and an end; and its copy in a shared database."""

import contextlib
import json
import signal
import time

from harness.postgres import PASSWORD, Postgres
from harness.service import Service
from pydantic import SecretStr

from maskwatch.app.footage import ReplayPlan, replay_pipeline
from maskwatch.config import load as configuration_module
from maskwatch.core.address import Address
from maskwatch.core.errors import EventError
from maskwatch.core.events import EventKind
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.models.loading import Models

LONG_S = 180


def kept(folder):
    """All events, the oldest first."""
    if not (folder / "events" / "events.db").exists():
        return []
    try:
        store = EventStore.in_folder(folder / "events")
        found = store.find(EventFilter(), limit=1000)
        store.close()
    except EventError:
        return []
    return found[::-1]


def states(events):
    return [event.data["state"] for event in events if event.kind is EventKind.SERVICE]


def of(events, kind, camera=None):
    return [event for event in events if event.kind is kind and camera in {None, event.camera}]


def configuration(clip, folder, **events):
    return {
        "cameras": {
            "door": {"source": str(clip), "privacy": "aggregate"},
            "gone": {"source": "rtsp://127.0.0.1:1/s", "rtsp": {"open_s": 1}},
        },
        "alert": {"sinks": ["log"], "dead_after_s": 1, "cooldown_s": 5},
        "queue": {"dir": str(folder / "queue")},
        "device": "cpu",
        "web": {"port": 0},
        "events": {"site": "north"} | events,
    }


def test_what_happens_is_kept_through_a_kill_a_reload_and_an_end_and_copied(demo_clip, tmp_path):
    folder = tmp_path / "service"
    with Postgres() as server:
        url = server.url.replace(server.quoted, "{MASKWATCH_DB_PASSWORD}")
        config = configuration(demo_clip, tmp_path, url=url)
        environment = {"MASKWATCH_DB_PASSWORD": server.quoted}
        with Service(config, folder, environment) as service:
            service.until(
                lambda: any(e.data["delivered"] for e in of(kept(folder), EventKind.ALERT, "door")), LONG_S
            )
            service.until(lambda: of(kept(folder), EventKind.OUTAGE), LONG_S)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait()
        before = kept(folder)
        assert any(each.ended_at is None for each in of(before, EventKind.OUTAGE, "gone"))
        time.sleep(1)
        server.kill()
        with Service(config, folder, environment) as service:
            service.until(lambda: states(kept(folder))[1:] == ["stopped", "started"], LONG_S)
            started_at = kept(folder)[-1].at
            events = service.status_of("events")
            service.until(lambda: service.status_of("events")["copy_problem"], LONG_S)
            service.must_keep_secret(PASSWORD)
            server.start()
            service.until(lambda: service.status_of("events")["copy_problem"] is None, LONG_S)
            assert events["problem"] is None
            mark = service.mark()
            service.reload()
            service.until_logged("the configuration is reloaded", LONG_S, after=mark)
            service.until(lambda: states(kept(folder))[-1] == "reloaded", LONG_S)
            service.must_keep_secret(PASSWORD)
            assert service.terminate() == 0
        events = kept(folder)
        assert states(events) == ["started", "stopped", "started", "reloaded", "stopped"]
        for old in before:
            (new,) = [event for event in events if event.id == old.id]
            if old.kind in {EventKind.ALERT, EventKind.OUTAGE} and old.ended_at is None:
                assert new.data == {**old.data, "cut_off": True}
                assert old.at <= new.ended_at < started_at - 1  # the last sign of life
            else:
                assert new == old
        assert all(e.ended_at for e in events if e.kind in {EventKind.ALERT, EventKind.OUTAGE})
        assert {event.site for event in events} == {"north"}
        assert "track" not in json.dumps([dict(event.data) for event in events])
        store = EventStore.shared(SecretStr(server.url), "reader")
        assert store.find(EventFilter(), limit=1000)[::-1] == events
        store.close()


def test_three_services_beside_each_other_share_one_store(demo_clip, tmp_path):
    """Real ones, whose camera is away, with a server that is killed meanwhile."""
    sites = ("north", "south", "west")
    with Postgres() as server, contextlib.ExitStack() as stack:
        services = []
        for site in sites:
            config = configuration(demo_clip, tmp_path / site, url=server.url, site=site)
            del config["cameras"]["door"]
            services.append(stack.enter_context(Service(config, tmp_path / site)))
        services[0].until(server.has_events, LONG_S)
        server.kill()
        for service in services:
            service.until(lambda service=service: service.url() and service.told()["events"], LONG_S)
            service.until(lambda service=service: service.told()["events"]["copy_problem"], LONG_S)
            mark = service.mark()
            service.reload()  # which is an event, too
            service.until_logged("the configuration is reloaded", LONG_S, after=mark)
        server.start()
        for service in services:
            service.until(lambda service=service: service.told()["events"]["uncopied"] == 0, LONG_S)
            service.terminate()
        rows = server.execute("SELECT id, site FROM events")
        own = {(event.id, site) for site in sites for event in kept(tmp_path / site)}
        assert set(rows) == own
        assert len(rows) == len(own)
        assert {(site, "reloaded" in states(kept(tmp_path / site))) for site in sites} == {
            (s, True) for s in sites
        }


def test_a_service_without_a_usable_folder_watches_on(demo_clip, tmp_path):
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "events").write_text("in the way")
    with Service(configuration(demo_clip, tmp_path), folder) as service:
        service.until(lambda: service.url() and service.status_of("events"), LONG_S)
        service.until(lambda: service.status_of("events")["problem"], LONG_S)
        service.until(lambda: service.status().analysed("door") > 5, LONG_S)
        assert any("no events are stored now" in notice for notice in service.status_of("notices"))
        (folder / "events").unlink()
        service.until(lambda: service.status_of("events")["problem"] is None, LONG_S)
        service.until(lambda: of(kept(folder), EventKind.ALERT, "door"), LONG_S)
        assert service.terminate() == 0
    assert states(kept(folder)) == ["started", "stopped"]


def test_a_replay_keeps_nothing(write_video, bare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "alert: {for_s: 0, sinks: [log]}\ncameras: {door: {source: 'usb:0'}}"
    settings = configuration_module.parse(text, "test", {})
    plan = ReplayPlan(
        "door", Address(str(write_video("door.mp4", [bare] * 5))), settings.cameras["door"], None
    )
    decisions = []
    with replay_pipeline(plan, Models("cpu"), decisions.append) as pipeline:
        pipeline.run()
    assert any(decision.alerts for decision in decisions)
    assert pipeline.board.snapshot().events is None
    assert not (tmp_path / "events").exists()
