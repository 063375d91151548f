import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from maskwatch.core.errors import LabelConflict, QueueError
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.labels import AnnotationLabel, FaceLabel
from maskwatch.samples.annotations import Annotation, as_annotations, relabelled
from maskwatch.samples.store import Queue

HERE, THERE = Box(10, 10, 30, 40), Box(40.04, 10, 60.06, 40)
MASKED, BARE = Annotation(HERE, AnnotationLabel.PROTECTED), Annotation(HERE, AnnotationLabel.UNPROTECTED)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "queue"


@pytest.fixture
def queue(folder):
    return Queue(folder)


@pytest.fixture
def add(queue, frame):
    """Add a sample in which the models see a masked face, a bare one, and one too small to be judged."""

    def make(camera="door", at=0.0):
        faces = (
            Face(HERE, 0.9, 0.97, Label.PROTECTED),
            Face(THERE, 0.9, 0.03, Label.UNPROTECTED),
            Face(Box(2, 2, 8, 8), 0.6),
        )
        rgb = np.full((48, 64, 3), 90, np.uint8)
        report = FrameReport(camera, "clip.mp4", 1, at, (64, 48), faces)
        return queue.add(frame(at, camera, rgb), report, ("classifier",))

    return make


def record(folder, sample_id):
    (path,) = folder.glob(f"*/*/{sample_id}.json")
    return path


def written(folder, sample_id):
    return json.loads(record(folder, sample_id).read_text(encoding="utf-8"))


def test_labels_stand_in_the_record_as_documented(folder, queue, add):
    sample_id = add("정문")
    before = datetime.now(UTC)
    given = queue.label(sample_id, [MASKED, Annotation(THERE, AnnotationLabel.UNKNOWN)], " kim ", based_on=0)
    labels = written(folder, sample_id)["labels"]
    at = datetime.fromisoformat(labels.pop("at"))
    assert abs((at - before).total_seconds()) < 5
    assert labels == {
        "faces": [
            {"box": [10, 10, 30, 40], "label": "protected"},
            {"box": [40.0, 10, 60.1, 40], "label": "unknown"},
        ],
        "by": "kim",
        "revision": 1,
    }
    assert Queue(folder).samples() == [queue.sample(sample_id)]
    assert queue.sample(sample_id).labels.faces == given.labels.faces


def test_nobody_in_the_frame_is_an_answer_and_not_the_same_as_none_given(queue, add):
    sample_id = add()
    assert queue.sample(sample_id).labels is None
    labelled = queue.label(sample_id, [], "kim", based_on=0)
    assert labelled.labels.faces == ()
    assert queue.label(sample_id, None, "kim", based_on=1).labels is None


def test_who_saves_over_a_newer_revision_is_told_and_changes_nothing(folder, queue, add):
    sample_id = add()
    Queue(folder).label(sample_id, [BARE], "lee", based_on=0)
    with pytest.raises(LabelConflict, match=r"meanwhile by lee .*revision 1, yours is 0"):
        queue.label(sample_id, [MASKED], "kim", based_on=0)
    assert queue.sample(sample_id).labels.faces == (BARE,)
    with pytest.raises(LabelConflict):
        queue.undo(sample_id, "kim", based_on=0)
    assert queue.label(sample_id, [MASKED], "kim", based_on=1).revision == 2
    assert queue.label(sample_id, [BARE], "kim", based_on=None).revision == 3


def test_taking_labels_away_is_a_revision_too(queue, add):
    sample_id = add()
    queue.label(sample_id, [BARE], "lee", based_on=0)
    queue.label(sample_id, None, "lee", based_on=1)
    with pytest.raises(LabelConflict):
        queue.label(sample_id, [MASKED], "kim", based_on=0)
    with pytest.raises(LabelConflict):
        queue.label(sample_id, [MASKED], "kim", based_on=1)


def test_undo_goes_back_step_by_step_and_forgets_nothing(folder, queue, add):
    sample_id = add()
    queue.label(sample_id, [MASKED], "kim", based_on=0)
    queue.label(sample_id, [BARE], "lee", based_on=1)
    queue.label(sample_id, [], "kim", based_on=2)
    seen = [queue.undo(sample_id, "kim").labels.faces for _ in range(2)]
    assert seen == [(BARE,), (MASKED,)]
    assert queue.undo(sample_id, "kim").labels is None
    with pytest.raises(QueueError, match="nothing to undo"):
        queue.undo(sample_id, "kim")
    history = written(folder, sample_id)["history"]
    assert [len(change["faces"] or "") for change in history] == [1, 1, 0, 1, 1, 0]
    assert [change["by"] for change in history] == ["kim", "lee", "kim", "kim", "kim", "kim"]
    assert [change["revision"] for change in history] == [1, 2, 3, 4, 5, 6]


