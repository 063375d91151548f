"""Not looking twice: the gate, and what the engine makes of its word."""

import itertools
import json

import av
import cv2
import numpy as np
import pytest

from maskwatch.core.geometry import contains_centre, overlaps
from maskwatch.core.records import Box, Coverage, Detections, Face, Frame, Label
from maskwatch.detect.motion import SIDES_PX, MotionGate
from maskwatch.detect.settings import MotionSettings
from maskwatch.pipeline.camera import AnalysisConfig
from maskwatch.pipeline.engine import Engine

NEVER = MotionSettings(full_s=60)


@pytest.fixture
def room():
    """A still picture with structure, `(720, 1280, 3)`."""
    random = np.random.default_rng(2)
    coarse = random.uniform(40, 210, (12, 20, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (1280, 720)), 0, 255).astype(np.uint8)


@pytest.fixture
def gate():
    return MotionGate("door", NEVER)


def at(seconds, rgb):
    return Frame("door", "clip", round(seconds * 5), seconds, rgb)


def with_something(rgb, left, top, side=60):
    image = rgb.copy()
    image[top : top + side, left : left + side] = 255 - image[top : top + side, left : left + side]
    return image


def test_the_first_frame_is_looked_at_everywhere(gate, room):
    assert gate.changed(at(0, room), ()) is None


def test_a_still_picture_is_not_looked_at_again(gate, room):
    gate.changed(at(0, room), ())
    assert gate.changed(at(0.2, room), ()) == ()


def test_the_noise_of_a_sensor_is_no_motion(gate, room):
    random = np.random.default_rng(5)

    def noisy():
        return np.clip(room + random.normal(0, 8, room.shape), 0, 255).astype(np.uint8)

    gate.changed(at(0, noisy()), ())
    assert [gate.changed(at(n / 5, noisy()), ()) for n in range(1, 10)] == [()] * 9


@pytest.mark.parametrize("light", [lambda x: x + 25.0, lambda x: x - 25.0, lambda x: 15 + x * 0.9])
def test_a_change_of_light_is_no_motion(gate, room, light):
    gate.changed(at(0, room), ())
    assert gate.changed(at(0.2, np.clip(light(room), 0, 255).astype(np.uint8)), ()) == ()


def test_compression_is_no_motion(gate, room):
    def compressed(quality):
        return cv2.imdecode(cv2.imencode(".jpg", room, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)

    gate.changed(at(0, compressed(70)), ())
    assert gate.changed(at(0.2, compressed(55)), ()) == ()


@pytest.mark.parametrize(("left", "top"), [(0, 0), (600, 300), (1219, 659), (40, 600)])
def test_what_moved_lies_in_an_area_of_a_usual_size(gate, room, left, top):
    gate.changed(at(0, room), ())
    (area,) = gate.changed(at(0.2, with_something(room, left, top)), ())
    assert area.x1 <= left
    assert area.y1 <= top
    assert left + 60 <= area.x2 <= 1280
    assert top + 60 <= area.y2 <= 720
    assert area.width == area.height
    assert area.width in SIDES_PX
    assert area.width < 500
    assert all(isinstance(v, int) for v in area)


def test_a_face_as_small_as_the_smallest_that_appears_is_motion(gate, room):
    gate.changed(at(0, room), ())
    assert len(gate.changed(at(0.2, with_something(room, 700, 200, side=20)), ())) == 1


def test_slow_changes_add_up_until_they_are_looked_at(gate, room):
    """Each frame differs little from the one before, but more and more from the one that was looked at."""
    gate.changed(at(0, room), ())
    answers = []
    for number in range(1, 30):
        image = room.astype(np.float32)
        image[300:380, 300:380] += 2.0 * number
        answers.append(gate.changed(at(number / 5, np.clip(image, 0, 255).astype(np.uint8)), ()))
    assert answers[0] == ()
    assert any(answers)


def test_what_was_looked_at_is_not_motion_the_next_time(gate, room):
    gate.changed(at(0, room), ())
    moved = with_something(room, 600, 300)
    assert gate.changed(at(0.2, moved), ())
    assert gate.changed(at(0.4, moved), ()) == ()


def test_areas_do_not_overlap_and_hold_a_face_whole_or_not_at_all(gate, room):
    gate.changed(at(0, room), ())
    moved = with_something(with_something(room, 500, 300), 1150, 600)
    touched, aside = Face(Box(520, 340, 640, 480), 0.9), Face(Box(100, 100, 160, 170), 0.9)
    areas = gate.changed(at(0.2, moved), (touched, aside))
    assert len(areas) == 2
    assert not overlaps(*areas)
    (around,) = [area for area in areas if contains_centre(area, touched.box)]
    assert around.x1 <= 520
    assert around.y1 <= 340
    assert around.x2 >= 640
    assert around.y2 >= 480
    assert not any(overlaps(area, aside.box) for area in areas)


def test_much_motion_is_a_look_everywhere(gate, room):
    gate.changed(at(0, room), ())
    assert gate.changed(at(0.2, np.ascontiguousarray(room[::-1, ::-1])), ()) is None


def test_everything_is_looked_at_from_time_to_time(room):
    gate = MotionGate("door", MotionSettings(full_s=2))
    full = [n / 5 for n in range(60) if gate.changed(at(n / 5, room), ()) is None]
    assert full[0] == 0
    assert 0.4 <= full[1] <= 2.2  # sooner: not all cameras together
    assert np.diff(full[1:]) == pytest.approx(2.0, abs=0.21)


def test_cameras_do_not_all_look_everywhere_at_the_same_moment(room):
    gates = [MotionGate(f"camera {n}", MotionSettings(full_s=10)) for n in range(6)]
    second = set()
    for gate in gates:
        looks = [n / 5 for n in range(60) if gate.changed(at(n / 5, room), ()) is None]
        second.add(looks[1])
    assert len(second) >= 4


def test_another_size_or_a_clock_set_back_is_looked_at_everywhere(gate, room):
    gate.changed(at(10, room), ())
    assert gate.changed(at(10.2, room[:-2]), ()) is None
    assert gate.changed(at(3, room[:-2]), ()) is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (17, 9, 3), (2160, 3840, 3)])
