import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from maskwatch.core.errors import QueueError, QueueFull
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.formats.entries import write_folder
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import Split
from maskwatch.learning.collect import sample_image, seen
from maskwatch.samples import annotations as labelling_rules
from maskwatch.samples import retention as room
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.exports import SampleFilter, exported
from maskwatch.samples.retention import Limits
from maskwatch.samples.sample import read_sample
from maskwatch.samples.store import Queue

MODELS = {"detector": "stock-1", "classifier": "abc123"}
NOISE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
SAMPLE_MB = 0.00701  # of the noise with its record


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "queue"


@pytest.fixture
def add(frame, report):
    """Add a sample of noise."""

    def make(queue, at=0.0, camera="door"):
        seen = report(at, 0.5, camera=camera)
        return queue.add(frame(at, camera, NOISE), seen, ("classifier",))

    return make


def limited(folder, *, samples=1000.0, max_days=30.0):
    return Queue(folder, Limits(samples * SAMPLE_MB, max_days), MODELS)


def ids(folder):
    return [sample.id for sample in Queue(folder).samples()]


def record(folder, sample_id):
    (path,) = folder.glob(f"*/*/{sample_id}.json")
    return path


def label(folder, sample_id):
    Queue(folder).label(
        sample_id, [Annotation(Box(1, 2, 30, 40), AnnotationLabel.PROTECTED)], "kim", based_on=0
    )


def age(folder, sample_id, days):
    """Make a sample look as if it had been stored `days` ago; gives its id then."""
    path = record(folder, sample_id)
    then = datetime.now(UTC) - timedelta(days=days)
    aged_id = f"{then:%Y%m%dT%H%M%S.%f}"[:-3] + sample_id[sample_id.index("Z") :]
    aged = folder / "door" / f"{then:%Y-%m-%d}" / f"{aged_id}.json"
    aged.parent.mkdir(exist_ok=True)
    aged.write_text(json.dumps(json.loads(path.read_text()) | {"id": aged_id}))
    path.with_suffix(".jpg").rename(aged.with_suffix(".jpg"))
    path.unlink()
    return aged_id


def test_a_sample_is_a_picture_and_a_record_by_camera_and_day(folder, frame):
    face = Face(Box(1.26, 2, 30.04, 40), 0.98765, 0.51239, Label.PROTECTED)
    report = FrameReport("정문", "clip.mp4", 37, 1.48, (80, 60), (face,))
    before = datetime.now(UTC)
    sample_id = Queue(folder, models=MODELS).add(
        frame(3.7, "정문", NOISE), report, ("classifier", "detector")
    )
    path = record(folder, sample_id)
    written = json.loads(path.read_text(encoding="utf-8"))
    saved_at = datetime.fromisoformat(written.pop("saved_at"))
    assert path.relative_to(folder).parts == ("정문", f"{saved_at:%Y-%m-%d}", f"{sample_id}.json")
    assert saved_at.utcoffset() == timedelta(0)
    assert abs(saved_at - before) < timedelta(seconds=5)
    assert sorted(p.name for p in path.parent.iterdir()) == [f"{sample_id}.jpg", f"{sample_id}.json"]
    assert written == {
        "id": sample_id,
        "camera": "정문",
        "source": "clip.mp4",
        "seq": 37,
        "at": 1.48,
        "size": [80, 60],
        "reasons": ["classifier", "detector"],
        "models": MODELS,
        "faces": [{"box": [1.3, 2, 30.0, 40], "score": 0.988, "protected": 0.512, "label": "protected"}],
        "labels": None,
    }


def test_a_sample_reads_back_as_it_was(folder, frame, report):
    seen = report(3.7, 0.5, None, 0.9)
    smooth = cv2.resize(NOISE[:6, :8], (80, 60), interpolation=cv2.INTER_CUBIC)
    sample_id = Queue(folder, models=MODELS).add(frame(3.7, rgb=smooth), seen, ("classifier",))
    (sample,) = Queue(folder).samples()
    assert (sample.id, sample.report, sample.reasons, sample.models) == (
        sample_id,
        seen,
        ("classifier",),
        MODELS,
    )
    assert sample.labels is None
    found, rgb = Queue(folder).find(sample_id)
    assert found == sample
    assert np.abs(rgb.astype(int) - smooth).mean() < 4