def test_what_is_labelled_after_an_undo_is_undone_first(queue, add):
    sample_id = add()
    queue.label(sample_id, [MASKED], "kim", based_on=0)
    queue.label(sample_id, [BARE], "kim", based_on=1)
    queue.undo(sample_id, "kim")
    queue.label(sample_id, [], "kim", based_on=3)
    assert queue.undo(sample_id, "kim").labels.faces == (MASKED,)
    assert queue.undo(sample_id, "kim").labels is None


def test_what_holds_of_a_sample_are_its_labels_and_without_any_what_the_models_found(queue, add):
    sample = queue.sample(add())
    assert sample.annotations == as_annotations(sample.report.faces)
    assert sample.labelled_report is sample.report
    worn_wrong = replace(BARE, label=AnnotationLabel.WORN_WRONG)
    labelled = queue.label(sample.id, [MASKED, worn_wrong], "kim", based_on=0)
    assert labelled.annotations == (MASKED, worn_wrong)
    assert [(each.box, each.label) for each in labelled.labelled_report.faces] == [
        (MASKED.box, Label.PROTECTED),
        (worn_wrong.box, Label.UNPROTECTED),
    ]


@pytest.mark.parametrize(
    ("label", "number", "expected"),
    [
        (AnnotationLabel.UNKNOWN, None, ["unknown", "unknown"]),
        (AnnotationLabel.UNKNOWN, 2, ["protected", "unknown"]),
        (None, 1, ["unprotected"]),
        (None, None, []),
    ],
)
def test_one_face_or_all_get_another_label_or_go(label, number, expected):
    assert [each.label for each in relabelled([MASKED, BARE], label, number)] == expected


def test_a_face_that_is_not_there_cannot_be_relabelled():
    with pytest.raises(IndexError):
        relabelled([MASKED, BARE], AnnotationLabel.UNKNOWN, 3)


def test_accepting_says_what_the_models_said(queue, add):
    annotations = as_annotations(queue.sample(add()).report.faces)
    assert [mark.label for mark in annotations] == [
        AnnotationLabel.PROTECTED,
        AnnotationLabel.UNPROTECTED,
        AnnotationLabel.UNKNOWN,
    ]


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        (Box(-5, -5, 20, 20), Box(0, 0, 20, 20)),
        (Box(50, 40, 70, 60), Box(50, 40, 64, 48)),
        (Box(1.26, 2.04, 3.55, 9.99), Box(1.3, 2.0, 3.5, 10.0)),
        (Box(20, 20, 10, 10), None),
        (Box(100, 10, 120, 30), None),
        (Box(10, 10, 10.5, 30), None),
        (Box(float("nan"), 1, 2, 3), None),
        (Box(0, 0, float("inf"), 3), None),
    ],
)
def test_a_box_is_cut_at_the_frame_and_refused_where_nothing_is_left(queue, add, box, kept):
    sample_id = add()
    if kept is None:
        with pytest.raises(QueueError, match="face 1"):
            queue.label(sample_id, [Annotation(box, AnnotationLabel.PROTECTED)], "kim", based_on=0)
        assert queue.sample(sample_id).revision == 0
    else:
        labelled = queue.label(sample_id, [Annotation(box, AnnotationLabel.PROTECTED)], "kim", based_on=0)
        assert labelled.labels.faces[0].box == pytest.approx(kept, abs=0.051)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65])
def test_who_labels_must_have_a_name(queue, add, name):
    with pytest.raises(QueueError, match="must have a name"):
        queue.label(add(), [], name, based_on=0)


@pytest.mark.parametrize("sample_id", ["", "x", "*", "../door/x", "[a-z]"])
def test_only_what_is_there_can_be_labelled(queue, add, sample_id):
    add()
    with pytest.raises(QueueError, match="no sample"):
        queue.label(sample_id, [], "kim", based_on=0)


