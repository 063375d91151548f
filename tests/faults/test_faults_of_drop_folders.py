"""A folder into which a camera puts clips, under the running service: it vanishes, and the service is killed."""

import time

import pytest
from harness.cameras import write_numbered
from harness.service import Service

BACK_S = 10

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


def test_a_drop_folder_that_vanishes_is_down_until_it_is_back_and_no_clip_is_lost_or_judged_twice(
    tmp_path, recovery
):
    folder, queue = tmp_path / "ftp", tmp_path / "queue"
    folder.mkdir()
    config = {
        "cameras": {"door": {"source": {"kind": "drop", "address": str(folder), "steady_s": 1}}},
        "fps": 5,
        "device": "cpu",
        "alert": {"sinks": ["log"], "dead_after_s": 3},
        "queue": {"dir": str(queue)},
        "web": {"port": 0},
        "events": {"dir": str(tmp_path / "events")},
    }

    def put(name, where=folder):
        write_numbered(str(where / f".{name}"), "mp4", 25, 2)
        (where / f".{name}").rename(where / name)

    with Service(config, tmp_path / "service") as service:
        door = lambda: service.status().cameras["door"]  # noqa: E731
        service.until(lambda: service.url() and door()["state"] == "up")
        time.sleep(5)  # longer than dead_after_s, with nothing new
        assert door()["state"] == "up"
        assert "down" not in service.log
        put("1.mp4")
        came_s = service.until(lambda: door()["captured"] == 10)
        time.sleep(1)  # what is shown to its end is remembered
        away = folder.rename(tmp_path / "away")
        noticed_s = service.until(lambda: door()["state"] == "down")
        assert "No such file" in door()["reason"]
        put("2.mp4", away)
        away.rename(folder)
        back_s = service.until(lambda: door()["state"] == "up", 3 * BACK_S)
        service.until(lambda: door()["captured"] == 20)
        time.sleep(1)
        recovery(came_s=came_s, noticed_s=noticed_s, back_s=back_s)
        service.process.kill()
        service.process.wait()
    put("3.mp4")
    with Service(config, tmp_path / "service") as service:
        service.until(lambda: service.url() and service.status().cameras["door"]["captured"] == 10)
        time.sleep(4)
        assert service.status().cameras["door"]["captured"] == 10  # of one clip, and not of three
    assert back_s <= BACK_S
