"""Data sets as tools lay them out: where pictures lie, how texts are encoded, and how the parts are told."""

import json
import shutil
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box
from maskwatch.datasets.formats import registry
from maskwatch.datasets.formats.parts import part_named, part_of, parts_by_list, plain_path
from maskwatch.datasets.formats.runs import box_of_runs
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import Split

PROTECTED, UNPROTECTED, WORN_WRONG = FaceLabel
TRAIN, VALIDATION, TEST = Split
WIDTH, HEIGHT = 120, 80
PARTS = {"a": TRAIN, "b": VALIDATION, "c": TEST}
KAGGLE = ["with_mask", "without_mask", "mask_weared_incorrect"]
LABELS = {"a": PROTECTED, "b": UNPROTECTED, "c": WORN_WRONG}
LINE = f"{{}} {30 / WIDTH} {35 / HEIGHT} {40 / WIDTH} {50 / HEIGHT}\n"
BOX = Box(10, 10, 50, 60)


def image_bytes(name):
    random = np.random.default_rng(ord(name))
    rgb = cv2.resize(random.integers(0, 255, (10, 15, 3)).astype(np.uint8), (WIDTH, HEIGHT))
    return cv2.imencode(".png", rgb)[1].tobytes()


def images(where="images/{}.png"):
    """One picture for each part; `where` may name the part, too."""
    return {where.format(name, part=part): image_bytes(name) for name, part in PARTS.items()}


def coco(names="abc", file_name="{}.png"):
    """The annotations of some of the pictures, each with a face of another class."""
    return {
        "images": [{"id": n, "file_name": file_name.format(name)} for n, name in enumerate(names)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(KAGGLE)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": "abc".index(name), "bbox": [10, 10, 40, 50]}
            for n, name in enumerate(names)
        ],
    }


def lines(where="labels/{}.txt", first="{}"):
    return {
        where.format(name, part=part): LINE.format(first.format(n))
        for n, (name, part) in enumerate(PARTS.items())
    }


def voc(filename="{}.png", where="Annotations/{}.xml"):
    box = "<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>50</xmax><ymax>60</ymax></bndbox>"
    return {
        where.format(name): f"<annotation><filename>{filename.format(name)}</filename>"
        f"<object><name>{KAGGLE[n]}</name>{box}</object></annotation>"
        for n, name in enumerate("abc")
    }


def lists(folder, line, names=("train", "val", "test")):
    return {f"{folder}{name}.txt": line.format(each) for name, each in zip(names, "abc", strict=True)}


def each_part(path, **options):
    return {
        path.format(part=part): coco(name, **options)
        for name, part in zip("abc", ("train", "val", "test"), strict=True)
    }


def cvat():
    """CVAT's own XML: a box, a polygon and a mask."""
    shapes = (
        f'<box label="{KAGGLE[0]}" xtl="10" ytl="10" xbr="50" ybr="60" occluded="0"/>',
        f'<polygon label="{KAGGLE[1]}" points="10,35;30,10;50,35;30,60"/>',
        f'<mask label="{KAGGLE[2]}" left="10" top="10" width="40" height="50" rle="2000"/>',
    )
    items = (
        f'<image id="{n}" name="{name}.png" subset="{part}" width="{WIDTH}" height="{HEIGHT}">{shapes[n]}</image>'
        for n, (name, part) in enumerate(zip("abc", ("Train", "Validation", "Test"), strict=True))
    )
    return f"<annotations><version>1.1</version>{''.join(items)}</annotations>"


def with_masks(data):
    """The boxes as masks of runs alone, in numbers and as pycocotools packs them."""
    counts = [10 * HEIGHT + 10, *[50, 30] * 39, 50, 69 * HEIGHT + 20]
    forms = [counts, packed(counts), packed(counts)]
    masks = [{"size": [HEIGHT, WIDTH], "counts": form} for form in forms]
    given = [
        {k: v for k, v in each.items() if k != "bbox"} | {"segmentation": mask}
        for each, mask in zip(data["annotations"], masks, strict=True)
    ]
    return data | {"annotations": given}