def test_labels_from_elsewhere_without_a_history_can_be_changed_and_undone(folder, queue, add):
    sample_id = add()
    path = record(folder, sample_id)
    labels = {"faces": [{"box": list(HERE), "label": "worn_wrong"}], "by": "me", "at": "2026-11-22"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": labels}))
    assert queue.samples()[0].labels.faces == (Annotation(HERE, AnnotationLabel.WORN_WRONG),)
    queue.label(sample_id, [], "kim", based_on=1)
    assert queue.undo(sample_id, "kim").labels.faces == (Annotation(HERE, AnnotationLabel.WORN_WRONG),)


def test_labels_that_were_written_past_the_history_hold_and_can_be_undone(folder, queue, add):
    sample_id = add()
    queue.label(sample_id, [MASKED], "kim", based_on=0)
    path = record(folder, sample_id)
    told = json.loads(path.read_text())
    told["labels"]["faces"][0]["label"] = "worn_wrong"
    path.write_text(json.dumps(told))
    (sample,) = queue.samples()
    assert [mark.label for mark in sample.labels.faces] == [AnnotationLabel.WORN_WRONG]
    assert sample.revision == 2
    assert queue.undo(sample_id, "kim").labels.faces == (MASKED,)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": None}))
    assert queue.sample(sample_id).labels is None
    assert queue.undo(sample_id, "kim").labels.faces == (MASKED,)


def test_unknown_is_no_label_to_learn_from():
    assert [label.known for label in AnnotationLabel] == [*FaceLabel, None]


def test_many_at_once_lose_no_change(folder, queue, add):
    sample_id = add()

    def work(name):
        own = Queue(folder)
        for _ in range(10):
            while True:
                try:
                    own.label(sample_id, [MASKED], name, based_on=own.sample(sample_id).revision)
                    break
                except LabelConflict:
                    pass

    threads = [threading.Thread(target=work, args=(name,)) for name in ("kim", "lee", "park")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = queue.sample(sample_id).history
    assert [change.revision for change in history] == list(range(1, 31))
    assert sorted(change.by for change in history) == ["kim"] * 10 + ["lee"] * 10 + ["park"] * 10


# Labels one sample until it is killed; each revision that was written is printed after it
LABELS_UNTIL_KILLED = """
import itertools, sys
from pathlib import Path
from maskwatch.core.records import Box
from maskwatch.samples.annotations import Annotation
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.store import Queue

queue = Queue(Path(sys.argv[1]))
mark = Annotation(Box(1, 2, 30, 40), AnnotationLabel.WORN_WRONG)
for number in itertools.count():
    if number % 3:
        print(queue.label(sys.argv[2], [mark] * (number % 4), "kim", based_on=None).revision, flush=True)
    else:
        print(queue.label(sys.argv[2], None, "kim", based_on=None).revision, flush=True)
"""


def test_who_is_killed_while_labelling_loses_nothing_that_was_saved(folder, queue, add):
    sample_id = add()
    for _ in range(5):
        command = [sys.executable, "-c", LABELS_UNTIL_KILLED, folder, sample_id]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            first = child.stdout.readline()
            time.sleep(random.uniform(0.01, 0.2))
            os.kill(child.pid, signal.SIGKILL)
            said = [int(line) for line in [first, *child.stdout.read().splitlines()] if str(line).strip()]
        history = queue.sample(sample_id).history
        assert [change.revision for change in history] == list(range(1, len(history) + 1))
        assert len(history) >= max(said)
        assert queue.label(sample_id, [], "lee", based_on=len(history)).revision == len(history) + 1


def test_the_list_notices_what_others_added_changed_and_removed(folder, queue, add):
    first, second = add(), add(at=1.0)
    assert [sample.id for sample in queue.samples()] == [first, second]
    Queue(folder).label(first, [MASKED], "lee", based_on=0)
    assert [sample.revision for sample in queue.samples()] == [1, 0]
    third = add(at=2.0)
    record(folder, second).unlink()
    assert [sample.id for sample in queue.samples()] == [first, third]


def test_a_list_of_five_thousand_answers_at_once_when_asked_again(folder, queue, add):
    sample_id = add()
    path = record(folder, sample_id)
    text = path.read_text()
    for number in range(5000):
        other = f"20261101T{number:06d}.000Z-000001"
        (path.parent / f"{other}.json").write_text(text.replace(sample_id, other))
    assert len(queue.samples()) == 5001
    took = []
    for _ in range(3):
        started = time.process_time()
        assert len(queue.samples()) == 5001
        took.append(time.process_time() - started)
    assert min(took) < 0.2
