"""Labels that go out to other tools and come back."""

import http.client
import io
import json
import shutil
import urllib.error
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.formats import registry
from maskwatch.datasets.formats.entries import Entry, write_folder, zipped
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples import unpack
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.exports import SampleFilter, exported, moment
from maskwatch.samples.imports import import_labels
from maskwatch.samples.store import Queue
from maskwatch.web import queue as web_queue
from maskwatch.web.application import make_app
from maskwatch.web.server import Listener, WebServer
from maskwatch.web.settings import WebSettings

FORMS = ["coco", "yolo", "voc", "label_studio", "queue"]
WIDTH, HEIGHT = 1279, 719  # where shares of the frame are no round numbers
MARKS = [
    Annotation(Box(10.1, 20.2, 50.3, 70.4), AnnotationLabel.UNKNOWN),
    Annotation(Box(600.7, 0, 700.9, 110.9), AnnotationLabel.PROTECTED),
    Annotation(Box(100.1, 333.3, 166.6, 444.4), AnnotationLabel.WORN_WRONG),
    Annotation(Box(1200.3, 600.1, 1279, 719), AnnotationLabel.UNPROTECTED),
]


@pytest.fixture
def store(tmp_path, frame):
    """Four samples of two cameras: with four faces, with none, one that nobody labelled, with one face."""
    queue = Queue(tmp_path / "queue")
    rgb = np.random.default_rng(0).integers(0, 255, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    rgb = np.asarray(Image.fromarray(rgb).resize((WIDTH, HEIGHT)))
    faces = (
        Face(Box(5, 5, 40.4, 50), 0.9, 0.9, Label.PROTECTED),
        Face(Box(60, 5, 90, 50), 0.9, 0.4, Label.UNPROTECTED),
    )
    for number, camera in enumerate(["정문", "정문", "door 2", "door 2"]):
        report = FrameReport(camera, "clip.mp4", number, 1.0 * number, (WIDTH, HEIGHT), faces)
        queue.add(frame(number, camera, rgb), report, ("classifier",))
    first, second, _, last = names(queue)
    queue.label(first, MARKS, "kim", based_on=0)
    queue.label(second, [], "kim", based_on=0)
    queue.label(last, MARKS[1:2], "kim", based_on=0)
    return queue


def names(queue):
    return [sample.id for sample in queue.samples()]


def annotations(queue):
    """Of each sample, its marked faces in no particular order."""
    return {
        s.id: s.labels and sorted((tuple(m.box), m.label.value) for m in s.labels.faces)
        for s in queue.samples()
    }


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def out(queue, form, folder, wanted=SampleFilter(labelled=True)):  # noqa: B008 - is immutable
    write_folder(exported(queue, wanted, form), folder)
    return folder


def unlabelled(queue, folder):
    """A copy of a queue in which nobody has labelled anything."""
    for sample in queue.samples():
        for suffix in (".jpg", ".json"):
            (path,) = (queue.images()[sample.id].with_suffix(suffix),)
            target = folder / Path(*path.parts[-3:])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            if suffix == ".json":
                record = json.loads(path.read_text()) | {"labels": None}
                record.pop("history", None)
                target.write_text(json.dumps(record))
    return Queue(folder)


def make_zip(path, entries):
    path.write_bytes(b"".join(zipped(entries)))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_what_goes_out_and_comes_back_goes_out_the_same_again(store, tmp_path, form):
    first = out(store, form, tmp_path / "first")
    other = unlabelled(store, tmp_path / "other")
    done = import_labels(other, first, form, "lee")
    assert len(done.labelled) == 3
    assert annotations(other) == annotations(store)
    assert {s.labels.by for s in other.samples() if s.labels} == {"lee"}
    if form != "queue":  # whose records tell who labelled, and when
        assert files(out(other, form, tmp_path / "second")) == files(first)
    assert len([name for name in files(first) if name.endswith(".jpg")]) == 3


@pytest.mark.parametrize("form", ["coco", "yolo", "voc"])
def test_what_comes_back_as_the_models_said_was_perhaps_not_looked_at(store, tmp_path, form):
    queue = unlabelled(store, tmp_path / "nobody")
    went_out = out(queue, form, tmp_path / "out", SampleFilter())
    done = import_labels(queue, went_out, form, "kim")
    assert (done.labelled, done.as_models_said) == ([], names(queue))
    assert set(annotations(queue).values()) == {None}
    assert import_labels(queue, went_out, form, "kim", accept_unchanged=True).labelled == names(queue)
    changed = unlabelled(store, tmp_path / "changed")
    changed.label(names(changed)[0], MARKS, "kim", based_on=0)
    back = out(changed, form, tmp_path / "back", SampleFilter())
    other = unlabelled(store, tmp_path / "other")
    done = import_labels(other, back, form, "lee")
    assert (done.labelled, done.as_models_said) == (names(other)[:1], names(other)[1:])


@pytest.mark.parametrize("form", FORMS)
def test_a_zip_holds_the_same_files_and_comes_back_the_same(store, tmp_path, form):
    folder = out(store, form, tmp_path / "folder")
    path = make_zip(tmp_path / "set.zip", exported(store, SampleFilter(labelled=True), form))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files(folder)
    other = unlabelled(store, tmp_path / "other")
    assert len(import_labels(other, path, None, "lee").labelled) == 3
    assert annotations(other) == annotations(store)
    done = import_labels(other, path, form, "lee")
    assert (len(done.labelled), len(done.unchanged)) == (0, 3)


def test_a_zip_streams_and_never_holds_more_than_one_file():
    entries = (Entry(f"{n}.bin", bytes([n]) * 100_000) for n in range(200))
    pieces = list(zipped(entries))
    assert len(pieces) > 200
    whole = b"".join(pieces)
    assert max(map(len, pieces)) < len(whole) / 2
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert archive.read("199.bin") == bytes([199]) * 100_000
        assert not any(about.flag_bits & 0x08 for about in archive.infolist())  # sizes stand before the data


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_face_is_neither_a_face_nor_background_to_those_who_learn(store, tmp_path, form):
    data = registry.read(out(store, form, tmp_path / "set"))
    image = next(p for p in data.images if len(p.truths) == 3)
    assert len(image.unclear) == 1
    assert image.unclear[0] == pytest.approx(MARKS[0].box, abs=0.01)
    assert "unknown" not in {truth.label for truth in image.truths}


def test_what_nobody_labelled_goes_out_when_all_are_wanted_as_the_models_said(store, tmp_path):
    third = names(store)[2]
    assert third not in "".join(files(out(store, "voc", tmp_path / "labelled")))
    out(store, "yolo", tmp_path / "all", SampleFilter())
    (lines,) = [
        text for name, text in files(tmp_path / "all").items() if third in name and name.endswith(".txt")
    ]
    assert [line.split()[0] for line in lines.decode().splitlines()] == ["0", "1"]


def test_only_what_is_wanted_goes_out(store):
    samples = store.samples()

    def chosen(**wanted):
        return [s.id for s in samples if SampleFilter(**wanted).fits(s)]

    assert chosen(camera="정문") == names(store)[:2]
    assert chosen(labelled=False) == [names(store)[2]]
    assert chosen(reason="classifier") == names(store)
    assert chosen(reason="audit") == []
    third = samples[2].saved_at
    assert chosen(since=third) == names(store)[2:]
    assert chosen(until=third) == names(store)[:2]
    with pytest.raises(DataError, match="no sample is asked for"):
        exported(store, SampleFilter(camera="nowhere"), "coco")


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("2026-11-01", False, datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01", True, datetime(2026, 11, 2, tzinfo=UTC)),
        ("2026-11-01T10:00", True, datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T10:00+09:00", False, datetime(2026, 11, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_day_is_meant_whole_and_in_utc(text, end, expected):
    assert moment(text, end=end) == expected


@pytest.mark.parametrize("form", FORMS)
def test_labels_given_here_since_then_stay_unless_forced(store, tmp_path, form):
    went_out = out(store, form, tmp_path / "set")
    first, second, _, last = names(store)
    store.label(first, MARKS[:1], "park", based_on=1)
    store.label(last, [], "park", based_on=1)
    done = import_labels(store, went_out, form, "lee")
    assert (done.newer_here, done.unchanged, done.labelled) == ([first, last], [second], [])
    assert store.sample(first).labels.by == "park"
    assert import_labels(store, went_out, form, "lee", force=True).labelled == [first, last]
    assert store.sample(first).labels.by == "lee"
    assert store.undo(first, "lee").labels.faces == (MARKS[0],)  # and even then nothing is lost


def test_corrections_of_labels_that_went_out_are_taken_over(store, tmp_path):
    went_out = out(store, "coco", tmp_path / "set")
    path = went_out / "annotations/instances_default.json"
    coco = json.loads(path.read_text())
    coco["annotations"] = [a | {"category_id": 2} for a in coco["annotations"]]
    path.write_text(json.dumps(coco))
    assert len(import_labels(store, went_out, "coco", "lee").labelled) == 2
    (went_out / "revisions.json").unlink()  # from here on, nobody knows which labels are newer
    path.write_text(json.dumps(coco | {"annotations": []}))
    done = import_labels(store, went_out, "coco", "lee")
    assert (len(done.newer_here), len(done.unchanged)) == (2, 1)


def test_what_was_submitted_in_label_studio_was_looked_at_and_its_revision_comes_back(store, tmp_path):
    """As Label Studio gives tasks back: one JSON file, what somebody submitted among them."""
    first, second, third, last = names(store)
    tasks = json.loads(
        (out(store, "label_studio", tmp_path / "set", SampleFilter()) / "tasks.json").read_text()
    )
    by_id = {task["meta"]["sample"]: task for task in tasks}
    assert (by_id[third]["annotations"], by_id[third]["meta"]["revision"]) == ([], 0)
    (prediction,) = by_id[third]["predictions"]
    assert (prediction["score"], prediction["model_version"]) == (0.6, "maskwatch")
    assert [each["score"] for each in prediction["result"]] == [0.9, 0.9]
    by_id[third]["annotations"] = [{"result": prediction["result"]}]
    by_id[last]["annotations"] = [{"result": by_id[last]["annotations"][0]["result"] * 2}]
    by_id[second]["annotations"] = [{"result": prediction["result"]}]
    store.label(second, MARKS[:1], "park", based_on=1)  # since they went out
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks))
    done = import_labels(store, path, None, "lee")
    assert (done.labelled, done.unchanged, done.newer_here) == ([third, last], [first], [second])
    assert done.as_models_said == []
    assert [tuple(m.box) for m in store.sample(third).labels.faces] == [(5, 5, 40.4, 50), (60, 5, 90, 50)]


@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "label_studio"])
def test_names_without_folders_come_back_the_same(store, tmp_path, form):
    write_folder(exported(store, SampleFilter(labelled=True), form, flat=True), tmp_path / "set")
    pictures = list((tmp_path / "set").rglob("*.jpg"))
    assert all(path.name.startswith(("정문_20", "door 2_20")) for path in pictures)
    assert len({path.parent for path in pictures}) == 1
    other = unlabelled(store, tmp_path / "other")
    assert len(import_labels(other, tmp_path / "set", None, "lee").labelled) == 3
    assert annotations(other) == annotations(store)


