"""What `dataset check` calls wrong before anything is trained."""

import json

import cv2
import numpy as np
import pytest

from maskwatch.datasets.check import MIN_FACES, Kind, check
from maskwatch.datasets.formats import registry
from maskwatch.datasets.records import Note, Split

SIDE = 64
CLASSES = ["mask", "bare", "unknown"]


def texture(seed):
    random = np.random.default_rng(seed)
    return cv2.resize(random.integers(0, 255, (9, 9, 3)).astype(np.uint8), (SIDE, SIDE))


def put(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, rgb)[1].tobytes())


def make(folder, pictures):
    """A COCO set: `pictures` are name, part, seed and faces, each a class and x, y, width, height."""
    images, annotations = [], []
    for number, (name, part, seed, faces) in enumerate(pictures):
        put(folder / "images" / name, texture(seed))
        images.append({"id": number, "file_name": name} | ({"part": part} if part else {}))
        annotations += [
            {"image_id": number, "category_id": CLASSES.index(kind), "bbox": list(box)} for kind, box in faces
        ]
    names = [{"id": n, "name": name} for n, name in enumerate(CLASSES)]
    text = {"images": images, "annotations": annotations, "categories": names}
    (folder / "annotations.json").write_text(json.dumps(text))
    return registry.read(folder)


def enough(part, first=100):
    """Pictures of a part with the least number of faces of either kind."""
    boxes = [(kind, (8 * n, 8 * n, 7, 7)) for n, kind in enumerate(["mask", "bare"] * 4)]
    return [(f"{part}{n}.png", part, first + n, boxes) for n in range(-(-MIN_FACES // 4))]


def whole():
    return [each for n, part in enumerate(("train", "val", "test")) for each in enough(part, 100 * (n + 1))]


def found(data, *more):
    sets = {f"set{n}": each for n, each in enumerate((data, *more))}
    return check(sets, lambda images: images)


def kinds(checked):
    return [(each.kind, each.set_name, each.key) for each in checked.findings]


def test_a_set_in_order_has_no_fault_and_its_faces_are_counted_by_class_and_part(tmp_path):
    pictures = whole()
    more = [*pictures[1][3], ("mask", (50, 1, 9, 9)), ("unknown", (1, 50, 10, 10))]
    pictures[1] = (*pictures[1][:3], more)
    checked = found(make(tmp_path, pictures))
    assert checked.findings == ()
    assert len(checked.members) == 15
    each = {Split.TRAIN: 20, Split.VALIDATION: 20, Split.TEST: 20}
    assert [(name, dict(counts)) for name, counts in checked.counts.items()] == [
        (("set0", "protected", "mask"), each | {Split.TRAIN: 21}),
        (("set0", "unprotected", "bare"), each),
        (("set0", "unclear", ""), {Split.TRAIN: 1}),
    ]


def test_a_face_with_two_boxes_is_told_with_both_labels(tmp_path):
    pictures = whole()
    double = [("mask", (10, 10, 30, 30)), ("bare", (11, 10, 30, 30)), ("mask", (11, 11, 30, 30))]
    beside = [("mask", (10, 10, 30, 30)), ("mask", (30, 10, 30, 30))]
    data = make(tmp_path, [*pictures, ("a.png", "train", 901, double), ("b.png", "train", 902, beside)])
    checked = found(data)
    assert kinds(checked) == [(Kind.DOUBLED, "set0", "a.png")] * 3
    details = sorted(each.detail.split(",")[0] for each in checked.findings)
    assert details == ["protected and unprotected", "protected twice", "unprotected and protected"]
    assert all(each.box is not None and each.image.key == "a.png" for each in checked.findings)


def test_a_held_out_picture_that_is_trained_on_is_told_within_a_set_and_across_sets(tmp_path):
    pictures = whole()
    name, _, seed, faces = pictures[-1]
    first = make(tmp_path / "one", [*pictures, ("copy.png", "train", seed, faces)])
    (finding,) = found(first).findings
    assert (finding.kind, finding.key) == (Kind.SPLIT, name)
    assert finding.detail == "test, and train as set0/copy.png"
    other = [(f"x{each[0]}", *each[1:]) for each in enough("train", 700)]
    second = make(tmp_path / "two", [*other, ("other.png", "train", seed, faces)])
    clean = make(tmp_path / "three", pictures)
    told = [each for each in found(clean, second).findings if each.kind is Kind.SPLIT]
    assert [(each.key, each.detail) for each in told] == [(name, "test, and train as set1/other.png")]


def test_a_part_with_too_few_faces_is_told_by_kind(tmp_path):
    pictures = [each for each in whole() if each[0] != "test4.png"]
    checked = found(make(tmp_path, pictures))
    assert [each.detail for each in checked.findings] == [
        "test: 16 faces protected, fewer than 20",
        "test: 16 faces unprotected or worn wrong, fewer than 20",
    ]


def test_what_cannot_be_read_is_a_fault_and_what_is_only_said_is_none(tmp_path):
    pictures = [
        *whole(),
        ("empty.png", "train", 900, []),
        ("out.png", "train", 901, [("mask", (60, 9, 40, 40))]),
    ]
    data = make(tmp_path, pictures)
    data.problems.append(Note("as it should be"))
    (tmp_path / "images/train1.png").unlink()
    (tmp_path / "images/train2.png").write_bytes(b"none")
    checked = found(data)
    unusable = [each.detail for each in checked.findings if each.kind is Kind.UNUSABLE]
    assert [any(name in line for line in unusable) for name in ("annotation", "train1", "train2")] == [
        True
    ] * 3
    assert checked.notes == ("as it should be",)


@pytest.mark.parametrize("form", ["yolo", "voc"])
def test_pictures_without_faces_are_no_fault(tmp_path, form):
    registry.write(
        form, make(tmp_path / "set", [*whole(), ("empty.png", "train", 900, [])]).images, tmp_path / form
    )
    checked = found(registry.read(tmp_path / form))
    assert checked.findings == ()
    assert len(checked.notes) == 1
