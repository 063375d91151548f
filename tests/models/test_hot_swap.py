"""Other models for the running service: exchanged between two batches, or refused and said so."""

import asyncio
import itertools
import json
import logging
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import cv2
import httpx
import numpy as np
import pytest
import torch

from maskwatch.app.compose import service_pipeline
from maskwatch.app.service import status_line
from maskwatch.classify.network import load_network, save_network
from maskwatch.config import load as configuration
from maskwatch.core.records import Coverage, Label, Status
from maskwatch.detect.weights import load_detector, save_detector
from maskwatch.models.hot_swap import Follower
from maskwatch.models.registry import CLASSIFIER, DETECTOR, SHIPPED, Registry, Version, shipped_files
from maskwatch.models.shadow_counts import read_counts
from maskwatch.output import demo_clip as demo
from maskwatch.pipeline.status_board import Board
from maskwatch.platform.clock import utc_now
from maskwatch.samples.store import Queue
from maskwatch.web.application import make_app
from maskwatch.web.models import CURRENT, routes

SOON_S = 30.0  # several other programs may share the processor
BUSY_S = 250.0  # what waits for whoever has the lowest priority
FPS = 25
TRIES = 10


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "models")


def register(registry, name, folder, *, network_change=None, detector_change=None):
    """A version of the shipped models, changed."""
    files = shipped_files()
    network, shape, _ = load_network(files.classifier, torch.device("cpu"))
    weights = load_detector(files.detector)
    if network_change:
        network_change(network)
    if detector_change:
        detector_change(weights)
    save_network(network, shape, folder / "c.safetensors", {})
    save_detector(weights, folder / "d.safetensors", {})
    changed = {DETECTOR: folder / "d.safetensors", CLASSIFIER: folder / "c.safetensors"}
    registry.add(changed, Version(name, registry.state().serving, utc_now()))


def opposite(network):
    network.dense[-1].weight.neg_()
    network.dense[-1].bias.neg_()


def without_numbers(layer):
    layer.weight[:] = float("nan")