def test_samples_come_oldest_first_over_all_cameras(folder, add):
    queue = Queue(folder)
    added = [add(queue, at / 10, camera) for at, camera in enumerate(["door", "gate", "a", "door", "gate"])]
    assert ids(folder) == added


def test_an_empty_or_missing_queue_holds_nothing(folder):
    assert ids(folder) == []
    with pytest.raises(QueueError, match="no sample 'x'"):
        Queue(folder).find("x")


def test_above_its_size_the_oldest_unlabelled_sample_goes(folder, add):
    queue = limited(folder, samples=3.5)
    added = [add(queue, at / 10) for at in range(3)]
    label(folder, added[0])
    added += [add(queue, at / 10) for at in range(3, 6)]
    assert ids(folder) == [added[0], added[4], added[5]]
    assert len(list(folder.glob("*/*/*"))) == 6


def test_of_a_sample_that_goes_the_record_goes_first(folder, add):
    path = record(folder, age(folder, add(Queue(folder)), 31))
    path.with_suffix(".jpg").unlink()
    path.with_suffix(".jpg").mkdir()  # so that it cannot be removed
    queue = limited(folder, max_days=30)
    queue.tidy()
    assert not path.exists()
    assert f"{path.with_suffix('.jpg')}: Is a directory" in queue.notice


def test_a_full_queue_of_labelled_samples_takes_no_more(folder, add):
    queue = limited(folder, samples=2.5)
    added = [add(queue, at / 10) for at in range(2)]
    for each in added:
        label(folder, each)
    with pytest.raises(QueueError, match=r"full .*queue\.max_mb"):
        add(queue, 0.2)
    assert ids(folder) == added


def test_a_full_queue_takes_samples_again_once_people_made_room(folder, add):
    queue = limited(folder, samples=2.5)
    for path in [record(folder, add(queue, at / 10)) for at in range(2)]:
        label(folder, path.stem)
    with pytest.raises(QueueError):
        add(queue, 0.2)
    for path in folder.glob("*/*/*"):
        path.unlink()
    assert ids(folder) == [] != [add(queue, 0.3), add(queue, 0.4)]
    assert len(ids(folder)) == 2


def test_counts_what_an_earlier_run_left(folder, add):
    for at in range(3):
        add(limited(folder, samples=2.5), at / 10)
    assert len(ids(folder)) == 2


def test_unlabelled_samples_go_when_they_are_too_old(folder, add):
    labelled, old, young = (age(folder, add(Queue(folder)), days) for days in (32, 31, 29))
    label(folder, labelled)  # written just now, but stored long ago
    new = add(limited(folder, max_days=30), 0.1)
    assert ids(folder) == [labelled, young, new]
    assert not list(folder.glob(f"*/*/{old}*"))


def test_old_samples_go_although_no_new_ones_come(folder, add):
    labelled, old, young = (age(folder, add(Queue(folder)), days) for days in (32, 31, 29))
    label(folder, labelled)
    queue = limited(folder, max_days=30)
    queue.tidy()
    assert ids(folder) == [labelled, young]
    names = {path.name for path in (folder / "door").iterdir()}
    assert not any(old.startswith(name.replace("-", "")) for name in names)  # nor does an empty folder stay
    assert len(names) >= 2


def test_labelled_samples_go_only_when_somebody_says_after_how_many_days_which_is_logged(folder, add, caplog):
    old, young = (age(folder, add(Queue(folder)), days) for days in (32, 29))
    for each in (old, young):
        label(folder, each)
    with caplog.at_level("INFO"):
        Queue(folder, Limits(1000, 10), MODELS).tidy()
        assert ids(folder) == [old, young]
        Queue(folder, Limits(1000, 10, labelled_max_days=30), MODELS).tidy()
    assert ids(folder) == [young]
    assert "queue: 1 labelled sample older than 30 days deleted (queue.labelled_max_days)" in caplog.text


