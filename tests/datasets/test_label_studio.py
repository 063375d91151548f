"""Label Studio's JSON, as its exports have it: regions, choices, several annotators, and addresses of pictures."""

import base64
import json
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.datasets.formats import label_studio_export, registry
from maskwatch.datasets.labels import AnnotationLabel, FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split

PROTECTED, UNPROTECTED, WORN_WRONG = FaceLabel
WIDTH, HEIGHT = 160, 80
BOX = Box(40, 20, 80, 60)
PLACE = {"x": 25.0, "y": 25.0, "width": 25.0, "height": 50.0, "rotation": 0}


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, rgb)[1].tobytes())
    return path


def region(label="mask", kind="rectanglelabels", **more):
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return {"id": "r", "type": kind, "value": PLACE | {kind: [label]}} | size | more


def choice(word, of_region=False):
    return {"id": "r", "type": "choices", "value": (PLACE if of_region else {}) | {"choices": [word]}}


def annotation(*result, at="2026-11-26T05:00:00Z", **more):
    return {"result": list(result), "updated_at": at, "was_cancelled": False} | more


def task(*annotations, image="/data/upload/1/3f2a9c1b-a.jpg", **data):
    return {"id": 7, "data": {"image": image} | data, "annotations": list(annotations)}


def read(folder, *tasks, name="images/a.jpg"):
    picture(folder / name)
    (folder / "project-1-at-2026.json").write_text(json.dumps(tasks))
    data = registry.read(folder)
    return {
        image.key: ([(truth.label, truth.box) for truth in image.truths], len(image.unclear), image.split)
        for image in data.images
    }, data.problems


def only(found):
    (image,) = found.values()
    return image[0]


@pytest.mark.parametrize(
    ("result", "label"),
    [
        ([region("mask")], PROTECTED),
        ([region("face"), choice("no_mask", of_region=True)], UNPROTECTED),
        ([{**region(), "type": "rectangle", "value": PLACE}, choice("mask", of_region=True)], PROTECTED),
        (
            [choice("incorrect", of_region=True), {**region(), "type": "rectangle", "value": PLACE}],
            WORN_WRONG,
        ),
        ([region("mask"), choice("blurred", of_region=True), choice("night")], PROTECTED),
    ],
    ids=["label", "choice over label", "choice alone", "choice first", "choices of other things"],
)
def test_a_region_has_the_class_of_its_label_or_of_a_choice_that_is_said_of_it(tmp_path, result, label):
    found, problems = read(tmp_path, task(annotation(*result)))
    assert only(found) == [(label, pytest.approx(BOX))]
    assert problems == []


def test_a_choice_of_the_picture_counts_where_no_region_is_marked(tmp_path):
    assert only(read(tmp_path / "a", task(annotation(choice("night"), choice("mask"))))[0]) == [
        (PROTECTED, None)
    ]
    assert only(read(tmp_path / "b", task(annotation(choice("night"))))[0]) == []
    assert only(read(tmp_path / "c", task(annotation(choice("no face"))))[0]) == []
    (image,) = read(tmp_path / "d", task(annotation(choice("unknown"))))[0].values()
    assert image[:2] == ([], 1)


def test_of_several_annotations_the_ground_truth_counts_then_an_accepted_one_then_the_latest(tmp_path):
    first = annotation(region("mask"), at="2026-11-26T05:00:00Z")
    later = annotation(region("no_mask"), at="2026-11-27T05:00:00Z")
    skipped = annotation(at="2026-11-28T05:00:00Z", was_cancelled=True)
    accepted = first | {"reviews": [{"accepted": False}, {"accepted": True}]}
    rejected = later | {"reviews": [{"accepted": True}, {"accepted": False}]}
    truth = annotation(region("worn_wrong"), at="2026-11-20T05:00:00Z", ground_truth=True)
    for number, (given, label) in enumerate(
        [
            ([first, later, skipped], UNPROTECTED),
            ([accepted, later], PROTECTED),
            ([accepted, rejected], PROTECTED),
            ([truth, accepted, later], WORN_WRONG),
        ]
    ):
        found, problems = read(tmp_path / str(number), task(*given))
        assert only(found) == [(label, pytest.approx(BOX))]
        assert any("1 task with several annotations" in line for line in problems)


def test_tasks_that_were_skipped_or_wait_are_left_out_and_told(tmp_path):
    skipped = task(annotation(region("mask"), was_cancelled=True))
    with pytest.raises(DataError, match="2 tasks without an annotation left out"):
        read(tmp_path, skipped, task())


