"""Stills and clips of alerts: what is in them, what privacy leaves out, how much they may take."""

import os
import threading
import time
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from harness.events import walk_in

from maskwatch.core.privacy import CameraPrivacy, Privacy
from maskwatch.core.records import (
    Alert,
    AlertKind,
    Box,
    Coverage,
    Decision,
    Face,
    Frame,
    FrameReport,
    Label,
    Person,
)
from maskwatch.events.clips import Clips, write_clip
from maskwatch.events.media import Media
from maskwatch.events.ring import Recording, Ring, Shot
from maskwatch.pipeline.event_feed import EventFeed

WAIT_S = 60
SIZE = (1280, 720)
FACE = Box(200, 200, 320, 340)
IDS = [f"{number:032x}" for number in range(1, 200)]


def alert(at, camera="door", **fields):
    return Alert(camera, at, 0.0, 1, 1, "mask, please", **fields)


def pattern(seed):
    """A frame whose face is a fine pattern, which blurring must destroy."""
    random = np.random.default_rng(seed)
    rgb = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    rgb[200:340, 200:320] = random.choice(np.array([0, 255], np.uint8), (35, 30, 1)).repeat(4, 0).repeat(4, 1)
    return rgb


def decision(at, *, camera="door", alerts=(), look=Coverage.FULL, persons=None, seed=0):
    faces = (Face(FACE, 0.99, 0.1, Label.UNPROTECTED),)
    report = FrameReport(camera, "clip", round(at * 10), at, SIZE, faces, look, persons=persons)
    return Decision(Frame(camera, "clip", round(at * 10), at, pattern(seed)), report, alerts)


@pytest.fixture
def media(tmp_path):
    return Media(tmp_path)


@pytest.fixture
def clips(media):
    """Make them run until the test ends; a thread of theirs that died fails the test."""
    made, died = [], []

    def make(*, clip_s=1.0, max_mb=100, **cameras):
        cameras = cameras or {"door": CameraPrivacy()}
        one = Clips(media, cameras, clip_s=clip_s, max_mb=max_mb, on_crash=died.append)
        made.append(one.__enter__())
        return one

    yield make
    for one in made:
        one.__exit__(None, None, None)
    assert died == []


def feed(one, at, **fields):
    """As fast as it takes them, so that none is left out."""
    until(lambda: one._jobs.qsize() == 0)
    one.update(decision(at, **fields))


def until(condition):
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < WAIT_S
        time.sleep(0.01)


def frames_of(path):
    with av.open(str(path)) as video:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]


def walk_past(one, *, alert_at=103.0, event_id=IDS[0], told_first=True, times=None):
    for at in times or [100 + number / 5 for number in range(30)]:
        alerts = (alert(at),) if at == alert_at else ()
        if alerts and told_first:
            one.on_alert(event_id, "door", alerts[0])
        feed(one, at, alerts=alerts)
        if alerts and not told_first:
            one.on_alert(event_id, "door", alerts[0])


@pytest.mark.parametrize("told_first", [True, False])
def test_an_alert_has_a_still_at_once_and_a_clip_of_what_came_before_and_after(clips, media, told_first):
    one = clips(clip_s=1.0)
    for at in (101.0, 101.6, 102.2, 102.6, 103.0):
        alerts = (alert(at),) if at == 103.0 else ()
        if alerts and told_first:
            one.on_alert(IDS[0], "door", alerts[0])
        feed(one, at, alerts=alerts)
    if not told_first:
        one.on_alert(IDS[0], "door", alert(103.0))
    until(media.still(IDS[0]).exists)
    assert not media.clip(IDS[0]).exists()
    for at in (103.3, 103.9, 104.4):
        feed(one, at)
    until(media.clip(IDS[0]).exists)
    times = [at for at, _ in frames_of(media.clip(IDS[0]))]
    assert times == pytest.approx([0, 0.4, 0.8, 1.1, 1.7], abs=0.002)  # from 102.2 on, as they came


