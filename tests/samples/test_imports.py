"""Labels that come back: a sample of which a box cannot be used is refused by name, and an import is undone whole."""

import json
import shutil

import numpy as np
import pytest

from maskwatch.core.errors import QueueError
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples import imports
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.import_journal import NAME, undo_import
from maskwatch.samples.imports import import_labels
from maskwatch.samples.store import Queue

WIDTH, HEIGHT = 160, 120
HERE = [Annotation(Box(1, 2, 30, 40), AnnotationLabel.PROTECTED)]
X1, Y1, SIDE = 60, 20, 40


@pytest.fixture
def store(tmp_path, frame):
    """Four samples; somebody has labelled the first two."""
    queue = Queue(tmp_path / "queue")
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    faces = (Face(Box(5, 5, 40, 50), 0.9, 0.9, Label.PROTECTED),)
    for number in range(4):
        report = FrameReport("door", "clip.mp4", number, 1.0 * number, (WIDTH, HEIGHT), faces)
        queue.add(frame(number, "door", rgb), report, ("classifier",))
    for sample_id in names(queue)[:2]:
        queue.label(sample_id, HERE, "kim", based_on=0)
    return queue


def names(queue):
    return [sample.id for sample in queue.samples()]


def faces(queue):
    return {
        s.id: s.labels and [(m.label.value, tuple(m.box)) for m in s.labels.faces] for s in queue.samples()
    }


def coco(queue, folder, classes=("with_mask",) * 4):
    """A set in which each sample has a face of one class after the other, and one more with a mask."""
    images, annotations = [], []
    categories = sorted({*classes, "with_mask"})
    for number, (sample_id, name) in enumerate(zip(names(queue), classes, strict=True)):
        images.append({"id": number, "file_name": f"{sample_id}.jpg"})
        for x, category in ((X1, name), (X1 + 50, "with_mask")):
            place = [x, Y1, SIDE, SIDE]
            annotations.append({"image_id": number, "category_id": categories.index(category), "bbox": place})
    text = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories)],
    }
    folder.mkdir(exist_ok=True)
    (folder / "annotations.json").write_text(json.dumps(text))
    return folder


def box(x=X1):
    return (x, Y1, x + SIDE, Y1 + SIDE)


def test_a_sample_of_which_a_box_cannot_be_used_is_refused_and_the_others_are_taken_over(store, tmp_path):
    ids, before = names(store), faces(store)
    done = import_labels(
        store, coco(store, tmp_path / "set", ["hat", "good", "bad", "hat"]), None, "lee", force=True
    )
    assert (done.refused, done.labelled) == ([ids[0], ids[3]], ids[1:3])
    after = faces(store)
    assert [after[ids[0]], after[ids[3]]] == [before[ids[0]], before[ids[3]]]
    assert after[ids[1]] == [("protected", box()), ("protected", box(X1 + 50))]
    assert after[ids[2]] == [("worn_wrong", box()), ("protected", box(X1 + 50))]
    assert store.sample(ids[0]).labels.by == "kim"
    assert any(f"{ids[0]}: is refused, because class 'hat' is unknown" in line for line in done.problems)


@pytest.mark.parametrize("fault", ["no box", "nowhere", "unreadable"])
def test_whatever_is_wrong_with_a_box_its_sample_is_refused(store, tmp_path, fault):
    ids, before = names(store), faces(store)
    files = {f"{sample_id}.txt": "0 0.5 0.5 0.2 0.2\n" for sample_id in ids}
    files[f"{ids[1]}.txt"] += {"no box": "0 0.5", "nowhere": "0 9 9 0.1 0.1", "unreadable": "\udcff"}[fault]
    folder = tmp_path / "set/labels"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    (folder.parent / "classes.txt").write_text("mask")
    done = import_labels(store, tmp_path / "set", None, "lee", force=True)
    assert done.refused == [ids[1]]
    assert len(done.labelled) == 3
    assert faces(store)[ids[1]] == before[ids[1]]
    assert any(ids[1] in line for line in done.problems)


