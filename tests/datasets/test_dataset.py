"""Data sets in all formats, broken ones too, and faces made ready for training."""

import csv
import json
import re
import shutil
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Face
from maskwatch.datasets.formats import registry
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.prepare.choose import parts
from maskwatch.datasets.prepare.measures import sharpness
from maskwatch.datasets.prepare.prepare import prepare
from maskwatch.datasets.prepare.records import Criteria
from maskwatch.datasets.prepare.scan import FaceModels, OpenedImage
from maskwatch.datasets.records import DataSet, GroundTruth, LabelledImage, Split, assign_splits
from maskwatch.detect.landmarks import NOSE_AHEAD, Landmarks, turn
from maskwatch.detect.weights import load_stock
from maskwatch.samples.store import Queue
from maskwatch.sources.images import image_size, read_rgb

PROTECTED, UNPROTECTED, WORN_WRONG = FaceLabel


def noise(seed, width=120, height=80):
    rgb = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)


def write(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def truths(data):
    return {p.key: [(t.label, t.box and [round(v, 3) for v in t.box]) for t in p.truths] for p in data.images}


# --- one broken data set, in each of the formats ------------------------------------------------------------

GOOD = (10, 10, 50, 60)
HALF_OUT = (-10, 20, 30, 60)  # three quarters inside
OUT = (115, 20, 155, 60)  # an eighth inside
FLAT = (10, 10, 10, 60)
FACES = [
    ("with_mask", GOOD),
    ("without_mask", HALF_OUT),
    ("with_mask", OUT),
    ("with_mask", FLAT),
    ("hat", GOOD),
]
USED = [(PROTECTED, [10, 10, 50, 60]), (UNPROTECTED, [0, 20, 30, 60])]
CLASSES = ["with_mask", "without_mask", "mask_weared_incorrect", "hat"]


def coco_set(folder):
    write(folder / "images/a.png", noise(1))
    write_text(folder / "images/broken.jpg", "no picture")
    annotations = [
        {"id": n, "image_id": 1, "category_id": CLASSES.index(name), "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for n, (name, (x1, y1, x2, y2)) in enumerate(FACES)
    ]
    annotations += [
        {"id": 90, "image_id": 1, "category_id": 0},
        {"id": 91, "image_id": 77, "category_id": 0, "bbox": [1, 1, 9, 9]},
        {"id": 92, "image_id": 1, "category_id": 55, "bbox": [1, 1, 9, 9]},
        {"id": 93, "image_id": 3, "category_id": 0, "bbox": [1, 1, 9, 9]},
        "nonsense",
    ]
    images = [(1, "a.png"), (2, "gone.png"), (3, "broken.jpg"), (4, "../outside.png")]
    coco = {
        "images": [{"id": n, "file_name": name} for n, name in images] + [{"id": 9}],
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)],
        "annotations": annotations,
    }
    write_text(folder / "annotations.json", json.dumps(coco))
    return [
        "annotations.json: annotation 1: the box reaches outside .*75% .*; cut",
        "annotations.json: annotation 2: the box reaches outside .*12% .*; left out",
        "annotations.json: annotation 3: the box has no size",
        "annotations.json: class 'hat' is unknown",
        "annotations.json: annotation 90: is malformed",
        "annotations.json: annotation 91: image 77 is not in the list",
        "annotations.json: annotation 92: category 55 is not in the list",
        r"annotations.json: annotation 9 in the list: is malformed",
        "annotations.json: image 4 in the list: has no file_name",
        "gone.png: is missing",
        "broken.jpg: is not a picture",
        r"\.\./outside.png: lies outside the data set",
    ]


def yolo_set(folder):
    write(folder / "images/a.png", noise(1))
    write(folder / "images/background.png", noise(2))
    write(folder / "images/empty.png", noise(3))
    write_text(folder / "images/broken.jpg", "no picture")
    lines = [
        f"{CLASSES.index(name)} {(x1 + x2) / 240} {(y1 + y2) / 160} {(x2 - x1) / 120} {(y2 - y1) / 80}"
        for name, (x1, y1, x2, y2) in FACES
    ]
    lines += ["0 0.5 0.5 0.1", "9 0.5 0.5 0.1 0.1", "0 nan 0.5 0.1 0.1", "mask 0.5 0.5 0.1 0.1", ""]
    write_text(folder / "labels/a.txt", "\n".join(lines))
    write_text(folder / "labels/empty.txt", "")
    write_text(folder / "labels/broken.txt", "0 0.5 0.5 0.1 0.1")
    write_text(folder / "labels/gone.txt", "0 0.5 0.5 0.1 0.1")
    write_text(folder / "data.yaml", yaml.safe_dump({"names": CLASSES}))
    return [
        "a.txt: line 2: the box reaches outside .*75% .*; cut",
        "a.txt: line 3: the box reaches outside .*12% .*; left out",
        "a.txt: line 4: the box has no size",
        "data.yaml: class 'hat' is unknown",
        "a.txt: line 6: is no class and four numbers",
        "a.txt: line 7: class 9 has no name",
        "a.txt: line 8: the box has no size",
        "a.txt: line 9: is no class and four numbers",
        "gone.txt: its picture is missing",
        "broken.jpg: is not a picture",
        "2 pictures without labels are used as pictures without faces",
    ]