def test_the_files_play_in_a_browser_and_are_for_their_user_alone(clips, media):
    walk_past(clips(), told_first=True)
    until(media.clip(IDS[0]).exists)
    path = media.clip(IDS[0])
    with av.open(str(path)) as video:
        (stream,) = video.streams
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (640, 360)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it begins to play before all of it is there
    assert [each.stat().st_mode & 0o777 for each in (path, media.still(IDS[0]))] == [0o600, 0o600]
    assert not [each for each in path.parent.iterdir() if each.name.startswith(".")]


def test_boxes_have_the_colour_of_the_verdict_on_the_person(clips, media):
    one = clips()
    someone = Person(1, FACE, Label.PROTECTED, 0.9, 3.0, face=0)
    one.on_alert(IDS[0], "door", alert(100.0))
    feed(one, 100.0, alerts=(alert(100.0),), persons=(someone,))
    one.on_alert(IDS[1], "door", alert(100.2))
    feed(one, 100.2, alerts=(alert(100.2),))
    until(lambda: media.still(IDS[0]).exists() and media.still(IDS[1]).exists())
    for event_id, strongest in ((IDS[0], 0), (IDS[1], 2)):  # of blue, green, red
        edge = cv2.imread(str(media.still(event_id)))[200, 220:300].mean(axis=0)
        assert edge.argmax() == strongest
        assert edge.max() - np.median(edge) > 60


def contrast(bgr, box):
    """How much neighbouring columns differ within the face, 0..255."""
    x1, y1, x2, y2 = (round(side) for side in box)
    return np.abs(np.diff(bgr[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8].mean(axis=2), axis=1)).mean()


@pytest.mark.parametrize(("privacy", "sharp"), [(Privacy.FULL, True), (Privacy.BLUR, False)])
def test_faces_are_sharp_only_where_privacy_allows_it(clips, media, privacy, sharp):
    walk_past(clips(door=CameraPrivacy(privacy)))
    until(media.clip(IDS[0]).exists)
    still = cv2.imread(str(media.still(IDS[0])))
    assert (contrast(still, FACE) > 20) == sharp
    half = Box(*(side / 2 for side in FACE))
    for _, rgb in frames_of(media.clip(IDS[0])):
        assert (contrast(rgb, half) > 12) == sharp


def test_of_a_camera_with_aggregate_privacy_nothing_is_kept(clips, media, tmp_path):
    one = clips(door=CameraPrivacy(Privacy.AGGREGATE), hall=CameraPrivacy())
    for at in (100.0, 100.2):
        one.on_alert(IDS[0], "door", alert(at))
        one.update(decision(at, alerts=(alert(at),)))
        one.on_alert(IDS[1], "hall", alert(at, "hall"))
        feed(one, at, camera="hall", alerts=(alert(at, "hall"),))
    until(media.still(IDS[1]).exists)
    assert not media.still(IDS[0]).exists()
    assert "door" not in one._rings


def test_an_alert_of_a_camera_without_frames_has_no_picture(clips, media):
    one = clips()
    feed(one, 100.0, alerts=(alert(100.0),))
    one.on_alert(IDS[0], "door", alert(100.0, kind=AlertKind.CAMERA_DEAD))
    one.on_alert(IDS[1], "door", alert(100.0))
    until(media.still(IDS[1]).exists)
    assert not media.still(IDS[0]).exists()


def test_a_camera_that_goes_offline_after_the_alert_ends_its_clip(clips, media):
    one = clips(clip_s=0.2)
    one.on_alert(IDS[0], "door", alert(100.0))
    feed(one, 100.0, alerts=(alert(100.0),))
    until(media.clip(IDS[0]).exists)
    assert len(frames_of(media.clip(IDS[0]))) == 1


def test_without_a_length_there_are_stills_and_no_clips(clips, media):
    one = clips(clip_s=0)
    walk_past(one)
    until(media.still(IDS[0]).exists)
    until(lambda: not one._open)
    assert not media.clip(IDS[0]).exists()