def test_pictures_without_a_face_may_be_passed_over(store, tmp_path):
    went_out = out(store, "voc", tmp_path / "set")
    other = unlabelled(store, tmp_path / "other")
    assert len(import_labels(other, went_out, "voc", "lee", skip_empty=True).labelled) == 2
    assert annotations(other)[names(store)[1]] is None


# --- what the tools write -----------------------------------------------------------------------------------

FACE = (100.0, 50.0, 200.0, 150.0)


def coco_of(path, name, sample_id):
    images = [{"id": 1, "file_name": name.format(sample_id), "width": WIDTH, "height": HEIGHT}]
    categories = [{"id": 7, "name": "worn_wrong"}]
    annotations = [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [100, 50, 100, 100]}]
    return {
        path: json.dumps({"images": images, "categories": categories, "annotations": annotations}).encode()
    }


YOLO_LINE = f"1 {150 / WIDTH} {100 / HEIGHT} {100 / WIDTH} {100 / HEIGHT}\n".encode()


def voc_of(name, sample_id):
    corners = "".join(
        f"<{side}>{v}</{side}>" for side, v in zip(("xmin", "ymin", "xmax", "ymax"), FACE, strict=True)
    )
    text = f"<annotation><filename>{name}</filename><object><name>worn_wrong</name><bndbox>{corners}</bndbox>"
    return {f"Annotations/{name.rpartition('.')[0] or name}.xml": f"{text}</object></annotation>".encode()}