def voc_object(name, box):
    sides = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=False))
    return f"<object><name>{name}</name><bndbox>{sides}</bndbox></object>"


def voc_file(folder, name, *objects, image=None):
    text = f"<annotation><filename>{image or name + '.png'}</filename>{''.join(objects)}</annotation>"
    return write_text(folder / f"annotations/{name}.xml", text)


def voc_set(folder):
    write(folder / "images/a.png", noise(1))
    write(folder / "images/b.png", noise(2))
    write(folder / "images/bomb.png", noise(3))
    write(folder / "images/alone.png", noise(4))
    write_text(folder / "images/broken.jpg", "no picture")
    voc_file(folder, "a", *(voc_object(*face) for face in FACES), voc_object("with_mask", (1, 2, 3)))
    voc_file(folder, "broken", voc_object("with_mask", GOOD), image="broken.jpg")
    voc_file(folder, "gone", voc_object("with_mask", GOOD))
    voc_file(folder, "outside", voc_object("with_mask", GOOD), image="../../a.png")
    write_text(folder / "annotations/b.xml", "<annotation><object>")
    write_text(folder / "annotations/empty.xml", "")
    write_text(
        folder / "annotations/bomb.xml",
        '<!DOCTYPE a [<!ENTITY x "xxxxxxxx"><!ENTITY y "&x;&x;">]><annotation>&y;</annotation>',
    )
    return [
        "a.xml: object 2: the box reaches outside .*75% .*; cut",
        "a.xml: object 3: the box reaches outside .*12% .*; left out",
        "a.xml: object 4: the box has no size",
        "a.xml: object 5: class 'hat' is unknown",
        "a.xml: object 6: has no box of four numbers",
        "broken.jpg: is not a picture",
        "gone.png: is missing",
        "a.png: lies outside the data set",
        "b.xml: is not XML",
        "empty.xml: is not XML",
        "bomb.xml: declares the entity 'x'",
        "alone.png: no file in annotations describes it",
    ]


def sample(folder, name, labels, rgb=None):
    day = folder / "door" / "2026-11-22"
    if rgb is not None:
        write(day / f"{name}.jpg", rgb)
    text = labels if isinstance(labels, str) else json.dumps({"id": name, "faces": []} | labels)
    return write_text(day / f"{name}.json", text)


def queue_set(folder):
    faces = [{"box": box, "label": name} for name, box in FACES]
    faces += [{"box": [1, 2], "label": "protected"}, {"label": "protected"}, 5]
    sample(folder, "a", {"labels": {"faces": faces, "by": "me", "at": "2026-11-22T10:00:00+00:00"}}, noise(1))
    sample(folder, "gone", {"labels": {"faces": [{"box": GOOD, "label": "protected"}]}})
    sample(folder, "none", {"labels": None}, noise(2))
    sample(folder, "absent", {}, noise(3))
    sample(folder, "half", "{", noise(4))
    sample(folder, "odd", {"labels": {"faces": 3}}, noise(5))
    sample(folder, "list", "[]", noise(5))
    return [
        "a.json: face 2: the box reaches outside .*75% .*; cut",
        "a.json: face 3: the box reaches outside .*12% .*; left out",
        "a.json: face 4: the box has no size",
        "a.json: face 5: class 'hat' is unknown",
        "a.json: face 6: is malformed",
        "a.json: face 7: is malformed",
        "a.json: face 8: is malformed",
        "gone.jpg: is missing",
        "half.json: cannot be read",
        "odd.json: cannot be read",
        "list.json: cannot be read",
        "2 samples without a person's labels",
    ]