def test_an_import_is_undone_whole_and_what_others_changed_since_stays(store, tmp_path):
    ids, before = names(store), faces(store)
    import_labels(store, coco(store, tmp_path / "set"), None, "lee", force=True)
    store.label(ids[1], HERE * 2, "kim", based_on=2)
    done = undo_import(store, "lee")
    assert done.restored == [ids[0], ids[2], ids[3]]
    assert [line for line in done.problems if ids[1] in line and "by kim" in line] == done.problems
    assert len(faces(store)[ids[1]]) == 2
    assert {name: faces(store)[name] for name in done.restored} == {
        name: before[name] for name in done.restored
    }
    assert len(store.sample(ids[0]).history) == 3  # nothing that was said is lost
    with pytest.raises(QueueError, match="no import to undo"):
        undo_import(store, "lee")


def test_an_import_that_changes_nothing_leaves_the_one_before_to_be_undone(store, tmp_path):
    source = coco(store, tmp_path / "set")
    import_labels(store, source, None, "lee", force=True)
    assert len(import_labels(store, source, None, "lee", force=True).unchanged) == 4
    assert len(undo_import(store, "lee").restored) == 4


@pytest.mark.parametrize("step", range(5))
def test_an_import_that_was_killed_is_undone_as_far_as_it_came(store, tmp_path, monkeypatch, step):
    before, given = faces(store), []

    def label(*arguments, **options):
        if len(given) == step:
            raise KeyboardInterrupt
        given.append(arguments)
        return Queue.label(store, *arguments, **options)

    monkeypatch.setattr(store, "label", label)
    if step < 4:
        with pytest.raises(KeyboardInterrupt):
            import_labels(store, coco(store, tmp_path / "set"), None, "lee", force=True)
    else:
        import_labels(store, coco(store, tmp_path / "set"), None, "lee", force=True)
    done = undo_import(Queue(store.folder), "kim")
    assert (len(done.restored), done.problems) == (step, [])
    assert faces(store) == before


def test_an_undo_that_was_killed_goes_on(store, tmp_path, monkeypatch):
    before = faces(store)
    import_labels(store, coco(store, tmp_path / "set"), None, "lee", force=True)
    count = iter([None, None])

    def undo(*arguments, **options):
        next(count)
        return Queue.undo(store, *arguments, **options)

    monkeypatch.setattr(store, "undo", undo)
    with pytest.raises(StopIteration):
        undo_import(store, "lee")
    done = undo_import(Queue(store.folder), "lee")
    assert (len(done.restored), done.problems) == (4, [])
    assert faces(store) == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"source": "x", "by": "y", "samples": [{}]}'])
def test_a_journal_that_is_none_is_told(store, text):
    (store.folder / NAME).write_text(text)
    with pytest.raises(QueueError, match="last-import"):
        undo_import(store, "lee")


def test_the_journal_is_no_sample_and_no_label(store, tmp_path):
    import_labels(store, coco(store, tmp_path / "set"), None, "lee", force=True)
    assert (store.folder / NAME).is_file()
    assert len(Queue(store.folder).samples()) == 4
    data = imports.READERS["queue"].read(store.folder)
    assert (len(data.images), data.problems) == (4, [])