def packed(counts):
    mask = pytest.importorskip("pycocotools.mask")
    return mask.frPyObjects({"size": [HEIGHT, WIDTH], "counts": counts}, HEIGHT, WIDTH)["counts"].decode()


VOC_PICTURES = images("JPEGImages/{}.png")
WITH_PARTS = {
    "COCO, parts in the files' names": images() | each_part("annotations/instances_{part}.json"),
    "COCO, with years": images()
    | {
        f"annotations/instances_{n}2017.json": coco(p)
        for n, p in zip(("train", "val", "test"), "abc", strict=True)
    },
    "COCO, CVAT and Datumaro": {
        f"images/{part}/{name}.png": image_bytes(name)
        for name, part in zip("abc", ("train", "val", "test"), strict=True)
    }
    | each_part("annotations/instances_{part}.json"),
    "COCO, Roboflow": {
        f"{part}/{name}.png": image_bytes(name)
        for name, part in zip("abc", ("train", "valid", "test"), strict=True)
    }
    | {
        f"{p}/_annotations.coco.json": coco(n) for n, p in zip("abc", ("train", "valid", "test"), strict=True)
    },
    "YOLO, lists of another machine": images()
    | lines()
    | lists("", "/home/somebody/set/images/{}.png\n")
    | {
        "data.yaml": f"{{path: ., train: train.txt, val: val.txt, test: test.txt, names: [{', '.join(KAGGLE)}]}}"
    },
    "YOLO, lists of a Windows machine": images()
    | lines()
    | lists("", "C:\\set\\images\\{}.png\r\n")
    | {"data.yaml": f"{{train: train.txt, val: val.txt, test: test.txt, names: [{', '.join(KAGGLE)}]}}"},
    "YOLO, folders that data.yaml names": {
        f"images/{folder}/{name}.png": image_bytes(name)
        for folder, name in zip(("one", "two", "three"), "abc", strict=True)
    }
    | {
        f"labels/{folder}/{name}.txt": LINE.format("abc".index(name))
        for folder, name in zip(("one", "two", "three"), "abc", strict=True)
    }
    | {
        "data.yaml": f"{{train: [images/one], val: ../images/two, test: ./images/three/, names: [{', '.join(KAGGLE)}]}}"
    },
    "YOLO 1.1, lists": {
        f"obj_{part}_data/{name}.png": image_bytes(name)
        for part, name in zip(("x", "y", "z"), "abc", strict=True)
    }
    | {
        f"obj_{p}_data/{n}.txt": LINE.format("abc".index(n))
        for p, n in zip(("x", "y", "z"), "abc", strict=True)
    }
    | {
        f"{p}.txt": f"data/obj_{f}_data/{n}.png"
        for p, f, n in zip(("train", "valid", "test"), "xyz", "abc", strict=True)
    }
    | {"obj.names": "\n".join(KAGGLE), "obj.data": "classes = 3\n"},
    "YOLO 1.1, folders": {
        f"obj_{part}_data/{name}.png": image_bytes(name)
        for part, name in zip(("train", "Validation", "test"), "abc", strict=True)
    }
    | {
        f"obj_{part}_data/{name}.txt": LINE.format("abc".index(name))
        for part, name in zip(("train", "Validation", "test"), "abc", strict=True)
    }
    | {"obj.names": "\n".join(KAGGLE)},
    "COCO, FiftyOne, one a part": {
        f"{part}/data/{name}.png": image_bytes(name)
        for name, part in zip("abc", ("train", "validation", "test"), strict=True)
    }
    | {f"{p}/labels.json": coco(n) for n, p in zip("abc", ("train", "validation", "test"), strict=True)},
    "COCO, files beside the pictures": images("{}.png") | each_part("instances_{part}.json"),
    "YOLO, FiftyOne": {
        f"images/{part}/{name}.png": image_bytes(name)
        for name, part in zip("abc", ("train", "val", "test"), strict=True)
    }
    | {
        f"labels/{part}/{name}.txt": LINE.format("abc".index(name))
        for name, part in zip("abc", ("train", "val", "test"), strict=True)
    }
    | {
        "dataset.yaml": f"{{names: {{0: {KAGGLE[0]}, 1: {KAGGLE[1]}, 2: {KAGGLE[2]}}}, path: /tmp/x, "
        "train: ./images/train/, val: ./images/val/, test: ./images/test/}"
    },
    "YOLO, data.yaml of another name": images()
    | lines()
    | lists("", "./images/{}.png\n")
    | {"masks.yml": f"{{train: train.txt, val: val.txt, test: test.txt, names: [{', '.join(KAGGLE)}]}}"},
    "YOLO, Roboflow's darknet": {
        f"{part}/{name}.png": image_bytes(name)
        for name, part in zip("abc", ("train", "valid", "test"), strict=True)
    }
    | {
        f"{part}/{name}.txt": LINE.format("abc".index(name))
        for name, part in zip("abc", ("train", "valid", "test"), strict=True)
    }
    | {f"{part}/_darknet.labels": "\n".join(KAGGLE) for part in ("train", "valid", "test")}
    | {"README.roboflow.txt": "masks"},
    "YOLO 1.1, lists with capitals": images("obj_data/{}.png")
    | lines("obj_data/{}.txt")
    | {
        f"{part}.txt": f"data/obj_data/{name}.png\n"
        for part, name in zip(("Train", "Validation", "Test"), "abc", strict=True)
    }
    | {"obj.names": "\n".join(KAGGLE)},
    "VOC, Roboflow": {
        f"{part}/{name}.png": image_bytes(name)
        for name, part in zip("abc", ("train", "valid", "test"), strict=True)
    }
    | {
        f"{part}/{name}.xml": voc()[f"Annotations/{name}.xml"]
        for name, part in zip("abc", ("train", "valid", "test"), strict=True)
    },
    "VOC, a folder a part": {
        f"{part}/JPEGImages/{name}.png": image_bytes(name)
        for name, part in zip("abc", ("train", "val", "test"), strict=True)
    }
    | {
        f"{part}/Annotations/{name}.xml": voc()[f"Annotations/{name}.xml"]
        for name, part in zip("abc", ("train", "val", "test"), strict=True)
    },
    "CVAT's XML": images() | {"annotations.xml": cvat()},
    "VOC, lists": VOC_PICTURES | voc() | lists("ImageSets/Main/", "{}\n"),
    "VOC, lists with endings": VOC_PICTURES | voc() | lists("ImageSets/Main/", "{}.png\n"),
}
WITHOUT_PARTS = {
    "COCO, with backslashes": images() | {"annotations.json": coco(file_name="images\\{}.png")},
    "COCO, with dots": images() | {"annotations.json": coco(file_name="./images/{}.png")},
    "COCO, of another machine": images() | {"result.json": coco(file_name="../var/lib/upload/1/{}.png")},
    "COCO, of the web": images() | {"result.json": coco(file_name="https://example.org/1/{}.png?token=1")},
    "COCO, FiftyOne": images("data/{}.png") | {"labels.json": coco()},
    "COCO, with a mark": images() | {"annotations.json": "\ufeff" + json.dumps(coco())},
    "COCO, CVAT without parts": images("images/default/{}.png")
    | {"annotations/instances_default.json": coco()},
    "COCO, names without ending": images() | {"annotations.json": coco(file_name="{}")},
    "COCO, names of before": images() | {"annotations.json": coco(file_name="{}.JPEG")},
    "COCO, encoded names": images("images/입구 door/{}.png")
    | {"annotations.json": coco(file_name="%EC%9E%85%EA%B5%AC%20door/{}.png")},
    "COCO, names composed otherwise": images(unicodedata.normalize("NFD", "images/입구/{}.png"))
    | {"annotations.json": coco(file_name=unicodedata.normalize("NFC", "입구/{}.png"))},
    "COCO, names of capitals": images("images/Door/{}.PNG")
    | {"annotations.json": coco(file_name="door/{}.png")},
    "COCO, masks of runs": images() | {"annotations.json": with_masks(coco())},
    "VOC, all in one folder": images("{}.png") | voc(where="{}.xml"),
    "VOC, FiftyOne": images("data/{}.png") | voc(where="labels/{}.xml"),
    "VOC, names composed otherwise": images(unicodedata.normalize("NFD", "JPEGImages/입구 {}.png"))
    | voc("", where=unicodedata.normalize("NFC", "Annotations/입구 {}.xml")),
    "VOC, sub-folders": images("JPEGImages/door/today/{}.png") | voc(where="Annotations/door/today/{}.xml"),
    "YOLO, all in one folder": images("{}.png") | lines("{}.txt") | {"classes.txt": "\n".join(KAGGLE)},
    "YOLO, labels among the pictures": images() | lines("images/{}.txt") | {"classes.txt": "\n".join(KAGGLE)},
    "YOLO, classes with a mark": images() | lines() | {"classes.txt": "\ufeff" + "\n".join(KAGGLE)},
    "YOLO, classes in UTF-16": images() | lines() | {"classes.txt": "\n".join(KAGGLE).encode("utf-16")},
    "YOLO, classes with a blank line": images()
    | lines(first="{}")
    | {f"labels/{name}.txt": LINE.format(n + (n > 0)) for n, name in enumerate("abc")}
    | {"classes.txt": "with_mask\n\nwithout_mask\nmask_weared_incorrect\n\n"},
    "YOLO, labels with a mark": images()
    | {k: "\ufeff" + v for k, v in lines().items()}
    | {"classes.txt": "\n".join(KAGGLE)},
    "VOC, names of the XML files": VOC_PICTURES | voc("{}.xml"),
    "VOC, names without ending": VOC_PICTURES | voc("{}"),
    "VOC, names of before": VOC_PICTURES | voc("IMG_{}.JPG"),
    "VOC, names of each other": VOC_PICTURES | voc("a.png"),
    "VOC, no names": VOC_PICTURES | voc(""),
    "VOC, with paths": VOC_PICTURES | voc("C:\\set\\{}.png"),
}