def test_frames_of_any_size_pass(gate, shape):
    rgb = np.zeros(shape, np.uint8)
    assert gate.changed(at(0, rgb), ()) is None
    assert gate.changed(at(0.2, rgb), ()) == ()


# The engine


class ScriptedGate:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.faces = []

    def changed(self, frame, faces):
        self.faces.append(faces)
        return self.answers.pop(0)


class ScriptedDetector:
    """Gives the next answer for every picture asked; notes their sizes."""

    version = "scripted"

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def detect(self, frames):
        self.asked.append([rgb.shape[:2] for rgb in frames])
        return [self.answers.pop(0) for _ in frames]


class Protected:
    version = "fake"

    def __init__(self):
        self.judged = []

    def classify(self, faces):
        self.judged += [face.box for _, face in faces]
        return [0.9 for _ in faces]


def engine(gate, detector, classifier=None, ignore=()):
    return Engine(
        {"door": AnalysisConfig("door", detector, classifier or Protected(), 0.5, 12, ignore, gate=gate)}
    )


ONE, TWO = Face(Box(10, 10, 50, 60), 0.95), Face(Box(300, 200, 340, 250), 0.9)


def test_without_motion_faces_are_carried_on_and_nothing_is_asked(room):
    detector = ScriptedDetector((ONE,))
    first, second = engine(ScriptedGate(None, ()), detector).analyse([at(0, room), at(0.2, room)])
    assert len(detector.asked) == 1
    assert second.faces == first.faces
    assert (first.look, second.look) == (Coverage.FULL, Coverage.CARRIED)
    assert second.faces[0].label is Label.PROTECTED
    assert second.at == 0.2


def test_where_it_moved_faces_are_found_anew_and_elsewhere_carried_on(room):
    moved = Face(Box(20, 20, 60, 70), 0.8)
    detector = ScriptedDetector((ONE, TWO), (moved,))
    classifier = Protected()
    area = Box(250, 150, 442, 342)
    gate = ScriptedGate(None, (area,))
    _, report = engine(gate, detector, classifier).analyse([at(0, room), at(0.2, room)])
    assert detector.asked == [[(720, 1280)], [(192, 192)]]
    assert {face.box for face in report.faces} == {ONE.box, Box(270, 170, 310, 220)}
    assert report.look is Coverage.PART
    assert classifier.judged == [ONE.box, TWO.box, Box(270, 170, 310, 220)]
    assert [face.box for face in gate.faces[1]] == [ONE.box, TWO.box]


def test_somebody_who_left_is_not_carried_on(room):
    detector = ScriptedDetector((TWO,), ())
    _, report = engine(ScriptedGate(None, (Box(250, 150, 442, 342),)), detector).analyse(
        [at(0, room), at(0.2, room)]
    )
    assert report.faces == ()


def test_a_carried_face_that_is_found_anew_is_one_face(room):
    """Its centre lies outside of the area, but the detector found it at the area's edge."""
    again = Face(Box(-15, 50, 25, 100), 0.9)
    detector = ScriptedDetector((TWO,), (again,))
    _, report = engine(ScriptedGate(None, (Box(322, 150, 514, 342),)), detector).analyse(
        [at(0, room), at(0.2, room)]
    )
    assert len(report.faces) == 1