@pytest.mark.parametrize(
    ("image", "name", "key"),
    [
        ("/data/upload/1/3f2a9c1b-a.jpg", "images/3f2a9c1b-a.jpg", "3f2a9c1b-a.jpg"),
        ("/data/upload/1/3f2a9c1b-a.jpg", "images/a.jpg", "a.jpg"),
        ("/data/upload/1/3f2a9c1b-%EC%9E%85%EA%B5%AC_1.jpg", "images/입구_1.jpg", "입구_1.jpg"),
        ("/data/local-files/?d=set/images/door%201/a.jpg", "images/door 1/a.jpg", "door 1/a.jpg"),
        ("/data/local-files/?d=set%5Cimages%5Ca.jpg", "images/a.jpg", "a.jpg"),
        ("s3://bucket/door/a.jpg", "images/door/a.jpg", "door/a.jpg"),
        ("gs://bucket/door/a.jpg", "a.jpg", "a.jpg"),
        ("https://example.org/x/a.jpg?X-Amz-Signature=1.2", "images/a.jpg", "a.jpg"),
        (
            "/tasks/3/resolve/?fileuri="
            + base64.urlsafe_b64encode(b"s3://bucket/a.jpg").decode().rstrip("="),
            "a.jpg",
            "a.jpg",
        ),
        ("C:\\set\\images\\a.jpg", "images/a.jpg", "a.jpg"),
        ("/data/upload/1/3f2a9c1b-a.png", "images/a.jpg", "a.jpg"),
    ],
)
def test_the_picture_is_found_by_the_address_that_label_studio_writes(tmp_path, image, name, key):
    found, problems = read(tmp_path, task(annotation(region()), image=image), name=name)
    assert list(found) == [key]
    assert problems == []


def test_json_min_gives_what_the_whole_json_gives(tmp_path):
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    more = {"annotator": 1, "created_at": "2026-11-26T05:00:00Z", "lead_time": 3.2}
    entries = [
        {
            "img": "/data/upload/1/3f2a9c1b-a.jpg",
            "id": 1,
            "annotation_id": 1,
            "updated_at": "2026-11-26T06:00:00Z",
        }
        | {"label": [PLACE | {"rectanglelabels": ["no_mask"]} | size], "light": "night"}
        | more,
        {
            "img": "/data/upload/1/3f2a9c1b-a.jpg",
            "id": 1,
            "annotation_id": 2,
            "updated_at": "2026-11-27T06:00:00Z",
        }
        | {
            "label": [PLACE | {"rectanglelabels": ["face"]} | size],
            "kind": [PLACE | {"choices": ["mask"]} | size],
        }
        | more,
    ]
    found, problems = read(tmp_path, *entries)
    assert only(found) == [(PROTECTED, pytest.approx(BOX))]
    assert ["with several annotations" in line for line in problems] == [True]
    found, problems = read(tmp_path / "whole", entries[0] | {"label": [], "light": "no_mask"})
    assert (only(found), problems) == ([(UNPROTECTED, None)], [])


def test_a_picture_that_was_turned_in_the_editor_gives_no_box(tmp_path):
    found, problems = read(tmp_path, task(annotation(region(image_rotation=90))))
    (image,) = found.values()
    assert image[:2] == ([], 1)
    assert any("turned by 90 degrees" in line for line in problems)


def test_tasks_that_are_written_hold_boxes_parts_and_what_models_said(tmp_path):
    path = picture(tmp_path / "src/a.jpg")
    odd = Box(10.1, 0.3, 33.3, 79.9)
    image = LabelledImage(path, "입구 1/a.jpg", (GroundTruth(WORN_WRONG, odd),), Split.TEST, (Box(*BOX),))
    said = label_studio_export.Prediction(
        "detector@1, classifier@2", 0.61, [(AnnotationLabel.PROTECTED, BOX, 0.9)]
    )
    waiting = label_studio_export.Task(
        LabelledImage(path, "b.jpg", ()), False, said, {"sample": "x", "revision": 2}
    )
    entries = list(label_studio_export.task_entries([label_studio_export.Task(image), waiting]))
    files = {entry.name: entry.data() for entry in entries}
    first, second = json.loads(files["tasks.json"])
    assert first["data"] == {
        "image": "/data/local-files/?d=images/%EC%9E%85%EA%B5%AC%201/a.jpg",
        "part": "test",
    }
    assert (first["predictions"], second["annotations"]) == ([], [])
    assert second["meta"] == {"sample": "x", "revision": 2}
    (prediction,) = second["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("detector@1, classifier@2", 0.61)
    assert prediction["result"][0]["score"] == 0.9
    assert prediction["result"][0]["value"] == PLACE | {"rectanglelabels": ["protected"]}
    config = ET.fromstring(files["label_config.xml"])
    names = {item["from_name"] for each in first["annotations"] for item in each["result"]}
    assert names == {config.find("RectangleLabels").get("name")}
    assert config.find("Image").get("value") == "$image"
    for name, data in files.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(data)
    (again,) = registry.read(tmp_path / "out").images
    assert (again.key, again.split) == ("입구 1/a.jpg", Split.TEST)
    assert again.truths[0].box == pytest.approx(odd, abs=1e-9)
    assert again.unclear == (pytest.approx(BOX),)