def standing(count):
    """Frames of a face that stands still."""
    face = cv2.resize(demo.portrait(), (160, 192), interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        rgb = np.full((240, 320, 3), 120, np.uint8)
        rgb[24:216, 80:240] = face
        frames.append(np.clip(rgb + random.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8))
    return frames


@pytest.fixture
def clip(write_video):
    """For minutes, 25 frames a second, as a door's camera in a quiet hour."""
    return write_video("door.mp4", standing(2 * FPS) * 75, rate=FPS)


@pytest.fixture
def slow_clip(write_video):
    """Two frames a second, so that they do not wait for the engine on a busy machine either."""
    return write_video("slow.mp4", standing(4) * 300, rate=2)


class Watching:
    """A running service, and the reports that it made."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.reports = []
        pipeline._on_decision = lambda decision: self.reports.append((time.monotonic(), decision.report))

    def wait(self, what, timeout_s=SOON_S):
        """Until it holds; gives how long it took."""
        start = time.monotonic()
        while not what():
            assert time.monotonic() - start < timeout_s, status_line(self.pipeline.board.snapshot())
            time.sleep(0.01)
        return time.monotonic() - start

    def models(self):
        return self.reports[-1][1].models if self.reports else None

    @property
    def status(self):
        return self.pipeline.board.snapshot()

    @property
    def dropped(self):
        return self.status.cameras["door"].dropped


@pytest.fixture
def run(registry, tmp_path):
    """Run the service on footage of one camera, until it has analysed some frames."""

    @contextmanager
    def start(footage, fps, frames, **camera):
        text = json.dumps(
            {
                "cameras": {"door": {"source": str(footage), "fps": fps, **camera}},
                "alert": {"sinks": []},
                "queue": {"dir": str(tmp_path / "queue")},
                "drift": {"dir": str(tmp_path / "drift")},
                "models": {"dir": str(registry.folder)},
                "device": "cpu",
            }
        )
        with service_pipeline(configuration.parse(text, "test", {})) as pipeline:
            watching = Watching(pipeline)
            engine = threading.Thread(target=pipeline.run, daemon=True)
            engine.start()
            watching.wait(lambda: len(watching.reports) > frames, BUSY_S)
            yield watching
            pipeline.stop()
            engine.join(SOON_S)

    return start


@pytest.fixture
def running(clip, run):
    return lambda: run(clip, FPS, FPS)


def promoted_and_rolled_back(service, registry):
    """Gives how long the rollback took, how many frames were dropped meanwhile, and how many just before, in peace."""
    before, dropped = service.models(), service.dropped
    time.sleep(2)
    in_peace = service.dropped - dropped
    registry.promote("one")
    service.wait(lambda: service.models() != before)
    assert service.status.models == "one"
    registry.rollback()
    took_s = service.wait(lambda: service.models() == before)
    assert service.status.models == SHIPPED
    return took_s, service.dropped - dropped - in_peace, in_peace


def test_other_models_serve_within_two_seconds_between_two_frames_and_none_is_dropped(
    running, registry, tmp_path
):
    """A machine that is busy with other things drops frames in peace, too, so some tries are given."""
    register(registry, "one", tmp_path, network_change=opposite)
    with running() as service:
        tries = []
        while len(tries) < TRIES:
            tries.append(promoted_and_rolled_back(service, registry))
            took_s, dropped, in_peace = tries[-1]
            if took_s < 2 and dropped <= in_peace:
                break
    assert took_s < 2, tries
    assert dropped <= in_peace, tries
    reports = [report for _, report in service.reports]
    changes = [(a, b) for a, b in itertools.pairwise(reports) if a.models != b.models]
    assert len(changes) == 2 * len(tries)
    last_old, first_new = changes[0]
    assert first_new.look is Coverage.FULL  # what was seen before is not carried on
    assert first_new.models.detector != last_old.models.detector
    (old_face,), (new_face,) = last_old.faces, first_new.faces
    assert {old_face.label, new_face.label} == {Label.PROTECTED, Label.UNPROTECTED}  # judged by the new one
    assert sum(b.seq - a.seq - 1 for a, b in itertools.pairwise(reports)) == service.dropped


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("damaged", "is not what was registered"),
        ("classifier", "gives no finite number"),
        ("pnet", "gives no finite numbers"),
        ("onet", "gives no finite numbers"),
    ],
)
def test_a_candidate_that_is_of_no_use_is_refused_and_said_so_once(
    running, registry, tmp_path, caplog, fault, reason
):
    changes = {
        "classifier": {"network_change": lambda network: without_numbers(network.dense[-1])},
        "pnet": {"detector_change": lambda weights: without_numbers(weights.pnet.conv1)},
        "onet": {"detector_change": lambda weights: without_numbers(weights.onet.dense6_2)},
    }
    register(registry, "bad", tmp_path, **changes.get(fault, {}))
    with running() as service:
        before = service.models()
        registry.promote("bad")
        if fault == "damaged":  # while it serves by name, before it is loaded
            (registry.folder / "versions/bad" / CLASSIFIER).write_bytes(b"no weights")
        service.wait(lambda: service.status.notices)
        count = len(service.reports)
        service.wait(lambda: len(service.reports) > count + FPS)
        assert service.models() == before
        assert service.status.models == SHIPPED
        assert "models shipped, models bad refused: " in (line := status_line(service.status))
        assert reason in line
        told = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
        assert len(told) == 1
        assert "version bad is refused, shipped goes on" in told[0]
        assert reason in told[0]
        registry.rollback()
        service.wait(lambda: not service.status.notices)


class Told(list):
    """Hears what the board is told of models."""

    def on_models(self, *said):
        self.append(("serves", *said))

    def on_models_refused(self, *said):
        self.append(("refused", *said))


def test_why_a_version_serves_or_was_refused_is_told_by_the_running_service(registry, tmp_path):
    register(registry, "one", tmp_path)
    registry.refuse("before the start", "not told again")
    told, board, end = Told(), Board(["door"]), time.monotonic() + BUSY_S
    board.listen(told)
    pipeline = SimpleNamespace(board=board, release=lambda: None, swap=lambda fitted: None, fail=told.append)
    shadow = SimpleNamespace(
        save=lambda: None, save_now_and_then=lambda: None, follow=lambda wanted, serving: None
    )
    with Follower(registry, registry.change_stamp(), SHIPPED, pipeline, lambda name: {}, shadow=shadow):
        registry.promote("one", "better on the cameras")
        registry.refuse("two", "worse on the cameras")
        while len(told) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        registry.rollback("too many alerts")
        while len(told) < 3 and time.monotonic() < end:
            time.sleep(0.01)
    assert {(what, version, reason) for what, version, _, reason in told[:2]} == {
        ("serves", "one", "better on the cameras"),
        ("refused", "two", "worse on the cameras"),
    }
    assert told[2:] == [("serves", SHIPPED, "one", "too many alerts")]


@pytest.mark.timeout(1200)
def test_a_candidate_in_the_shadow_is_compared_and_queued_goes_on_after_a_restart_and_ends_as_it_serves(
    run, slow_clip, registry, tmp_path
):
    register(registry, "one", tmp_path, network_change=opposite)

    def samples():
        return [s for s in Queue(tmp_path / "queue").samples() if "shadow" in s.reasons]

    def compared(service):
        shadow = service.status.shadow
        return shadow.cameras["door"].frames if shadow is not None and shadow.cameras else 0

    def running():
        return run(slow_clip, 2, 2, motion={"gate": False}, detect={"backend": "torch", "min_face_px": 60})

    with running() as service:
        before = service.models()
        registry.begin_shadow("one", ["door"])
        service.wait(lambda: compared(service) and samples(), BUSY_S)
        assert service.models() == before
        assert service.status.models == SHIPPED
    (sample, *_) = samples()
    (own,), (other,) = sample.report.faces, sample.report.shadow.faces
    assert {own.label, other.label} == {Label.PROTECTED, Label.UNPROTECTED}
    assert (sample.report.shadow.version, sample.report.shadow.serving) == ("one", SHIPPED)
    counts = read_counts(registry.folder, "one", SHIPPED)["door"]
    assert counts.frames == counts.differing == counts.relabelled == counts.decisions > 0
    with running() as service:
        service.wait(lambda: compared(service) > counts.frames, BUSY_S)
        registry.promote("one")
        service.wait(lambda: service.status.models == "one" and service.status.shadow is None, BUSY_S)


TOKEN = "a-token-of-some-length"


async def iter_of(body):
    yield body


def test_a_version_is_promoted_over_http_with_the_token_alone(registry, tmp_path):
    register(registry, "one", tmp_path)
    status = Status({}, models=SHIPPED, notices={"models": "models x refused"})
    app = make_app(routes(registry, lambda: status), token=TOKEN)

    def ask(method, address=CURRENT, *, token=TOKEN, **body):
        async def answer():
            transport = httpx.ASGITransport(app)
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as web:
                return await web.request(method, address, headers=headers, **body)

        return asyncio.run(answer())

    body = {"version": "one"}
    assert ask("PUT", token=None, json=body).status_code == 401
    assert registry.state().serving == SHIPPED
    wanted = {"version": "one", "serving": SHIPPED, "notice": "models x refused"}
    assert ask("PUT", json=body).json() == wanted
    assert registry.state().serving == "one"
    assert ask("GET").json() == wanted
    assert [v["version"] for v in ask("GET", "/api/models").json()["versions"]] == [SHIPPED, "one"]
    registry.begin_shadow(SHIPPED)
    listed = ask("GET", "/api/models").json()["versions"]
    assert [(v["version"], v["current"], v["shadow"]) for v in listed] == [
        (SHIPPED, False, True),
        ("one", True, False),
    ]
    missing = ask("PUT", json={"version": "../x"})
    assert missing.status_code == 409
    assert "is no version's name" in missing.json()["error"]
    for content in (b"{", b"[]", b'{"version": 1}'):
        assert ask("PUT", content=content).status_code == 400
    long = b'{"version": "one", "padding": "' + bytes(70_000) + b'"}'
    assert ask("PUT", content=long).status_code == 413
    assert ask("PUT", content=iter_of(long)).status_code == 413  # no length announced
    assert registry.state().serving == "one"