def test_the_command_refuses_maps_and_undoes(store, tmp_path, maskwatch):
    folder, ids = ("--dir", store.folder), names(store)
    before = faces(store)
    source = coco(store, tmp_path / "set", ["hat", "good", "bad", "none"])
    done = maskwatch("queue", "import", source, *folder, "--force", "--by", "lee")
    assert done.returncode == 1
    assert "3 samples labelled, 0 unchanged, 1 refused (see above)" in done.stdout
    assert f"{ids[0]}: is refused" in done.stderr
    assert "--class hat=protected" in done.stderr
    done = maskwatch("queue", "import", "--undo", *folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"3 samples as before the import of {source}, 0 left as they are" in done.stdout
    assert faces(store) == before
    done = maskwatch("queue", "import", source, *folder, "--force", "--class", "Hat=unknown")
    assert done.returncode == 0, done.stderr
    assert faces(store)[ids[0]] == [("protected", box(X1 + 50)), ("unknown", box())]
    for wrong in (
        ("queue", "import"),
        ("queue", "import", source, "--undo"),
        ("queue", "import", source, "--class", "x"),
    ):
        assert maskwatch(*wrong, *folder).returncode == 2


# --- Label Studio


def studio(sample_id, *results, **task):
    return {
        "id": 7,
        "data": {"image": f"/data/upload/1/3f2a9c1b-{sample_id}.jpg"},
        "annotations": [{"result": list(results), "updated_at": "2026-11-26T05:54:47Z"}],
    } | task


def rectangle(label, x=37.5, width=25.0, **more):
    value = {
        "x": x,
        "y": 25.0,
        "width": width,
        "height": 50.0,
        "rotation": 0,
        "rectanglelabels": [label],
    } | more
    return {"type": "rectanglelabels", "original_width": WIDTH, "original_height": HEIGHT, "value": value}


def test_label_studios_own_json_is_read(store, tmp_path):
    first, second, third, last = names(store)
    polygon = {
        "type": "polygonlabels",
        "value": {"points": [[0, 0], [25, 0], [25, 50]], "polygonlabels": ["mask"]},
    }
    later = {"result": [rectangle("no_mask")], "updated_at": "2026-11-27T05:54:47Z"}
    cancelled = {"result": [], "updated_at": "2026-11-28T05:54:47Z", "was_cancelled": True}
    tasks = [
        studio(first, rectangle("worn_wrong"), polygon, {"type": "choices", "value": {"choices": ["day"]}}),
        studio(second, annotations=[*studio(second, rectangle("mask"))["annotations"], later, cancelled]),
        studio(third, {"type": "brushlabels", "value": {"rle": [1], "brushlabels": ["mask"]}}),
        studio(last, annotations=[]),
    ]
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks))
    done = import_labels(store, path, None, "lee", force=True)
    assert (done.labelled, done.refused) == ([first, second], [third])
    assert sorted(faces(store)[first]) == [("protected", (0, 0, 40, 60)), ("worn_wrong", (60, 30, 100, 90))]
    assert faces(store)[second] == [("unprotected", (60, 30, 100, 90))]
    assert faces(store)[last] is None
    assert any(f"{path}: 1 task without an annotation left out" in line for line in done.problems)


def test_a_label_of_the_whole_picture_says_nothing_of_where_the_face_is(store, tmp_path):
    path = tmp_path / "tasks.json"
    ids, before = names(store), faces(store)
    path.write_text(json.dumps([studio(ids[0], {"type": "choices", "value": {"choices": ["no_mask"]}})]))
    done = import_labels(store, path, None, "lee", force=True)
    assert (done.refused, done.labelled) == ([ids[0]], [])
    assert faces(store) == before
    assert any(
        f"{ids[0]}: is refused, because its label is of the whole picture" in line for line in done.problems
    )


def test_labels_of_a_picture_of_another_size_are_refused(store, tmp_path):
    source, ids = coco(store, tmp_path / "set"), names(store)
    text = json.loads((source / "annotations.json").read_text())
    text["images"][1] |= {"width": 2 * WIDTH, "height": 2 * HEIGHT}
    text["images"][2] |= {"width": WIDTH, "height": HEIGHT}
    (source / "annotations.json").write_text(json.dumps(text))
    done = import_labels(store, source, None, "lee", force=True)
    assert (done.refused, len(done.labelled)) == ([ids[1]], 3)


def test_a_rectangle_that_is_turned_counts_by_the_box_about_it(store, tmp_path):
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([studio(names(store)[0], rectangle("mask", x=50, rotation=90))]))
    import_labels(store, path, None, "lee", force=True)
    assert faces(store)[names(store)[0]] == [("protected", (20, 30, 80, 70))]


def test_a_coco_file_alone_is_read_whatever_its_name(store, tmp_path):
    path = tmp_path / "instances_default.json"
    shutil.copy(coco(store, tmp_path / "set") / "annotations.json", path)
    assert len(import_labels(store, path, None, "lee", force=True).labelled) == 4


@pytest.mark.parametrize("name", ["ls_COCO.zip", "ls_JSON.json", "ls_VOC.zip", "ls_YOLO_WITH_IMAGES.zip"])
def test_real_exports_of_label_studio_give_every_face(shared, tmp_path, name):
    folder = shared / "cases/labels/labelstudio_1.23.2_real_exports"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    for path in folder.glob("queue/*/*/*"):
        target = tmp_path / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    store = Queue(tmp_path / "queue")
    done = import_labels(store, folder / name, None, "lee", force=True)
    assert done.refused == []
    right = 0
    for sample_id, expected in json.loads((folder / "expect.json").read_text()).items():
        found = faces(store)[sample_id]
        assert len(found) == len(expected)
        right += sum(
            any(w[0] == f[0] and w[1] == pytest.approx(f[1], abs=2) for f in found) for w in expected
        )
    assert (right, len(store.samples())) == (78, 18)