def laid_out(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, (str, bytes)) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return registry.read(folder)


def name_of(image):
    return Path(image.key).stem[-1]


@pytest.mark.parametrize("layout", [*WITH_PARTS, *WITHOUT_PARTS])
def test_every_face_is_read_from_every_layout(layout, tmp_path):
    data = laid_out(tmp_path, (WITH_PARTS | WITHOUT_PARTS)[layout])
    found = {name_of(p): [truth.label for truth in p.truths] for p in data.images}
    assert found == {name: [label] for name, label in LABELS.items()}
    assert all(p.truths[0].box == pytest.approx(BOX, abs=0.01) for p in data.images)
    assert not any(p.unclear for p in data.images)
    assert data.problems == []
    assert len({p.key for p in data.images}) == 3
    parts = {name_of(p): p.split for p in data.images}
    assert parts == (PARTS if layout in WITH_PARTS else dict.fromkeys("abc"))


def test_folders_of_parts_are_known_in_any_case(tmp_path):
    files = {
        f"{part}/{label}/{name}.png": image_bytes(name)
        for part, name in zip(("Train", "VALIDATION", "Test"), "abc", strict=True)
        for label in ("with_mask", "WithoutMask")
    }
    data = laid_out(tmp_path, files)
    assert sorted((p.key.split("/")[0], p.split) for p in data.images) == [
        *[("Test", TEST)] * 2,
        *[("Train", TRAIN)] * 2,
        *[("VALIDATION", VALIDATION)] * 2,
    ]