BROKEN = {
    "coco": (coco_set, "a.png"),
    "yolo": (yolo_set, "a.png"),
    "voc": (voc_set, "a.png"),
    "queue": (queue_set, "door/2026-11-22/a.jpg"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_every_fault_is_one_line_that_names_it_and_the_rest_is_used(kind, tmp_path):
    make, key = BROKEN[kind]
    expected = make(tmp_path)
    data = registry.read(tmp_path)
    assert truths(data)[key] == USED
    assert all("\n" not in line for line in data.problems)
    for pattern in expected:
        assert sum(bool(re.search(pattern, line)) for line in data.problems) == 1, pattern
    assert len(data.problems) == len(expected), data.problems
    assert all(str(tmp_path) in line for line in data.problems)


def test_a_sample_that_a_person_labelled_stays_in_the_queue_and_is_read(tmp_path, frame, report):
    queue = Queue(tmp_path)
    labelled, _ = (queue.add(frame(at, rgb=noise(1)), report(at, 0.5), ("classifier",)) for at in (0.0, 1.0))
    (record,) = tmp_path.glob(f"*/*/{labelled}.json")
    labels = {"faces": [{"box": [1, 2, 30, 40], "label": "worn_wrong"}], "by": "me", "at": "2026-11-22"}
    record.write_text(json.dumps(json.loads(record.read_text()) | {"labels": labels}))
    assert [sample.labels is None for sample in queue.samples()] == [False, True]
    data = registry.read(tmp_path)
    assert truths(data) == {f"door/{record.parent.name}/{labelled}.jpg": [(WORN_WRONG, [1, 2, 30, 40])]}
    assert data.problems == [f"{tmp_path}: 1 sample without a person's labels left out"]


def test_backgrounds_are_pictures_without_faces(tmp_path):
    yolo_set(tmp_path)
    found = truths(registry.read(tmp_path))
    assert found["background.png"] == found["empty.png"] == []
    assert "broken.jpg" not in found


def test_yolo_names_may_stand_in_a_list_a_table_or_classes_txt(tmp_path):
    write(tmp_path / "images/a.png", noise(1))
    write_text(tmp_path / "labels/a.txt", "1 0.5 0.5 0.5 0.5\n")
    with pytest.raises(DataError, match=r"neither data\.yaml nor classes\.txt"):
        registry.read(tmp_path)
    for name, text in [
        ("classes.txt", "with_mask\nwithout_mask\n"),
        ("data.yaml", "names: [protected, No-Mask]"),
        ("data.yaml", "names: {0: x, 1: without mask}"),
    ]:
        write_text(tmp_path / name, text)
        assert truths(registry.read(tmp_path)) == {"a.png": [(UNPROTECTED, [30, 20, 90, 60])]}
    write_text(tmp_path / "data.yaml", "names: [")
    with pytest.raises(DataError, match=r"data\.yaml: cannot be read"):
        registry.read(tmp_path)


def test_yolo_parts_come_from_folders_of_either_layout(tmp_path):
    for layout in ("images/{}/a.png", "{}/images/a.png"):
        folder = tmp_path / layout[0]
        for name in ("train", "val", "test"):
            path = write(folder / layout.format(name), noise(len(name)))
            write_text(Path(str(path).replace("images", "labels")).with_suffix(".txt"), "0 0.5 0.5 0.5 0.5")
        write_text(folder / "data.yaml", "{train: images/train, val: images/val, names: [mask]}")
        data = registry.read(folder)
        assert {p.key: p.split for p in data.images} == {
            "train/a.png": Split.TRAIN,
            "val/a.png": Split.VALIDATION,
            "test/a.png": Split.TEST,
        }
        assert all(len(p.truths) == 1 for p in data.images)


def test_voc_parts_come_from_folders_too(tmp_path):
    write(tmp_path / "images/val/a.png", noise(1))
    voc_file(tmp_path, "val/a", voc_object("with_mask", GOOD), image="a.png")
    (image,) = registry.read(tmp_path).images
    assert (image.key, image.split, len(image.truths)) == ("val/a.png", Split.VALIDATION, 1)


def test_class_folders_take_the_names_of_other_data_sets_and_a_validation_part(tmp_path):
    for n, name in enumerate(["train/with_mask", "train/Without Mask", "train/mask_weared_incorrect"]):
        write(tmp_path / name / "a.png", noise(n))
    for n, name in enumerate(["val/protected", "val/unprotected", "test/protected", "train/hats"]):
        write(tmp_path / name / "a.png", noise(10 + n))
    data = registry.read(tmp_path)
    assert {(p.key, p.truths[0].label, p.split) for p in data.images} == {
        ("train/with_mask/a.png", PROTECTED, Split.TRAIN),
        ("train/Without Mask/a.png", UNPROTECTED, Split.TRAIN),
        ("train/mask_weared_incorrect/a.png", WORN_WRONG, Split.TRAIN),
        ("val/protected/a.png", PROTECTED, Split.VALIDATION),
        ("val/unprotected/a.png", UNPROTECTED, Split.VALIDATION),
        ("test/protected/a.png", PROTECTED, Split.TEST),
    }
    assert len(data.problems) == 2
    assert "class 'hats' is unknown; 1 picture left out" in " ".join(data.problems)
    assert "test/unprotected: no pictures" in " ".join(data.problems)


def test_a_validation_part_stays_and_neither_it_nor_test_is_repeated_in_training():
    parts = {"a": Split.TRAIN, "b": Split.TEST, "c": Split.TRAIN, "d": Split.VALIDATION, "e": Split.TRAIN}
    images = [LabelledImage(Path(k), k, (), part) for k, part in parts.items()]
    images += [LabelledImage(Path(f"t{n}"), f"t{n}", (), Split.TRAIN) for n in range(50)]
    hashes = np.random.default_rng(0).integers(0, 2**63, len(images)).astype(np.uint64)
    hashes[0], hashes[2] = hashes[1], hashes[3]
    found = {p.key: p.split for p in assign_splits(images, hashes)}
    assert (found["a"], found["b"]) == (Split.TEST, Split.TEST)
    assert (found["c"], found["d"]) == (Split.VALIDATION, Split.VALIDATION)
    assert all(found[key] is Split.TRAIN for key in found if key not in "abcd")


# --- written and read again ---------------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path):
    """Of all labels, with a background, a folder and a name that is not ASCII."""
    boxes = [
        GroundTruth(PROTECTED, Box(3.25, 4.5, 40.75, 60.125)),
        GroundTruth(WORN_WRONG, Box(60, 10, 120, 80)),
        GroundTruth(UNPROTECTED, Box(0, 0, 9.9, 12.3)),
    ]
    keys = ["one.png", "deep/er/two.jpg", "얼굴 3.png", "none.png"]
    given = [tuple(boxes), tuple(boxes[:1]), tuple(boxes[1:]), ()]
    parts = [Split.TRAIN, Split.VALIDATION, Split.TEST, None]
    return [
        LabelledImage(write(tmp_path / "source" / key, noise(n)), key, each, part)
        for n, (key, each, part) in enumerate(zip(keys, given, parts, strict=True))
    ]


@pytest.mark.parametrize("kind", sorted(registry.WRITERS))
def test_a_written_data_set_reads_again_as_it_was(kind, images, tmp_path):
    out = tmp_path / "out"
    registry.write(kind, images, out)
    data = registry.read(out)
    again = {p.key: p for p in data.images}
    assert all("without" in line for line in data.problems)
    assert sorted(again) == sorted(p.key for p in images)
    for before in images:
        after = again[before.key]
        assert after.split is before.split
        assert after.path.read_bytes() == before.path.read_bytes()
        assert [t.label for t in after.truths] == [t.label for t in before.truths]
        for one, other in zip(before.truths, after.truths, strict=True):
            assert np.allclose(one.box, other.box, atol=0.01)
    assert not list(out.rglob("*.part*"))


@pytest.mark.parametrize("kind", sorted(registry.WRITERS))
def test_a_label_without_a_box_cannot_be_written(kind, tmp_path):
    boxed = LabelledImage(
        write(tmp_path / "b.png", noise(1)), "b.png", (GroundTruth(PROTECTED, Box(1, 1, 9, 9)),)
    )
    whole = LabelledImage(write(tmp_path / "a.png", noise(1)), "a.png", (GroundTruth(PROTECTED),))
    with pytest.raises(DataError, match=r"a\.png: its label is the whole picture's"):
        registry.write(kind, [boxed, whole], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["yolo", "voc"])
def test_two_pictures_that_would_share_a_label_file_are_refused(kind, tmp_path):
    both = [LabelledImage(write(tmp_path / k, noise(1)), k, ()) for k in ("a.png", "a.jpg")]
    with pytest.raises(DataError, match="would share its label file"):
        registry.write(kind, both, tmp_path / "out")


def test_the_size_of_a_picture_is_that_of_the_upright_picture(tmp_path):
    for suffix in (".png", ".jpg", ".bmp"):
        assert image_size(write(tmp_path / f"a{suffix}", noise(1))) == (120, 80)
    jpeg = (tmp_path / "a.jpg").read_bytes()
    orientation = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)  # turned by a quarter
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + orientation + b"\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    (tmp_path / "turned.jpg").write_bytes(turned)
    assert image_size(tmp_path / "turned.jpg") == (80, 120)


# --- landmarks ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def landmarks():
    return Landmarks(load_stock().onet)


def test_landmarks_are_those_of_the_published_cascade(bare, landmarks):
    published = pytest.importorskip("facenet_pytorch").MTCNN(keep_all=True, device="cpu")
    tilt = cv2.getRotationMatrix2D((256, 200), 15, 1)
    for rgb in (bare, np.ascontiguousarray(bare[:, ::-1]), cv2.warpAffine(bare, tilt, (512, 600))):
        boxes, _, points = published.detect(rgb, landmarks=True)
        box = Box(*map(float, boxes[0]))
        (found,) = landmarks.find(rgb, [box])
        # not the same crop: the published points are of the box before its last correction
        assert np.abs(found - points[0].astype(float)).max() < 0.04 * box.width


def test_roll_follows_the_head(bare, landmarks):
    def rolled(degrees):
        turned = cv2.warpAffine(bare, cv2.getRotationMatrix2D((254, 194), -degrees, 1), (512, 600))
        return turn(landmarks.find(turned, [Box(150, 90, 358, 310)])[0]).roll

    assert rolled(20) - rolled(0) == pytest.approx(20, abs=4)
    assert rolled(-20) - rolled(0) == pytest.approx(-20, abs=4)


@pytest.mark.parametrize("yaw", [-70, -30, 0, 15, 45, 80])
@pytest.mark.parametrize("roll", [-40, 0, 25])
def test_turn_is_that_of_a_head_seen_from_afar(yaw, roll):
    head = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.6, NOSE_AHEAD], [-0.4, 1.1, 0], [0.4, 1.1, 0]])
    a, b = np.radians([yaw, roll])
    x, y = head[:, 0] * np.cos(a) + head[:, 2] * np.sin(a), head[:, 1]
    seen = np.stack([x * np.cos(b) - y * np.sin(b), x * np.sin(b) + y * np.cos(b)], axis=1)
    found = turn((seen * 40 + 100).astype(np.float32))
    assert (found.yaw, found.roll) == (pytest.approx(yaw, abs=0.1), pytest.approx(roll, abs=0.1))


