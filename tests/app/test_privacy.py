"""Every way out that a picture of somebody has, at each level of privacy."""

import json
import logging

import av
import cv2
import numpy as np
import pytest

from maskwatch.alerts.picture import jpeg
from maskwatch.app import cameras, compose
from maskwatch.app.footage import ReplayPlan
from maskwatch.app.replay import Outputs, replay
from maskwatch.config import load as configuration
from maskwatch.core.address import Address
from maskwatch.core.errors import ConfigError
from maskwatch.core.privacy import Privacy
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.models.loading import Models
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.sources.registry import open_source

LEVELS = list(Privacy)


@pytest.fixture(scope="module")
def models():
    return Models("cpu")


@pytest.fixture
def footage(write_video, bare, masked):
    """Two people beside each other."""
    both = np.concatenate([bare, masked], axis=1)[::2, ::2]
    return write_video("door.mp4", [both] * 7)


def settings(level):
    """Of a camera that alerts at once, and that queues every frame."""
    text = (
        f"privacy: {level}\nalert: {{for_s: 0, protected_ratio: 0.9, sinks: [log]}}\n"
        "queue: {audit_share: 1}\ncameras: {door: {source: 'usb:0'}}"
    )
    return configuration.parse(text, "test", {}).cameras["door"]


def faces_found(models, rgb):
    return len(models.detector(DetectSettings()).detect([np.ascontiguousarray(rgb)])[0])


def pictures(video):
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24")[:300] for frame in container.decode(video=0)]  # no banner


class Sink:
    """A way to tell people that would send a picture on."""

    name = "keeping"

    def __init__(self):
        self.told = []

    def deliver(self, alert):
        self.told.append(alert)


def watched(level, models, footage, tmp_path):
    """What a camera's sink and its queue were given."""
    camera, sink = settings(level), Sink()
    store = cameras.sample_queue(
        configuration.default().queue.model_copy(update={"dir": tmp_path / "queue"}), models, camera
    )
    parts = cameras.make_camera(
        open_source("door", Address(str(footage))),
        camera,
        models,
        name="door",
        sinks=(sink,),
        selection=camera.queue,
    )
    with Pipeline([parts], store=store, replay=True) as pipeline:
        pipeline.run()
    return sink.told, sorted((tmp_path / "queue").rglob("*.jpg"))


@pytest.mark.parametrize("level", LEVELS)
def test_a_sink_gets_as_much_of_the_frame_as_may_be_shown_and_the_queue_all_or_nothing(
    level, models, footage, tmp_path
):
    told, queued = watched(level, models, footage, tmp_path)
    assert len(told) == 1
    (alert,) = told
    data = jpeg(alert)
    if level is Privacy.AGGREGATE:
        assert (alert.frame, alert.faces, data, queued) == (None, (), None, [])
        assert (alert.people, alert.unprotected) == (2, 1)
        return
    rgb = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert faces_found(models, rgb) == (2 if level is Privacy.FULL else 0)
    clean = cv2.cvtColor(cv2.imread(str(queued[0])), cv2.COLOR_BGR2RGB)
    assert faces_found(models, clean) == 2  # people have to see what they label


@pytest.mark.parametrize("level", [Privacy.FULL, Privacy.BLUR])
def test_a_replays_video_shows_faces_only_where_that_is_allowed(level, models, footage, tmp_path):
    plan = ReplayPlan("door", Address(str(footage)), settings(level), None)
    outputs = Outputs(tmp_path / "out.mp4", tmp_path / "out.jsonl")
    replay(plan, models, outputs, lambda: None)
    shown = pictures(outputs.video)[:: 2 if level is Privacy.BLUR else 6]
    counts = {faces_found(models, rgb) for rgb in shown}
    assert counts == ({2} if level is Privacy.FULL else {0})
    assert "box" in outputs.report.read_text()


def test_with_aggregate_a_replay_leaves_counts_alone(models, footage, tmp_path):
    plan = ReplayPlan("door", Address(str(footage)), settings(Privacy.AGGREGATE), None)
    replay(plan, models, Outputs(report=tmp_path / "out.jsonl", plot=tmp_path / "out.png"), lambda: None)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[-1]["people"] == {"protected": 1, "unprotected": 1, "unknown": 0}
    assert rows[-1]["protected_ratio"] == 0.5
    assert not {"faces", "persons"} & rows[-1].keys()
    assert "box" not in (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize("what", ["video", "queue"])
def test_with_aggregate_a_replay_refuses_to_store_pictures(what, models, footage, tmp_path):
    folder = configuration.default().queue.model_copy(update={"dir": tmp_path / "samples"})
    queue = folder if what == "queue" else None
    video = tmp_path / "out.mp4" if what == "video" else None
    plan = ReplayPlan("door", Address(str(footage)), settings(Privacy.AGGREGATE), queue)
    with pytest.raises(
        ConfigError, match=r"^privacy: aggregate: no picture is stored, so there is no .*(out|sam)"
    ):
        replay(plan, models, Outputs(video, tmp_path / "out.jsonl"), lambda: None)
    assert {path.name for path in tmp_path.iterdir()} == {footage.name}


def test_that_nothing_is_queued_is_said_once(models, footage, caplog):
    text = f"privacy: aggregate\nweb: {{enabled: false}}\ncameras: {{door: {{source: {footage}}}}}"
    with caplog.at_level(logging.WARNING):
        compose.live_pipeline(configuration.parse(text, "test", {}), {"door": models})
    assert [r.message for r in caplog.records] == [
        "door: privacy: aggregate: nothing is queued, so the models cannot learn from this camera"
    ]


@pytest.mark.parametrize(
    ("level", "share"), [(Privacy.FULL, None), (Privacy.BLUR, 0.25), (Privacy.AGGREGATE, None)]
)
def test_what_is_near_a_face_is_looked_for_where_faces_are_to_be_coarse(level, share, models, footage):
    source = open_source("door", Address(str(footage)))
    camera = cameras.make_camera(source, settings(level), models, name="door", sinks=(), selection=None)
    assert camera.near_miss_from == share


def test_a_level_that_is_none_is_refused_with_its_key():
    with pytest.raises(ConfigError, match=r"privacy: must be 'full', 'blur' or 'aggregate', got 'blurred'"):
        configuration.parse("privacy: blurred", "test", {})