def test_a_queue_that_is_not_there_yet_is_tidy(folder):
    limited(folder).tidy()
    assert not folder.exists()


def test_looking_after_a_queue_reads_the_labelled_but_once(folder, add, monkeypatch):
    queue = limited(folder, samples=6.5)
    added = [add(queue, at / 10) for at in range(6)]
    for each in added[:4]:
        label(folder, each)
    looked = []
    monkeypatch.setattr(room, "read_sample", lambda path: looked.append(path.stem) or read_sample(path))
    for at in range(6, 10):
        add(queue, at / 10)
    assert ids(folder)[:4] == added[:4]
    assert len(ids(folder)) == 6
    assert all(looked.count(each) == 1 for each in added[:4])


def test_nobody_labels_a_sample_while_it_is_removed(folder, add, monkeypatch):
    """What is being labelled when room is made either stays with its labels or is gone before."""
    queue = limited(folder, samples=2.5)
    added = [add(queue, at / 10) for at in range(2)]
    labelling = threading.Event()
    checked = labelling_rules.validated_annotations

    def slow(*given):
        labelling.set()
        time.sleep(0.5)
        return checked(*given)

    monkeypatch.setattr("maskwatch.samples.store.validated_annotations", slow)
    person = threading.Thread(target=label, args=(folder, added[0]))
    person.start()
    assert labelling.wait(10)
    add(queue, 0.2)
    person.join()
    assert added[0] in ids(folder)
    sample, rgb = Queue(folder).find(added[0])  # its picture, too
    assert sample.labels is not None
    assert rgb.shape == NOISE.shape


# --- a disk that fills ------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def free_mb(disk):
    return shutil.disk_usage(disk).free / 1e6


def test_the_floor_of_free_space_is_kept_by_removing_the_oldest_unlabelled(small_disk, add):
    folder = small_disk / "queue"
    queue = Queue(folder, Limits(1000, 30, min_free_mb=3.9))
    added = [add(queue, at / 10) for at in range(3)]
    label(folder, added[0])
    for at in range(3, 40):
        added.append(add(queue, at / 10))
        assert free_mb(small_disk) > 3.87  # blocks are larger than files
    kept = ids(folder)
    assert kept[0] == added[0]
    assert kept[1:] == added[-len(kept) + 1 :]
    assert 5 < len(kept) < 39


def test_what_others_fill_the_disk_with_makes_old_samples_go_too(small_disk, add):
    folder = small_disk / "queue"
    queue = Queue(folder, Limits(1000, 30, min_free_mb=1))
    added = [add(queue, at / 10) for at in range(10)]
    label(folder, added[0])
    (small_disk / "log").write_bytes(bytes(int(free_mb(small_disk) * 1e6) - 970_000))
    queue.tidy()
    kept = ids(folder)
    assert kept[0] == added[0]
    assert kept[1:] == added[-len(kept) + 1 :]
    assert 2 < len(kept) < 10
    assert free_mb(small_disk) >= 1


def test_writing_stops_at_the_floor_and_goes_on_by_itself(small_disk, add):
    folder = small_disk / "queue"
    queue = Queue(folder, Limits(1000, 30, min_free_mb=1))
    first = add(queue)
    label(folder, first)
    log = small_disk / "log"
    log.write_bytes(bytes(int(free_mb(small_disk) * 1e6) - 900_000))
    for at in (1, 2):
        with pytest.raises(QueueFull, match=r"less than 1 MB of the disk are free \(queue\.min_free_mb\)"):
            add(queue, at)
    with pytest.raises(QueueFull):
        queue.tidy()
    assert ids(folder) == [first]
    log.unlink()
    queue.tidy()
    assert add(queue, 3) in ids(folder)