def test_an_ignored_face_is_not_carried_on(room):
    left_half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    detector = ScriptedDetector((ONE,), (ONE,))
    gate = ScriptedGate(None, (), (Box(0, 0, 192, 192),))
    reports = engine(gate, detector, ignore=(left_half,)).analyse([at(n / 5, room) for n in range(3)])
    assert [report.faces for report in reports] == [(), (), ()]


def test_without_a_gate_every_frame_of_a_batch_goes_together(room):
    detector = ScriptedDetector((ONE,), (ONE,), (ONE,))
    reports = engine(None, detector).analyse([at(n / 5, room) for n in range(3)])
    assert len(detector.asked) == 1
    assert {report.look for report in reports} == {Coverage.FULL}


# The main job with it


def beginning(clip, seconds, path):
    """The first seconds of footage, not encoded anew."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        images = source.streams.video[0]
        stream = target.add_stream_from_template(images)
        for packet in source.demux(images):
            if packet.pts is not None and packet.pts * packet.time_base < seconds:
                packet.stream = stream
                target.mux(packet)
    return path


def test_a_replay_tells_how_it_looked_and_every_frame_looks_at_everything(maskwatch, demo_clip, tmp_path):
    clip = beginning(demo_clip, 4, tmp_path / "clip.mp4")
    looks = {}
    for name, options in (("gate", ()), ("all", ("--every-frame",))):
        report = tmp_path / f"{name}.jsonl"
        done = maskwatch("replay", clip, "--report", report, *options)
        assert done.returncode == 0, done.stderr
        looks[name] = [json.loads(line)["look"] for line in report.read_text().splitlines()]
    assert set(looks["all"]) == {"full"}
    assert len(looks["gate"]) == len(looks["all"])
    assert set(looks["gate"]) <= {"full", "part", "carried"}


def test_no_alert_of_the_reference_clip_is_lost_or_late(maskwatch, shared, tmp_path):
    """Its first half: until four masks are on, and one is off again."""
    clip = beginning(shared / "footage/four_people_put_masks_on.mp4", 8, tmp_path / "clip.mp4")
    config = tmp_path / "config.yaml"
    painting = "[[[0.43, 0.15], [0.585, 0.15], [0.585, 0.53], [0.43, 0.53]]]"
    config.write_text(
        f"cameras: {{hall: {{source: {clip}, ignore: {painting}, alert: {{cooldown_s: 0.4}}}}}}\n"
    )
    alerts = {}
    for name, options in (("gate", ()), ("all", ("--every-frame",))):
        report = tmp_path / f"{name}.jsonl"
        done = maskwatch("replay", clip, "-c", config, "--camera", "hall", "--report", report, *options)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        alerts[name] = [line["at"] for line in lines if line["alert"]]
        assert len(lines) >= 150
    assert len(alerts["all"]) >= 1
    assert alerts["gate"] == pytest.approx(alerts["all"], abs=0.5)


def test_a_still_street_is_carried_on_and_its_faces_stay(maskwatch, shared, tmp_path, write_video):
    """A photograph as a video: found once, carried on, looked at again every second."""
    path = next(
        p for p in sorted((shared / "data/faces/images").iterdir()) if cv2.imread(str(p)).shape[1] >= 400
    )
    rgb = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    rgb = rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]
    clip = write_video("still.mp4", [rgb] * 30)
    report, config = tmp_path / "r.jsonl", tmp_path / "c.yaml"
    config.write_text("motion: {full_s: 1}\n")
    assert maskwatch("replay", clip, "--report", report, "-c", config).returncode == 0
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    looks = [line["look"] for line in lines]
    assert looks.count("carried") >= 20
    assert looks.count("full") >= 3
    for before, line in itertools.pairwise(lines):
        if line["look"] == "carried":
            assert line["faces"] == before["faces"]


# What moved, and near misses


def test_the_gate_tells_what_moved_without_the_room_around_it(gate, room):
    gate.changed(at(0, room), ())
    assert gate.moved == ()
    gate.changed(at(0.2, with_something(room, 300, 200, 80)), ())
    (moved,) = gate.moved
    beyond = (300 - moved.x1, 200 - moved.y1, moved.x2 - 380, moved.y2 - 280)
    assert all(-8 <= px <= 7 * 8 for px in beyond), beyond  # half a neighbourhood of cells, which it changes
    gate.changed(at(0.4, with_something(room, 300, 200, 80)), ())
    assert gate.moved == ()


def test_what_moved_is_told_also_where_all_is_looked_at(room):
    gate = MotionGate("door", MotionSettings(full_s=1))
    gate.changed(at(0, room), ())
    assert gate.changed(at(2, with_something(room, 300, 200, 80)), ()) is None
    assert len(gate.moved) == 1


class NearDetector:
    """Gives the next `Detections` for every picture asked; notes what it was asked for."""

    version = "near"

    def __init__(self, *answers):
        self.answers = list(answers)
        self.shares = []

    def detect(self, frames):
        self.shares.append(None)
        return [self.answers.pop(0).faces for _ in frames]

    def detect_with_near_misses(self, frames, share):
        self.shares.append(share)
        return [self.answers.pop(0) for _ in frames]


def near_engine(detector, gate=None, share=0.25, ignore=()):
    camera = AnalysisConfig("door", detector, Protected(), 0.5, 12, ignore, gate=gate, near_miss_from=share)
    return Engine({"door": camera})


NEAR = Face(Box(500, 400, 540, 450), 0.4)


def test_a_near_miss_is_told_and_counts_for_nothing(room):
    detector = NearDetector(Detections((ONE,), (NEAR,)))
    (report,) = near_engine(detector).analyse([at(0, room)])
    assert report.near_misses == (NEAR,)
    assert [face.box for face in report.faces] == [ONE.box]
    assert (report.people, report.protected_ratio) == (1, 1.0)
    assert detector.shares == [0.25]


def test_near_misses_are_asked_for_only_where_they_are_wanted(room):
    detector = NearDetector(Detections((ONE,), (NEAR,)))
    (report,) = near_engine(detector, share=None).analyse([at(0, room)])
    assert report.near_misses == ()
    assert detector.shares == [None]


def test_a_detector_that_knows_no_near_misses_works_as_ever(room):
    (report,) = near_engine(ScriptedDetector((ONE,))).analyse([at(0, room)])
    assert [face.box for face in report.faces] == [ONE.box]
    assert report.near_misses == ()


def test_cameras_that_ask_for_different_near_misses_are_asked_apart(room):
    detector = NearDetector(*[Detections((ONE,))] * 3)
    cameras = {
        name: AnalysisConfig(name, detector, Protected(), 0.5, 12, (), near_miss_from=share)
        for name, share in (("a", 0.25), ("b", 0.5), ("c", 0.25))
    }
    Engine(cameras).analyse([Frame(name, "clip", 0, 0.0, room) for name in cameras])
    assert detector.shares == [0.25, 0.5]


@pytest.mark.parametrize(
    "miss",
    [Face(ONE.box.moved(8, 8), 0.4), Face(Box(20, 25, 40, 45), 0.4), Face(Box(640, 400, 700, 460), 0.4)],
    ids=["on a face", "inside a face", "where it is ignored"],
)
def test_what_lies_on_a_face_or_is_ignored_is_no_near_miss(room, miss):
    right = ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0))
    detector = NearDetector(Detections((ONE,), (miss,)))
    (report,) = near_engine(detector, ignore=(right,)).analyse([at(0, room)])
    assert report.near_misses == ()


def test_a_near_miss_is_carried_on_where_nothing_moved_and_taken_by_its_place_in_the_frame(room):
    area = Box(200, 100, 392, 292)
    gate = ScriptedGate(None, (area,), (area,))
    beside = Face(Box(30, 40, 60, 80), 0.3)
    detector = NearDetector(Detections((ONE,), (NEAR,)), Detections((), (beside,)), Detections(()))
    reports = near_engine(detector, gate).analyse([at(n / 5, room) for n in range(3)])
    moved = Face(beside.box.moved(200, 100), 0.3)
    assert [set(report.near_misses) for report in reports] == [{NEAR}, {moved, NEAR}, {NEAR}]


def test_a_carried_near_miss_on_which_a_face_is_found_is_none(room):
    gate = ScriptedGate(None, (Box(450, 350, 642, 542),))
    face = Face(NEAR.box.moved(-450, -350), 0.9)
    detector = NearDetector(Detections((), (NEAR,)), Detections((face,)))
    _, report = near_engine(detector, gate).analyse([at(n / 5, room) for n in range(2)])
    assert [face.box for face in report.faces] == [NEAR.box]
    assert report.near_misses == ()


def test_the_report_tells_what_moved_but_where_it_is_ignored(room):
    gate = MotionGate("door", NEVER)
    right = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    eng = near_engine(ScriptedDetector(*[()] * 9), gate, ignore=(right,))
    changed = with_something(with_something(room, 100, 200, 80), 1000, 200, 80)
    _, report = eng.analyse([at(0, room), at(0.2, changed)])
    (moved,) = report.moved
    assert moved.x2 < 640