def test_what_is_begun_at_the_end_is_finished_with_what_there_is(media):
    died = []
    with Clips(media, {"door": CameraPrivacy()}, clip_s=5, max_mb=10, on_crash=died.append) as one:
        for at in (100.0, 100.2, 100.4):
            feed(one, at, alerts=(alert(at),) if at == 100.2 else ())
        one.on_alert(IDS[0], "door", alert(100.2))
    assert died == []
    assert len(frames_of(media.clip(IDS[0]))) == 3


def test_nothing_waits_when_more_comes_than_can_be_done(media):
    """The threads stand still: the caller goes on, and no more frames are held than a few."""
    one = Clips(media, {"door": CameraPrivacy()}, clip_s=5, max_mb=10, on_crash=print)
    for number in range(200):
        one.update(decision(100 + number / 10))
        one.on_alert(IDS[number % 100], "door", alert(100 + number / 10))
    assert one._jobs.qsize() <= 64 + 8
    held = 0
    while one._jobs.qsize():
        held += isinstance(one._jobs.get(), Decision)
    assert held <= 8


def test_where_nothing_moved_no_new_picture_is_made(clips, media):
    one = clips(clip_s=5)
    feed(one, 100.0)
    for number in range(1, 8):
        feed(one, 100 + number / 5, look=Coverage.CARRIED, seed=number)
    until(lambda: one._rings["door"].last is not None and one._rings["door"].last.at > 101.3)
    made = [shot.drawn_at for shot in one._rings["door"].between(0, 200)]
    assert made == [100.0] * 5 + [101.0] * 3


@pytest.mark.parametrize("error", [av.error.ExternalError(1, "Generic error", "x"), MemoryError()])
def test_an_encoder_that_fails_ends_nothing(clips, media, caplog, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("maskwatch.events.clips.write_clip", fail)
    one = clips(clip_s=1)
    one.on_alert(IDS[0], "door", alert(100.0))
    feed(one, 100.0, alerts=(alert(100.0),))
    for number in range(1, 20):
        feed(one, 100.0 + number / 5)
    until(lambda: "no pictures of alerts are written" in caplog.text)
    monkeypatch.undo()
    one.on_alert(IDS[1], "door", alert(110.0))
    feed(one, 110.0, alerts=(alert(110.0),))
    until(media.still(IDS[1]).exists)


def test_a_disk_that_fails_is_told_of_once_and_used_again_when_it_works(clips, media, caplog):
    caplog.set_level("INFO")
    (media.folder / "stills").write_text("in the way")
    one = clips(clip_s=0)
    for number in range(3):
        one.on_alert(IDS[number], "door", alert(100.0 + number))
        feed(one, 100.0 + number, alerts=(alert(100.0 + number),))
    until(lambda: one._jobs.qsize() == 0 and one._writer.waiting == 0)
    time.sleep(0.2)
    assert caplog.text.count("no pictures of alerts are written") == 1
    (media.folder / "stills").unlink()
    one.on_alert(IDS[5], "door", alert(110.0))
    feed(one, 110.0, alerts=(alert(110.0),))
    until(media.still(IDS[5]).exists)
    until(lambda: "are written again" in caplog.text)


def test_an_error_that_nobody_expects_goes_to_the_owner(media, monkeypatch):
    died = threading.Event()
    monkeypatch.setattr("maskwatch.events.clips._jpeg", lambda *_: 1 / 0)
    with Clips(media, {"door": CameraPrivacy()}, clip_s=1, max_mb=10, on_crash=lambda _: died.set()) as one:
        one.update(decision(100.0))
        assert died.wait(WAIT_S)


def test_the_oldest_pictures_go_when_all_take_too_much(media):
    for number, event_id in enumerate(IDS[:6]):
        media.write_still(event_id, b"x" * 1000)
        os.utime(media.still(event_id), (1000 + number, 1000 + number))
    media.clip(IDS[6]).parent.mkdir()
    media.clip(IDS[6]).write_bytes(b"y" * 3000)
    os.utime(media.clip(IDS[6]), (1002.5, 1002.5))
    assert media.keep_within(100_000) == 0
    assert (
        media.keep_within(4000) == 4
    )  # the three oldest stills, and the clip, which is older than the others
    left = [event_id for event_id in IDS[:6] if media.still(event_id).exists()]
    assert left == IDS[3:6]
    assert not media.clip(IDS[6]).exists()


def test_what_was_left_half_written_goes_and_what_is_being_written_stays(media):
    media.write_still(IDS[0], b"x")
    old, new = (media.folder / "stills" / f".{name}.part.jpg" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"x" * 50)
    os.utime(old, (time.time() - 600, time.time() - 600))
    media.keep_within(1000)
    assert (old.exists(), new.exists(), media.still(IDS[0]).exists()) == (False, True, True)


def test_clips_keep_to_their_limit_while_alerts_come(clips, media):
    one = clips(clip_s=0, max_mb=0.1)
    for number in range(12):
        one.on_alert(IDS[number], "door", alert(100.0 + number))
        feed(one, 100.0 + number, alerts=(alert(100.0 + number),), seed=number)
    until(lambda: media.still(IDS[11]).exists() and one._writer.waiting == 0)
    time.sleep(0.2)
    sizes = [path.stat().st_size for path in media.folder.glob("stills/*.jpg")]
    assert 1 <= len(sizes) < 12
    assert sum(sizes) <= 100_000


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "A" * 32, "0" * 31, "0" * 33, f"{'0' * 31}\n"])
def test_only_an_event_id_names_a_file(media, wrong):
    with pytest.raises(ValueError, match="no event's id"):
        media.still(wrong)