def test_a_disk_that_is_full_to_the_last_byte_leaves_no_half_sample(small_disk, add):
    folder = small_disk / "queue"
    queue = Queue(folder, Limits(1000, 30, min_free_mb=0))
    stored = [add(queue, 0.0)]
    with (small_disk / "log").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    with pytest.raises(QueueError, match="No space left"):
        add(queue, 0.1)
    with pytest.raises(QueueError, match="No space left"):
        label(folder, stored[0])
    assert Queue(folder).sample(stored[0]).labels is None
    assert ids(folder) == stored
    (small_disk / "log").unlink()
    label(folder, stored[0])
    assert add(queue, 0.2)
    assert not list(folder.glob("*/*/.*"))


@pytest.mark.parametrize("limits", [None, Limits(float("inf"), float("inf"))])
def test_without_limits_everything_stays(folder, add, limits):
    queue = Queue(folder, limits)
    added = [age(folder, add(queue), 10_000), add(queue)]
    assert ids(folder) == added


def test_a_file_in_the_way_is_told_with_its_path(folder, add):
    folder.write_text("in the way")
    with pytest.raises(QueueError, match=r"queue: .*queue"):
        add(Queue(folder))
    folder.unlink()
    folder.mkdir()
    (folder / "door").write_text("in the way")
    with pytest.raises(QueueError, match="door"):
        add(Queue(folder))


BROKEN = ["", "{", "[]", "null", "{}", '{"id": 5, "faces": [{"box": [1]}]}', "\udcff"]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_record_is_logged_and_left_out(folder, add, caplog, text):
    queue = Queue(folder)
    broken, whole = add(queue), add(queue, 0.1)
    path = record(folder, broken)
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert ids(folder) == [whole]
    assert str(path) in caplog.text
    with pytest.raises(QueueError, match="cannot be read"):
        queue.find(broken)


def test_a_broken_record_does_not_stop_the_queue(folder, add, caplog):
    broken = age(folder, add(Queue(folder)), 31)
    record(folder, broken).write_text("{")
    queue = limited(folder, samples=3.5, max_days=30)
    added = [add(queue, at / 10) for at in range(4)]
    assert ids(folder) == added[-2:]
    assert list(folder.glob(f"*/*/{broken}.jpg"))


def test_a_picture_that_is_missing_or_broken_is_a_queue_error(folder, add):
    queue = Queue(folder)
    sample_id = add(queue)
    image = record(folder, sample_id).with_suffix(".jpg")
    image.write_bytes(b"no picture")
    with pytest.raises(QueueError, match="is not a picture"):
        queue.find(sample_id)
    image.unlink()
    with pytest.raises(QueueError, match="No such file"):
        queue.find(sample_id)


def test_what_a_crash_left_is_removed_when_it_is_old(folder, add):
    day = record(folder, add(Queue(folder))).parent
    leftovers = [".x.12345678.part.jpg", ".x.12345678.part.json", "orphan.jpg"]
    for name in leftovers:
        (day / name).write_bytes(b"half")
        (day / f"{name.removesuffix('.jpg')}-young.jpg").write_bytes(b"half")
        os.utime(day / name, (0, 0))
    young = {path.name for path in day.glob("*young*")}
    assert len(ids(folder)) == 1
    add(Queue(folder), 0.1)
    names = {path.name for path in day.iterdir()}
    assert not names & set(leftovers)
    assert young <= names
    assert len(ids(folder)) == 2