def test_trainval_is_for_training_unless_another_list_says_more(tmp_path):
    files = (
        VOC_PICTURES
        | voc()
        | {
            "ImageSets/Main/trainval.txt": "a.png\nb.png\n",
            "ImageSets/Main/val.txt": "b\n",
            "ImageSets/Main/test.txt": "c\n",
        }
    )
    assert {Path(p.key).stem: p.split for p in laid_out(tmp_path, files).images} == PARTS


def test_a_file_beside_that_is_no_coco_is_one_line_and_one_alone_is_refused(tmp_path):
    files = images() | {
        "annotations/instances_default.json": coco(),
        "annotations/image_info.json": [{"id": 1}],
    }
    data = laid_out(tmp_path / "two", files)
    assert sum(len(p.truths) for p in data.images) == 3
    (line,) = data.problems
    assert "image_info.json: is not COCO" in line
    del files["annotations/instances_default.json"]
    with pytest.raises(DataError, match=r"image_info\.json: is not COCO"):
        laid_out(tmp_path / "one", files)


@pytest.mark.parametrize("form", ["yolo", "coco", "voc"])
def test_pictures_of_an_ending_that_is_not_read_are_not_called_missing(form, tmp_path):
    files = {
        "yolo": lines() | {"classes.txt": "\n".join(KAGGLE)},
        "coco": {"annotations.json": coco(file_name="{}.avif")},
        "voc": voc("{}.avif", "annotations/{}.xml"),
    }[form]
    with pytest.raises(DataError, match=r"a\.avif: .*not read") as refused:
        laid_out(tmp_path, files | {f"images/{name}.avif": b"ftypavif" for name in "abc"})
    assert "missing" not in str(refused.value)