def shot(at):
    return Shot(at, b"", (), at)


def test_a_ring_keeps_its_seconds_and_begins_anew_when_the_clock_jumps_back():
    ring = Ring(2.0)
    for at in (1.0, 2.0, 3.0, 3.5, 4.6):
        ring.add(shot(at))
    assert [each.at for each in ring.between(0, 9)] == [3.0, 3.5, 4.6]
    assert [each.at for each in ring.between(3.5, 4.0)] == [3.5]
    ring.add(shot(0.5))
    assert [each.at for each in ring.between(0, 9)] == [0.5]


def test_a_recording_takes_each_time_once_and_ends_with_the_first_that_is_too_late():
    made = Recording("id", "door", 3.0, 4.0, 99.0, [shot(2.0), shot(3.0)])
    for at in (3.0, 3.5, 4.0):
        made.add(shot(at))
    assert ([each.at for each in made.shots], made.is_over) == ([2.0, 3.0, 3.5, 4.0], False)
    made.add(shot(4.1))
    assert made.is_over
    other = Recording("id", "door", 3.0, 4.0, 99.0, [shot(3.0)])
    other.add(shot(0.1))  # footage begins anew
    assert (len(other.shots), other.is_over) == (1, True)


def test_a_clip_shows_each_picture_at_its_own_time(tmp_path):
    shots = [replace(each, at=each.at + 0.03 * number**2) for number, each in enumerate(walk_in(1.0))]
    write_clip(tmp_path / "clip.mp4", shots)
    times = [at for at, _ in frames_of(tmp_path / "clip.mp4")]
    assert times == pytest.approx([each.at - shots[0].at for each in shots], abs=0.002)


def test_the_feed_tells_of_each_frame_and_of_alerts_under_the_events_id():
    recorded, seen = [], []

    class Log:
        def record(self, event):
            recorded.append(event)

    class Pictures:
        def update(self, it):
            seen.append(it)

        def on_alert(self, event_id, camera, it):
            seen.append((event_id, camera, it))

    told = EventFeed(Log(), lambda: 1000.0, Pictures())
    told.on_alert(alert(5.0))
    made = decision(5.0, alerts=(alert(5.0),))
    told.on_decision(made)
    assert seen == [(recorded[0].id, "door", alert(5.0)), made]
