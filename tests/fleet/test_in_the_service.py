"""A fleet followed within the service's own pipeline, with real weights."""

import json
import threading
import time

import pytest
from harness.fleet_models import almost_the_same, crowd, register

from maskwatch.app.compose import service_pipeline
from maskwatch.config import load as configuration
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import SHIPPED, Registry

LONG_S = 250.0  # the processor may be shared with much else
GOOD, BROKEN = "good", "broken"


def without_numbers(network):
    network.dense[-1].weight[:] = float("nan")


def until(what):
    end_s = time.monotonic() + LONG_S
    while not what():
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.timeout(900)
def test_a_version_is_shadowed_serves_and_is_withdrawn_while_the_cameras_go_on(
    tmp_path, publisher, folder, keys, write_video
):
    source = Registry(tmp_path / "source")
    for name, change in ((GOOD, almost_the_same), (BROKEN, without_numbers)):
        register(source, name, tmp_path / "weights", change)
    clip = write_video("door.mp4", [crowd()[0]] * 1800, rate=1)
    text = json.dumps(
        {
            "cameras": {"door": {"source": str(clip), "fps": 1}},
            "alert": {"sinks": []},
            "fleet": {
                "address": str(folder),
                "public_key": str(keys / "ours.pub"),
                "every_s": 1,
                "name": "shop",
            },
            "device": "cpu",
            **{name: {"dir": str(tmp_path / name)} for name in ("queue", "drift", "models")},
            "learn": {"archive": str(tmp_path / "archive")},
        }
    )
    publisher.publish(source, GOOD)
    with service_pipeline(configuration.parse(text, "test", {})) as pipeline:
        engine = threading.Thread(target=pipeline.run, daemon=True)
        engine.start()

        def status():
            return pipeline.board.snapshot()

        until(lambda: (seen := status().shadow) is not None and seen.version == GOOD)
        assert status().models == SHIPPED
        publisher.stage(GOOD, Stage.ALL)
        until(lambda: status().models == GOOD)
        publisher.publish(source, BROKEN, Stage.ALL)
        until(lambda: "broken is refused: it cannot be used: " in status().notices.get("fleet", ""))
        assert status().models == GOOD
        publisher.stage(BROKEN, Stage.WITHDRAWN)
        publisher.stage(GOOD, Stage.WITHDRAWN)
        until(lambda: status().models == SHIPPED)
        assert status().cameras["door"].analysed > 0
        pipeline.stop()
        engine.join(LONG_S)
    assert not engine.is_alive()
