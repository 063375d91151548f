"""The still and the clip of an alert, as `maskwatch run` leaves them."""

import shutil

import av
import pytest
from harness.service import Service

from maskwatch.core.events import EventKind
from maskwatch.events.media import Media
from maskwatch.events.store import EventFilter, EventStore

LONG_S = 180
CLIP_S = 1.5


@pytest.mark.timeout(600)
def test_run_keeps_a_still_and_a_clip_of_each_alert_as_far_as_privacy_allows(demo_clip, tmp_path):
    hidden = shutil.copy(demo_clip, tmp_path / "hidden.mp4")
    config = {
        "cameras": {
            "door": {"source": str(demo_clip)},
            "hidden": {"source": str(hidden), "privacy": "aggregate"},
        },
        "alert": {"sinks": ["log"]},
        "queue": {"dir": str(tmp_path / "queue")},
        "device": "cpu",
        "web": {"enabled": False},
        "console": {"enabled": False},
        "events": {"clip_s": CLIP_S},
    }
    with Service(config, tmp_path) as service:
        assert service.process.wait(timeout=LONG_S) == 0  # the footage is over
        assert "ERROR" not in service.log
    store = EventStore.in_folder(tmp_path / "events")
    alerts = store.find(EventFilter(kinds=[EventKind.ALERT]), limit=100)
    store.close()
    media = Media(tmp_path / "events")
    by_camera = {camera: [each for each in alerts if each.camera == camera] for camera in ("door", "hidden")}
    assert by_camera["door"]
    assert by_camera["hidden"]
    for alert in by_camera["door"]:
        assert media.still(alert.id).read_bytes().startswith(b"\xff\xd8")
        with av.open(str(media.clip(alert.id))) as clip:
            times = [frame.time for frame in clip.decode(video=0)]
        assert len(times) >= 2
        assert times[-1] <= 2 * CLIP_S + 0.01
    for alert in by_camera["hidden"]:
        assert not media.still(alert.id).exists()
        assert not media.clip(alert.id).exists()
    files = [path for folder in ("stills", "clips") for path in (media.folder / folder).iterdir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert len(files) == 2 * len(by_camera["door"])