# Adds samples until it is killed, again and again: argv is the folder and how often
KILLED = """
import itertools, os, random, signal, sys, time
from pathlib import Path
import numpy as np
from maskwatch.core.records import Box, Face, Frame, FrameReport
from maskwatch.samples.store import Queue
from maskwatch.samples.retention import Limits

rgb = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
face = Face(Box(1, 2, 30, 40), 0.9, 0.5)
for kill in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        queue = Queue(Path(sys.argv[1]), Limits(max_mb=2, max_days=30))
        for seq in itertools.count():
            report = FrameReport("door", "clip.mp4", seq, float(seq), (160, 120), (face,))
            queue.add(Frame("door", "clip.mp4", seq, float(seq), rgb), report, ("classifier",))
    time.sleep(random.uniform(0.001, 0.1))
    while not any(Path(sys.argv[1]).glob("*/*/[!.]*.json")):  # on a busy machine, the first takes longer
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


def test_no_half_sample_is_ever_seen_however_the_writer_dies(folder, caplog):
    subprocess.run([sys.executable, "-c", KILLED, folder, "40"], check=True, timeout=60)
    with caplog.at_level(logging.WARNING):
        samples = list(Queue(folder).samples())
    assert samples
    assert not caplog.records
    for sample in samples:
        _, rgb = Queue(folder).find(sample.id)
        assert rgb.shape == (120, 160, 3)
        assert sample.report.faces == (Face(Box(1, 2, 30, 40), 0.9, 0.5),)
    for path in folder.glob("*/*/[!.]*.json"):
        assert path.with_suffix(".jpg").exists()
    assert all(cv2.imread(str(path)) is not None for path in folder.glob("*/*/[!.]*.jpg"))


def test_two_samples_of_one_moment_have_two_ids(tmp_path, frame, report):
    queue = Queue(tmp_path)
    ids = [
        queue.add(frame(camera=camera), report(0.0, 0.5, camera=camera), ("classifier",))
        for camera in "ab" * 5
    ]
    assert len(set(ids)) == 10
    assert ids == sorted(ids)


# what may have been missed


MISS = Face(Box(10, 10, 30, 36), 0.412)


def test_near_misses_are_kept_as_suggestions_beside_the_faces(folder, frame, report):
    seen = replace(report(0.0, 0.5), near_misses=(MISS,))
    name = Queue(folder).add(frame(0.0, rgb=NOISE), seen, ("near_miss",))
    written = json.loads(record(folder, name).read_text())
    assert written["suggested"] == [
        {"box": [10, 10, 30, 36], "score": 0.412, "protected": None, "label": "unknown"}
    ]
    (sample,) = Queue(folder).samples()
    assert sample.report.near_misses == (MISS,)
    assert len(sample.report.faces) == 1
    Queue(folder).label(name, (), "kim", based_on=0)
    (labelled,) = Queue(folder).samples()
    assert labelled.report.near_misses == (MISS,)


def test_a_sample_without_suggestions_is_written_as_ever(folder, add):
    name = add(Queue(folder))
    assert "suggested" not in json.loads(record(folder, name).read_text())
    assert Queue(folder).sample(name).report.near_misses == ()


def test_what_is_suggested_is_exported_and_accepted_as_no_face(folder, frame, report, tmp_path):
    queue = Queue(folder)
    found = report(0.0, 0.5, boxes=[Box(40, 10, 60, 36)])
    name = queue.add(
        frame(0.0, rgb=NOISE), replace(found, size=(80, 60), near_misses=(MISS,)), ("near_miss",)
    )
    write_folder(exported(queue, SampleFilter(), "coco"), tmp_path / "out")
    (image,) = read(tmp_path / "out").images
    assert len(image.truths) == 1
    assert len(labelling_rules.as_annotations(queue.sample(name).report.faces)) == 1


def test_a_suggestion_that_somebody_takes_becomes_a_face_to_learn_from(folder, frame, report):
    queue = Queue(folder)
    name = queue.add(frame(0.0, rgb=NOISE), replace(report(0.0), near_misses=(MISS,)), ("second_look",))
    queue.label(name, [Annotation(MISS.box, AnnotationLabel.UNPROTECTED)], "kim", based_on=0)
    image = sample_image(queue.sample(name), queue.image(name), Split.TRAIN)
    (truth,) = image.truths
    assert truth.box == MISS.box
    assert seen(image, detector=None).faces == (MISS.box,)