TOOLS = {
    "CVAT, COCO": lambda n: coco_of("annotations/instances_default.json", "door/{}.jpg", n),
    "CVAT, YOLO 1.1": lambda n: {
        "obj.names": b"protected\nworn_wrong\n",
        "obj.data": b"classes = 2\n",
        "train.txt": f"data/obj_train_data/{n}.jpg\n".encode(),
        f"obj_train_data/{n}.txt": YOLO_LINE,
    },
    "CVAT, Ultralytics": lambda n: {
        "data.yaml": b"names: {0: protected, 1: worn_wrong}\npath: .\ntrain: train.txt\n",
        "train.txt": f"data/images/train/{n}.jpg\n".encode(),
        f"labels/train/{n}.txt": YOLO_LINE,
    },
    "CVAT, VOC": lambda n: voc_of(f"{n}.jpg", n) | {"labelmap.txt": b"# label:color_rgb:parts:actions\n"},
    "Label Studio, COCO": lambda n: coco_of("result.json", "images/3f2a9c1b-{}.jpg", n),
    "Label Studio, YOLO": lambda n: {
        "classes.txt": b"protected\nworn_wrong\n",
        "notes.json": b"{}",
        f"labels/3f2a9c1b-{n}.txt": YOLO_LINE,
    },
    "Label Studio, VOC": lambda n: voc_of(f"3f2a9c1b-{n}.jpg", n),
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("packed", [True, False], ids=["zip", "folder"])
def test_labels_come_back_from_the_tools_as_these_lay_them_out(store, tmp_path, tool, packed):
    third = names(store)[2]
    entries = [Entry(name, data) for name, data in TOOLS[tool](third).items()]
    if packed:
        source = make_zip(tmp_path / "back.zip", [Entry(f"project/{e.name}", e.content) for e in entries])
    else:
        source = tmp_path / "back"
        write_folder(entries, source)
    done = import_labels(store, source, None, "lee")
    assert done.labelled == [third], done.problems
    (mark,) = store.sample(third).labels.faces
    assert (mark.label, mark.box) == (AnnotationLabel.WORN_WRONG, FACE)


def test_what_matches_no_sample_is_told_by_its_name(store, tmp_path):
    other = tmp_path / "back"
    write_folder(
        [
            Entry(n, d)
            for n, d in coco_of("annotations.json", "{}.jpg", "20200101T000000.000Z-000001").items()
        ],
        other,
    )
    done = import_labels(store, other, None, "lee")
    assert done.labelled == []
    (line,) = done.problems
    assert "20200101T000000.000Z-000001.jpg: is missing" in line
    assert str(other) in line


# --- sets from strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/tmp/evil.txt", "labels/../../evil.txt", "..\\evil.txt", "C:evil.txt"]
)
def test_a_path_that_leads_out_of_a_zip_is_refused(store, tmp_path, name):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match="lies outside"):
        import_labels(store, path, "yolo", "lee")
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_link_in_a_zip_becomes_a_mere_file(store, tmp_path):
    path = tmp_path / "link.zip"
    about = zipfile.ZipInfo("annotations.json")
    about.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(about, "/etc/passwd")
    with pytest.raises(DataError, match="is not COCO"):
        import_labels(store, path, "coco", "lee")