def test_a_list_of_another_place_names_the_pictures_by_their_ends():
    known = {"images/a.png", "images/b/a.png"}
    assert parts_by_list(["data\\images\\b\\a.png", "x.png", ""], TEST, known) == {"images/b/a.png": TEST}
    assert plain_path(" ./../a/./b.png\r\n") == "a/b.png"
    assert [part_named(t) for t in ("instances_Train2017", "trainer", "x")] == [TRAIN, None, None]
    assert part_of("Valid/images/a.png") is VALIDATION


def test_the_box_about_a_mask_of_runs_is_that_of_pycocotools():
    mask = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(0)
    for number in range(60):
        height, width = random.integers(1, 30, 2)
        pixels = np.zeros((height, width), np.uint8, order="F")
        top, left = random.integers(0, height), random.integers(0, width)
        blob = random.random(pixels[top : top + 9, left : left + 9].shape) < (0.3, 1)[number % 2]
        pixels[top : top + 9, left : left + 9] = blob
        pixels[top, left] = 1
        runs = mask.encode(pixels)
        x, y, across, down = mask.toBbox(runs)
        text = {"size": runs["size"], "counts": runs["counts"].decode()}
        assert box_of_runs(text) == (x, y, x + across, y + down)


def test_folders_in_folders_of_classes_are_of_the_class_and_pictures_beside_them_are_told(tmp_path):
    files = {f"{label}/door/today/{label}.png": image_bytes("a") for label in ("mask", "no_mask")}
    data = laid_out(tmp_path, files | {"beside.png": image_bytes("b")})
    assert [(p.key, p.truths[0].label, p.truths[0].class_name) for p in data.images] == [
        ("mask/door/today/mask.png", PROTECTED, "mask"),
        ("no_mask/door/today/no_mask.png", UNPROTECTED, "no_mask"),
    ]
    (line,) = data.problems
    assert "1 picture outside of the folders of classes" in line


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {
                "annotations.json": coco()
                | {"images": [{"id": 0, "file_name": "a.png", "width": 60, "height": 40}]}
            },
            True,
        ),
        (
            {
                "annotations.json": coco()
                | {"images": [{"id": 0, "file_name": "a.png", "width": 80, "height": 120}]}
            },
            True,
        ),
        (
            {
                "annotations.json": coco()
                | {"images": [{"id": 0, "file_name": "a.png", "width": 121, "height": 80}]}
            },
            False,
        ),
        (
            {
                "annotations.json": coco()
                | {"images": [{"id": 0, "file_name": "a.png", "width": 0, "height": 0}]}
            },
            False,
        ),
        ({"annotations.xml": cvat().replace('width="120"', 'width="240"')}, True),
        (
            {
                k: v.replace("<object>", "<size><width>90</width><height>80</height></size><object>", 1)
                for k, v in voc(where="annotations/{}.xml").items()
            },
            True,
        ),
    ],
    ids=["COCO", "COCO, turned", "COCO, rounded", "COCO, not told", "CVAT", "VOC"],
)
def test_labels_of_a_picture_of_another_size_are_told_and_measure_nothing(tmp_path, files, told):
    data = laid_out(tmp_path, images() | files)
    image = next(each for each in data.images if each.key == "a.png")
    assert [truth.box for truth in image.truths] == [pytest.approx(BOX)]
    assert bool(image.faults) is told
    assert any("a.png: its labels are of a picture of " in line for line in data.problems) is told