def test_a_box_beyond_the_picture_has_no_points(bare, landmarks):
    points = landmarks.find(bare, [Box(5000, 5000, 5100, 5100), Box(160, 90, 350, 310)])
    assert np.isnan(points[0]).all()
    assert np.isfinite(points[1]).all()
    assert landmarks.find(bare, []).shape == (0, 5, 2)


def test_sharpness_falls_with_blur_and_hardly_with_size(bare):
    face = Box(160, 90, 350, 310)
    small = cv2.resize(bare, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(bare, (0, 0), 8)
    assert sharpness(small, Box(*(v / 2 for v in face))) == pytest.approx(sharpness(bare, face), rel=0.3)
    assert sharpness(blurred, face) < 0.1 * sharpness(bare, face)


# --- prepare ------------------------------------------------------------------------------------------------


class WhiteSquares:
    """A detector that finds what is framed in white, 4 px inside of the frame."""

    version = "white"

    def detect(self, frames):
        return [tuple(Face(box, 0.99) for box in framed(rgb)) for rgb in frames]


def framed(rgb):
    mask = (rgb > 240).all(axis=2).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return [
        Box(float(x + 4), float(y + 4), float(x + w - 4), float(y + h - 4))
        for x, y, w, h, _ in stats[1:]
        if min(w, h) > 12
    ]


class FixedPoints:
    """Landmarks of a face that looks ahead, or away where its upper left corner is red."""

    def find(self, rgb, boxes):
        ahead = np.array([[20, 20], [40, 20], [30, 30], [22, 40], [38, 40]], np.float32)
        away = ahead + np.array([[0, 0], [0, 0], [60, 0], [0, 0], [0, 0]], np.float32)
        red = [
            rgb[int(b.y1) + 4, int(b.x1) + 4, 0] > 200 and rgb[int(b.y1) + 4, int(b.x1) + 4, 1] < 60
            for b in boxes
        ]
        return np.array([away if r else ahead for r in red], np.float32).reshape(-1, 5, 2)


def eyes():
    return FaceModels(WhiteSquares(), FixedPoints())


def face_image(seed, *boxes, width=160, height=120):
    """Noise with framed faces in it."""
    rgb = np.minimum(noise(seed, width, height), 200)
    for x1, y1, x2, y2 in boxes or [(40, 20, 110, 100)]:
        inner = np.minimum(noise(seed * 7 + x1 + 1, 128, 128), 200)
        rgb[y1:y2, x1:x2] = cv2.resize(inner, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
        cv2.rectangle(rgb, (x1, y1), (x2 - 1, y2 - 1), (255, 255, 255), 2)
    return rgb


def rows(out):
    with (out / "prepared.csv").open() as file:
        return list(csv.DictReader(file))


def why(out):
    return {(Path(r["file"]).name, r["face"]): r["why"] for r in rows(out)}


def run(folder, out, *others, **rules):
    sets = {f.name: registry.read(f) for f in (folder, *others)}
    return prepare(sets, eyes, Criteria(**rules), out, progress=list)


@pytest.fixture
def classes(tmp_path):
    """Twelve protected and twenty unprotected faces, no two alike."""
    folder = tmp_path / "classes"
    for n in range(12):
        write(folder / f"protected/p{n:02d}.png", face_image(n + 1))
    for n in range(20):
        write(folder / f"unprotected/u{n:02d}.png", face_image(100 + n))
    return folder


def test_prepared_faces_lie_by_part_and_label_and_read_again(classes, tmp_path):
    out = tmp_path / "out"
    run(classes, out, balance=False, margin=0.25)
    kept = [r for r in rows(out) if r["why"] == "kept"]
    assert len(kept) == 32
    assert {r["to"] for r in kept} == {str(p.relative_to(out)) for p in out.rglob("*.jpg")}
    assert all(r["to"].startswith(f"{r['part']}/{r['label']}/") for r in kept)
    expected = assign_splits(registry.read(classes).images, hashes_of(classes))
    assert {Path(r["file"]).name: r["part"] for r in kept} == {p.path.name: p.split for p in expected}
    again = registry.read(out)
    assert len(again.images) == 32
    rgb = cv2.imread(str(out / kept[0]["to"]))
    assert rgb.shape[:2] == (112, 102)  # 64 x 74 px with a quarter of 74, 18.5 px, around it
    assert not (tmp_path / "out.part").exists()


def hashes_of(folder):
    from maskwatch.datasets.records import perceptual_hash

    return np.array([perceptual_hash(read_rgb(p.path)) for p in registry.read(folder).images], np.uint64)


def test_every_face_that_is_left_out_is_listed_with_the_reason(classes, tmp_path):
    bad = classes / "protected"
    write(bad / "small.png", face_image(201, (40, 40, 56, 58)))
    blurred = cv2.GaussianBlur(face_image(202), (0, 0), 9)
    cv2.rectangle(blurred, (40, 20), (109, 99), (255, 255, 255), 1)
    write(bad / "blurred.png", blurred)
    turned = face_image(203)
    turned[20:32, 40:52] = (250, 0, 0)
    cv2.rectangle(turned, (40, 20), (109, 99), (255, 255, 255), 2)
    write(bad / "turned.png", turned)
    write(bad / "two.png", face_image(204, (10, 20, 60, 80), (90, 10, 150, 100)))
    write(bad / "empty.png", np.minimum(noise(205, 160, 120), 200))
    write_text(bad / "broken.jpg", "no picture")
    whole = cv2.imencode(".jpg", face_image(206, width=640, height=480))[1].tobytes()
    (bad / "cut.jpg").write_bytes(whole[:60])
    shutil.copy(bad / "p01.png", bad / "same.png")
    larger = cv2.resize(face_image(3), (200, 150), interpolation=cv2.INTER_CUBIC)
    cv2.rectangle(larger, (50, 25), (136, 124), (255, 255, 255), 3)
    write(bad / "larger.png", larger)
    shutil.copy(bad / "p05.png", classes / "unprotected" / "u_p05.png")
    out = tmp_path / "out"
    run(classes, out, balance=False)
    found = why(out)
    assert {key: status for key, status in found.items() if status != "kept"} == {
        ("small.png", "1"): "too small",
        ("blurred.png", "1"): "too blurred",
        ("turned.png", "1"): "too turned",
        ("two.png", "1"): "found, but not marked",
        ("empty.png", ""): "no face found",
        ("broken.jpg", ""): "cannot be read",
        ("cut.jpg", ""): "cannot be read",
        ("same.png", ""): "same file again",
        ("p02.png", "1"): "near duplicate",
        ("p05.png", "1"): "labelled otherwise elsewhere",
        ("u_p05.png", ""): "same file again",
    }
    assert found["two.png", "2"] == found["larger.png", "1"] == "kept"
    details = {Path(r["file"]).name: r["detail"] for r in rows(out)}
    assert "larger.png" in details["p02.png"]
    assert "less than 20" in details["small.png"]
    strict = tmp_path / "strict"
    run(classes, strict, balance=False, one_face=True)
    assert why(strict)["two.png", ""] == "more than one face"


def test_faces_with_boxes_take_their_own_label_and_what_is_missed_is_told(tmp_path):
    source = tmp_path / "source"
    boxes = [Box(10, 20, 60, 80), Box(90, 10, 150, 100)]
    rgb = face_image(1, (10, 20, 60, 80), (90, 10, 150, 100), width=320)
    given = [
        GroundTruth(WORN_WRONG, boxes[1]),
        GroundTruth(PROTECTED, Box(12, 18, 61, 84)),
        GroundTruth(PROTECTED, Box(200, 9, 260, 80)),
    ]
    cv2.rectangle(rgb, (270, 20), (305, 60), (255, 255, 255), 2)
    image = LabelledImage(write(source / "a.png", rgb), "a.png", tuple(given))
    blank = LabelledImage(write(source / "b.png", noise(9)), "b.png", ())
    data = DataSet([image, blank], ["source: a fault"])
    out = tmp_path / "out"
    prepare({"source": data}, eyes, Criteria(balance=False, min_sharpness=0), out, progress=list)
    assert [(r["face"], r["label"], r["why"]) for r in rows(out) if r["file"].endswith("a.png")] == [
        ("", "protected", "marked, but not found"),
        ("1", "protected", "kept"),
        ("2", "worn_wrong", "kept"),
        ("3", "", "found, but not marked"),
    ]
    assert why(out)["b.png", ""] == "no face is marked"
    assert ("source: a fault", "not usable") in {(r["detail"], r["why"]) for r in rows(out)}


def test_two_faces_of_one_picture_or_of_one_camera_are_no_duplicates(tmp_path):
    rgb = face_image(1, (10, 20, 60, 80), (90, 20, 140, 80))
    rgb[10:90, 80:150] = rgb[10:90, 0:70]  # twins
    write(tmp_path / "source/protected/twins.png", rgb)
    write(tmp_path / "source/unprotected/u.png", face_image(2))
    for name, seed in (("first", 4), ("second", 6)):
        frame = face_image(3, (240, 180, 400, 340), width=640, height=480)
        frame[190:330, 250:390] = np.minimum(noise(seed, 140, 140), 200)  # the same view, another face
        write(tmp_path / f"source/protected/{name}.png", frame)
    annotations = [GroundTruth(PROTECTED, box) for box in framed(rgb)]
    data = registry.read(tmp_path / "source")
    twins = LabelledImage(tmp_path / "source/protected/twins.png", "twins.png", tuple(annotations))
    images = [twins, *(p for p in data.images if p.path.stem != "twins")]
    out = tmp_path / "out"
    rules = Criteria(balance=False, min_sharpness=0)
    prepare({"a": DataSet(images, [])}, eyes, rules, out, progress=list)
    assert why(out) == {
        ("twins.png", "1"): "kept",
        ("twins.png", "2"): "kept",
        ("first.png", "1"): "kept",
        ("second.png", "1"): "kept",
        ("u.png", "1"): "kept",
    }


def test_balance_leaves_out_by_chance_and_in_training_alone(classes, tmp_path):
    for n in range(6):
        write(classes / f"worn_wrong/w{n}.png", face_image(300 + n))
    run(classes, tmp_path / "all", balance=False)
    run(classes, tmp_path / "even", balance=True)
    run(classes, tmp_path / "other", balance=True, seed=1)

    def count(out, part):
        kept = [r for r in rows(tmp_path / out) if r["part"] == part]
        return sum(r["label"] == "protected" for r in kept), sum(r["label"] != "protected" for r in kept)

    few, many = count("all", "train")
    assert few < many
    assert count("even", "train") == (few, few)
    assert all(count("even", part) == count("all", part) for part in ("validation", "test"))
    statuses = why(tmp_path / "even")
    assert sum(status == "surplus of its class" for status in statuses.values()) == many - few
    assert all(status == "kept" for (name, _), status in statuses.items() if name.startswith("w"))
    assert statuses != why(tmp_path / "other")


def test_the_same_pictures_give_the_same_folder(classes, tmp_path):
    for name in ("one", "two"):
        run(classes, tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()}
        for n in ("one", "two")
    )
    assert len(one) > 20
    assert one == two


def test_near_duplicates_in_two_data_sets_come_to_the_stricter_part(classes, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(classes, other)
    for path in other.rglob("*.png"):  # other bytes and other names, the same pictures
        rgb = cv2.imread(str(path))
        path.unlink()
        cv2.imwrite(str(path.with_name(f"copy_{path.stem}.png")), np.clip(rgb.astype(int) - 3, 0, 255))
    out = tmp_path / "out"
    run(classes, out, other, balance=False, min_sharpness=0)
    parts = {}
    for folder in (classes, other):
        for p in assign_splits(registry.read(folder).images, hashes_of(folder)):
            parts.setdefault(p.path.stem.removeprefix("copy_"), set()).add(p.split)
    kept = {Path(r["file"]).stem.removeprefix("copy_"): r["part"] for r in rows(out) if r["why"] == "kept"}
    assert len(kept) == 32
    strictest = [Split.TEST, Split.VALIDATION, Split.TRAIN]
    assert kept == {name: min(said, key=strictest.index) for name, said in parts.items()}
    assert any(len(said) > 1 for said in parts.values())


def test_a_chain_of_near_duplicates_over_three_data_sets_comes_to_one_part():
    chain = [("a", Split.TRAIN, 0b0), ("b", Split.TRAIN, 0b1111), ("c", Split.TEST, 0b11111111)]
    opened = [
        OpenedImage(name, LabelledImage(Path(name), "x.png", (), part), bits, name)
        for name, part, bits in chain
    ]
    assert set(parts(opened).values()) == {Split.TEST}


def test_a_failure_leaves_nothing_half_written(classes, tmp_path):
    out = tmp_path / "out"

    def interrupted(images):
        for number, image in enumerate(images):
            if number == 20:
                raise KeyboardInterrupt
            yield image

    sets = {"classes": registry.read(classes)}
    with pytest.raises(KeyboardInterrupt):
        prepare(sets, eyes, Criteria(), out, progress=interrupted)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["classes"]
    with pytest.raises(DataError, match="no face is left: too small"):
        prepare(sets, eyes, Criteria(min_px=500), out, progress=list)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["classes"]
    (tmp_path / "out.part/.faces").mkdir(parents=True)  # of a killed run
    write_text(tmp_path / "out.part/left", "")
    run(classes, out)
    before = sorted(out.rglob("*"))
    with pytest.raises(DataError):
        prepare(sets, eyes, Criteria(min_px=500), out, progress=list)
    assert sorted(out.rglob("*")) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["classes", "out"]
    write_text(tmp_path / "mine/letter", "")
    with pytest.raises(DataError, match=r"holds no prepared\.csv"):
        run(classes, tmp_path / "mine")


# --- the commands -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portraits(tmp_path_factory, bare, masked):
    """Real faces for the real detector: moved and lit differently, as class folders."""
    folder = tmp_path_factory.mktemp("portraits") / "people"
    random = np.random.default_rng(3)
    for name, portrait in (("with_mask", masked), ("without_mask", bare)):
        for n in range(8):
            x, y = random.integers(0, 70), random.integers(0, 40)
            part = portrait[y : y + 420, x : x + 420][:, :: -1 if n % 2 else 1]
            lit = np.clip(part * random.uniform(0.6, 1.1) + random.uniform(-20, 20), 0, 255).astype(np.uint8)
            lit[-110:] = noise(100 * n + len(name), 420, 110)
            write(folder / name / f"{n}.jpg", lit)
    write_text(folder / "with_mask/broken.jpg", "no picture")
    return folder


def test_prepare_command_end_to_end(portraits, tmp_path, maskwatch):
    out = tmp_path / "out"
    done = maskwatch("dataset", "prepare", portraits, "-o", out, "--no-balance", "--workers", 2)
    assert done.returncode == 0, done.stderr
    statuses = [r["why"] for r in rows(out)]
    assert "kept: train" in done.stdout
    assert statuses.count("cannot be read") == 1
    assert statuses.count("kept") + statuses.count("near duplicate") >= 14
    assert statuses.count("kept") == len(list(out.rglob("*.jpg"))) >= 6
    again = maskwatch("dataset", "prepare", portraits, "-o", out)
    assert again.returncode == 2
    assert f"{out}: is there already" in again.stderr
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    forced = maskwatch("dataset", "prepare", portraits, "-o", out, "--no-balance", "--force", "--workers", 1)
    assert forced.returncode == 0, forced.stderr
    assert before == {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    inside = maskwatch("dataset", "prepare", portraits, "-o", portraits.parent, "--force")
    assert inside.returncode == 2


def test_stats_command_counts_and_draws(images, tmp_path, maskwatch):
    registry.write("coco", images, tmp_path / "set")
    write_text(tmp_path / "set/images/none.png", "no picture")
    done = maskwatch("dataset", "stats", tmp_path / "set", "-o", tmp_path / "stats.png")
    assert done.returncode == 0, done.stderr
    assert "3 pictures, 6 faces" in done.stdout
    assert "none.png: is not a picture" in done.stderr
    assert cv2.imread(str(tmp_path / "stats.png")).shape[1] > 1000
    wrong = maskwatch("dataset", "stats", tmp_path / "set", "-o", tmp_path / "stats.txt")
    assert wrong.returncode == 2


def test_convert_command_takes_a_data_set_to_another_format_and_back(images, tmp_path, maskwatch):
    registry.write("voc", images, tmp_path / "voc")
    for source, to in (("voc", "yolo"), ("yolo", "coco")):
        done = maskwatch("dataset", "convert", tmp_path / source, tmp_path / to, "--format", to)
        assert done.returncode == 0, done.stderr
        assert "4 pictures, 6 faces" in done.stdout
    first, last = registry.read(tmp_path / "voc"), registry.read(tmp_path / "coco")
    by_key = {p.key: p for p in last.images}
    assert [(p.key, p.split) for p in first.images] == [(p.key, by_key[p.key].split) for p in first.images]
    boxes = [
        (t.box, o.box) for p in first.images for t, o in zip(p.truths, by_key[p.key].truths, strict=True)
    ]
    assert all(np.allclose(a, b, atol=0.02) for a, b in boxes)
    there = maskwatch("dataset", "convert", tmp_path / "voc", tmp_path / "coco", "--format", "coco")
    assert there.returncode == 2


def test_real_photographs_go_through_every_format_unchanged(shared, tmp_path):
    data = registry.read(shared / "data/faces")
    some = data.images[:40]
    assert data.problems == []
    for name in registry.WRITERS:
        registry.write(name, some, tmp_path / name)
        again = {p.key: p for p in registry.read(tmp_path / name).images}
        for before in some:
            after = again[before.key]
            assert [t.label for t in after.truths] == [t.label for t in before.truths]
            assert all(
                np.allclose(a.box, b.box, atol=0.02) for a, b in zip(before.truths, after.truths, strict=True)
            )