def test_a_bomb_is_left_unexploded(store, tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_TEXT_MB", 5)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.json", np.random.default_rng(0).bytes(3_000_000).hex())
    with pytest.raises(DataError, match=r"more than .* 5 MB of labels; refused"):
        import_labels(store, path, "coco", "lee")
    monkeypatch.setattr(unpack, "MAX_FILES", 20)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(21):
            archive.writestr(f"labels/{number}.txt", "")
    with pytest.raises(DataError, match="more than 20 files"):
        import_labels(store, path, "yolo", "lee")


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("annotations.json", '{"images": [], "categories": [], "annotations": [{}]}', 10_000_000),
        ("annotations.json", '{"images": [{}], "categories": [], "annotations": []}', 10_000_000),
        ("Annotations/a.xml", "<annotation><object/>{}</annotation>", 3_000_000),
        ("data.yaml", "names: [{}]", 300_000),
    ],
    ids=["annotations", "images", "xml", "yaml"],
)
def test_a_small_zip_that_unpacks_to_much_is_refused_at_once(store, tmp_path, name, text, count):
    fill = {"Annotations/a.xml": "<object/>"}.get(name, "{},")
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        before, after = text.split("{}", 1)
        archive.writestr(name, before + fill * (count // len(fill)) + after)
    assert path.stat().st_size < 102_000
    with pytest.raises(DataError, match=r"packed too tightly|larger than 0\.1 MB"):
        import_labels(store, path, None, "lee")


def test_a_small_zip_of_many_files_that_unpack_to_much_is_refused(store, tmp_path):
    path = tmp_path / "bomb.zip"
    entry = '{"file_name": "a.jpg"}'
    text = f'{{"images": [{", ".join([entry] * 40_000)}], "annotations": [], "categories": []}}'
    assert len(text) < unpack.PACKED_FROM_BYTES  # small enough to be packed as tightly as it likes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(30):
            archive.writestr(f"annotations/{number}.json", text)
    assert path.stat().st_size < 102_000
    with pytest.raises(DataError, match=r"or [\d.]+ MB of labels; refused"):
        import_labels(store, path, None, "lee")


@pytest.mark.parametrize("name", ["labels/a.txt", "Annotations/a.xml", "data.yaml", "annotations.json"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_single_file_of_labels_has_a_limit_of_its_own(store, tmp_path, monkeypatch, name, packed):
    most = unpack.MAX_FILE_MB
    monkeypatch.setattr(unpack, "MAX_FILE_MB", {suffix: each / 1000 for suffix, each in most.items()})
    entries = [Entry(name, np.random.default_rng(0).bytes(40_000).hex().encode())]
    source = tmp_path / "set.zip"
    if packed:
        make_zip(source, entries)
    else:
        write_folder(entries, source)
    with pytest.raises(DataError, match=rf"{name.split('/')[-1]} is larger than 0\.\d+ MB; refused"):
        import_labels(store, source, None, "lee")


def test_millions_of_faults_are_told_by_the_first_thousand_and_their_number(store, tmp_path):
    images = [{"id": 1, "file_name": "elsewhere.jpg"}]
    text = json.dumps({"images": images, "categories": [], "annotations": [0] * 5000})
    write_folder([Entry("annotations.json", text.encode())], tmp_path / "set")
    problems = import_labels(store, tmp_path / "set", "coco", "lee").problems
    assert len(problems) == 1001
    assert "annotation 999 in the list" in problems[-2]
    assert problems[-1] == "and 4,001 more of the kind"  # and the picture is missing


def test_pictures_in_a_zip_are_not_unpacked(store, tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_TEXT_MB", 0.05)
    path = make_zip(tmp_path / "set.zip", exported(store, SampleFilter(labelled=True), "coco"))
    assert path.stat().st_size > 50_000
    assert import_labels(store, path, "coco", "lee").problems == []


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 broken", b"no zip"])
def test_what_is_no_zip_is_told(store, tmp_path, data):
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"set\.zip: cannot be read"):
        import_labels(store, path, None, "lee")


def test_names_that_grow_without_end_are_refused(store, tmp_path):
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    write_folder(
        [Entry("data.yaml", ("\n".join(lines) + "\nnames: [*i]\n").encode()), Entry("labels/a.txt", b"")],
        tmp_path / "set",
    )
    with pytest.raises(DataError, match="no word"):
        import_labels(store, tmp_path / "set", "yolo", "lee")


# --- over HTTP ----------------------------------------------------------------------------------------------


TOKEN = "a-token-of-24-characters"


def fetched(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    return urllib.request.urlopen(request)


@pytest.fixture
def url(store):
    listener = Listener(WebSettings(port=0))
    with WebServer(listener, make_app(web_queue.routes(store.folder), token=TOKEN), lambda e: None):
        yield f"{listener.url}/api/queue/export"


def test_export_over_http_is_what_the_command_writes(store, url, tmp_path):
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    with fetched(f"{url}?since={today}&format=yolo") as answer:
        body = answer.read()
        assert answer.headers["Content-Type"] == "application/zip"
        assert answer.headers["Transfer-Encoding"] == "chunked"
    assert body == b"".join(zipped(exported(store, SampleFilter(labelled=True), "yolo")))
    with fetched(f"{url}?all=true&camera=door%202&format=queue") as answer:
        held = zipfile.ZipFile(io.BytesIO(answer.read())).namelist()
    assert len([name for name in held if name.endswith(".jpg")]) == 2


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("since=gestern", 400, "since"),
        ("format=pickle", 400, "format"),
        ("all=maybe", 400, "all"),
        ("sinze=2026-11-01", 400, "sinze"),
        ("since=2999-01-01", 404, "no sample"),
    ],
)
def test_a_wrong_question_over_http_is_told(url, query, code, told):
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetched(f"{url}?{query}")
    with refused.value as answer:
        assert answer.code == code
        assert told in json.loads(answer.read())["error"]


@pytest.mark.logs_errors
def test_an_export_that_breaks_off_is_never_taken_for_the_whole_and_the_next_goes(store, url, caplog):
    for place, outcome in ((-1, http.client.IncompleteRead), (0, urllib.error.HTTPError)):
        image = store.image(names(store)[place])
        kept = image.read_bytes()
        image.unlink()
        image.mkdir()  # which no reading gets over
        with pytest.raises(outcome) as broken, fetched(f"{url}?all=true&format=queue") as answer:
            answer.read()
        if outcome is urllib.error.HTTPError:
            with broken.value as answer:
                assert answer.code == 500
        image.rmdir()
        image.write_bytes(kept)
        assert "the export ended with 1" in caplog.text
        with fetched(f"{url}?all=true") as answer:
            assert zipfile.ZipFile(io.BytesIO(answer.read())).testzip() is None


# --- the commands -------------------------------------------------------------------------------------------


def test_label_export_and_import_from_the_command_line(store, tmp_path, maskwatch):
    folder = ["--dir", tmp_path / "queue"]
    third = names(store)[2]
    listed = maskwatch("queue", "list", *folder, "--unlabelled", "--camera", "door 2")
    assert third in listed.stdout
    assert "1 sample in" in listed.stdout
    limited = maskwatch("queue", "list", *folder, "--limit", 1).stdout
    assert [name in limited for name in names(store)] == [False] * (len(names(store)) - 1) + [True]
    assert f"{len(names(store))} samples in" in limited
    assert "1 of them are listed; --limit 0 lists all" in limited
    done = maskwatch("queue", "label", third, "--label", "worn_wrong", "--face", 2, "--by", "lee", *folder)
    assert done.returncode == 0, done.stderr
    assert [m.label.value for m in store.sample(third).labels.faces] == ["protected", "worn_wrong"]
    assert store.sample(third).labels.by == "lee"
    shown = maskwatch("queue", "show", third, "-o", tmp_path / "third.png", *folder)
    assert "labelled by lee" in shown.stdout
    assert "face 2: worn_wrong (60, 5, 90, 50)" in shown.stdout
    maskwatch("queue", "label", third, "--label", "no_face", "--face", 1, *folder)
    assert [m.label.value for m in store.sample(third).labels.faces] == ["worn_wrong"]
    assert maskwatch("queue", "label", third, "--accept", "--no-faces", *folder).returncode == 2
    assert maskwatch("queue", "label", third, "--label", "unknown", "--face", 2, *folder).returncode == 2
    maskwatch("queue", "label", third, "--undo", *folder)
    assert len(store.sample(third).labels.faces) == 2
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    done = maskwatch("queue", "export", tmp_path / "out.zip", "--since", today, "--until", today, *folder)
    assert done.returncode == 0, done.stderr
    assert maskwatch("queue", "export", tmp_path / "out.zip", *folder).returncode == 2
    done = maskwatch("queue", "import", tmp_path / "out.zip", "--by", "lee", *folder)
    assert "0 samples labelled, 4 unchanged" in done.stdout
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    none = maskwatch("queue", "export", tmp_path / "none", "--since", tomorrow, *folder)
    assert none.returncode == 1
    assert not (tmp_path / "none").exists()
    assert maskwatch("queue", "export", tmp_path / "none", "--since", "gestern", *folder).returncode == 2


def test_purge_asks_first_and_leaves_labels_alone(store, tmp_path, maskwatch):
    folder = ["--dir", tmp_path / "queue"]
    first, second, _, last = names(store)
    refused = maskwatch("queue", "purge", *folder, input="n\n")
    assert refused.returncode != 0
    assert len(names(store)) == 4
    assert "deleted 0 of 0" in maskwatch("queue", "purge", "--older-than", 1, "--yes", *folder).stdout
    assert "deleted 1 of 1" in maskwatch("queue", "purge", "--yes", *folder).stdout
    assert names(store) == [first, second, last]
    assert (
        "deleted 2 of 2"
        in maskwatch("queue", "purge", "--labelled", "--camera", "정문", *folder, input="y\n").stdout
    )
    assert names(store) == [last]
    assert len(files(tmp_path / "queue")) == 3  # the last sample and the lock