def test_a_set_one_folder_deeper_is_named(tmp_path):
    with pytest.raises(DataError, match=r"but in masks$"):
        laid_out(
            tmp_path,
            {f"masks/{name}": data for name, data in (images() | {"annotations.json": coco()}).items()},
        )


def test_a_name_that_several_pictures_could_mean_is_missing(tmp_path):
    files = {
        "images/a.png": image_bytes("a"),
        "images/a.jpg": image_bytes("a"),
        "images/b.png": image_bytes("b"),
    }
    data = laid_out(tmp_path, files | {"annotations.json": coco("ab", file_name="{}")})
    assert [p.key for p in data.images] == ["b.png"]
    assert any("a: is missing" in line for line in data.problems)


def test_a_picture_with_an_xml_file_is_no_background_of_yolo(tmp_path):
    files = (
        images("{}.png") | voc(where="{}.xml") | {"a.txt": LINE.format(0), "classes.txt": "\n".join(KAGGLE)}
    )
    data = laid_out(tmp_path, files)
    assert [p.key for p in data.images] == ["a.png"]
    assert sum("has an XML file beside it" in line for line in data.problems) == 2


# --- the real cases, where they are at hand

RIGHT = {  # faces that are read, unclear ones, and pictures of the parts
    "coco_backslashes": (27, 0, {}),
    "coco_crowd": (26, 1, {}),
    "coco_other_json_beside": (27, 0, {}),
    "coco_parts_in_file_names": (27, 0, {TRAIN: 3, VALIDATION: 3, TEST: 2}),
    "coco_segmentation_only": (27, 0, {}),
    "cvat_datumaro_coco_subfolder": (27, 0, {TRAIN: 3, VALIDATION: 3, TEST: 2}),
    "fiftyone_coco": (27, 0, {}),
    "labelimg_yolo_one_folder": (27, 0, {}),
    "roboflow_coco": (27, 0, {TRAIN: 3, VALIDATION: 3, TEST: 2}),
    "unknown_class_becomes_background": (27, 0, {}),
    "voc_filename_no_ending": (27, 0, {}),
    "voc_filename_old_name": (27, 0, {}),
    "voc_filename_xml_aizoo": (27, 0, {}),
    "voc_imagesets_trainval": (27, 0, {TRAIN: 5, TEST: 3}),
    "yolo11_parts_obj_data": (27, 0, {TRAIN: 3, VALIDATION: 3, TEST: 2}),
    "yolo_blank_line_in_classes": (19, 8, {}),  # the class on the blank line has no name
    "yolo_bom_in_classes": (27, 0, {}),
    "yolo_class_as_float": (27, 0, {}),
    "yolo_parts_absolute_lists": (27, 0, {TRAIN: 3, VALIDATION: 3, TEST: 2}),
    "yolo_polygons": (27, 0, {}),
}


@pytest.mark.parametrize("case", RIGHT)
def test_real_exports_are_read_box_for_box(case, shared, tmp_path):
    folder = shared / "cases/labels" / case
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    shutil.copytree(folder / "set", tmp_path / "set")
    data = registry.read(tmp_path / "set")
    faces, unclear, parts = RIGHT[case]
    expected = {name.rstrip("."): rows for name, rows in json.loads((folder / "expect.json").read_text())}
    right = 0
    for image in data.images:
        left = [(truth.label.value, truth.box) for truth in image.truths]
        for label, *wanted in expected[Path(image.key).stem]:
            near = [each for each in left if each[0] == label and each[1] == pytest.approx(wanted, abs=1.0)]
            right += bool(near)
            left = [each for each in left if each not in near[:1]]
        assert left == []
    assert (right, sum(len(p.unclear) for p in data.images)) == (faces, unclear)
    assert {part: sum(p.split is part for p in data.images) for part in parts} == parts
