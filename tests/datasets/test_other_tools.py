"""What is written, read back box for box by the tools that people take it to.

pycocotools is at hand; the others bring a second OpenCV or much else, so each is had in an environment of its own
(`-m slow`), and its test skips where the package cannot be had.
"""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskwatch.core.records import Box
from maskwatch.datasets.formats import registry
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split

PROTECTED, UNPROTECTED, WORN_WRONG = FaceLabel
WIDTH, HEIGHT = 127, 83  # where shares are no round numbers
PICTURES = {
    "door/2026-11-26/20261126T053454.833Z-000000.jpg": [
        (PROTECTED, (10.1, 20.2, 50.3, 60.4)),
        (UNPROTECTED, (70, 5, 90, 30.9)),
    ],
    "입구 door/2026-11-26/b.jpg": [(WORN_WRONG, (1, 2, 30.5, 40))],
    "c.png": [],
}
NAMES = {None: "default", Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Three pictures of nested cameras and days: of two faces, one and none."""
    folder = tmp_path_factory.mktemp("pictures")
    found = []
    for number, (key, faces) in enumerate(PICTURES.items()):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        rgb = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, rgb)[1].tobytes())
        truths = tuple(GroundTruth(label, Box(*box)) for label, box in faces)
        found.append(LabelledImage(path, key, truths))
    return found


@pytest.fixture(scope="module", params=["coco", "voc", "yolo"])
def form(request):
    return request.param


@pytest.fixture(scope="module", params=["nested", "flat"])
def names(request):
    return request.param


@pytest.fixture(scope="module", params=["parts", "no parts"])
def written(request, images, form, names, tmp_path_factory):
    """The folder of a set, and what each picture in it holds by its key without ending."""
    splits = [*Split] if request.param == "parts" else [None] * 3
    given = [replace(image, split=split) for image, split in zip(images, splits, strict=True)]
    given = registry.with_flat_names(given) if names == "flat" else given
    folder = tmp_path_factory.mktemp("set") / "set"
    registry.write(form, given, folder)
    right = {
        str(Path(image.key).with_suffix("")): (
            NAMES[image.split],
            [(str(truth.label), *truth.box) for truth in image.truths],
        )
        for image in given
    }
    return folder, right


def require_same(found, right, near):
    assert found.keys() == right.keys()
    for key, faces in found.items():
        expected = sorted(right[key][1])
        assert [face[0] for face in sorted(faces)] == [face[0] for face in expected]
        assert [face[1:] for face in sorted(faces)] == [
            pytest.approx(face[1:], abs=near) for face in expected
        ]


def test_our_own_reader_gives_every_box_part_and_key_again(written, images):
    folder, right = written
    data = registry.read(folder)
    assert [line for line in data.problems if "without" not in line] == []
    found = {str(Path(each.key).with_suffix("")): each for each in data.images}
    parts = {key: NAMES[each.split] for key, each in found.items()}
    assert parts == {key: part for key, (part, _) in right.items()}
    boxes = {k: [(str(t.label), *t.box) for t in each.truths] for k, each in found.items()}
    require_same(boxes, right, 0.01)


def test_a_set_that_is_written_read_and_written_again_has_the_same_files(written, form, tmp_path):
    folder, _ = written
    registry.write(form, registry.read(folder).images, tmp_path / "again")
    first, again = (
        {str(path.relative_to(each)): path.read_bytes() for path in each.rglob("*") if path.is_file()}
        for each in (folder, tmp_path / "again")
    )
    assert again.keys() == first.keys()
    lists = {
        name for name in first if name.endswith("xt") and "labels" not in name
    }  # in the order of reading
    assert {k: v for k, v in again.items() if k not in lists and not k.endswith(".json")} == {
        k: v for k, v in first.items() if k not in lists and not k.endswith(".json")
    }


@pytest.mark.parametrize("form", ["coco"], indirect=True)
def test_pycocotools_reads_every_box(written):
    coco = pytest.importorskip("pycocotools.coco")
    folder, right = written
    found = {}
    for path in sorted((folder / "annotations").glob("instances_*.json")):
        part = path.stem.removeprefix("instances_")
        with contextlib.redirect_stdout(io.StringIO()):
            data = coco.COCO(str(path))
        for image in data.loadImgs(data.getImgIds()):
            assert (folder / "images" / part / image["file_name"]).is_file()
            assert (image["width"], image["height"]) == (WIDTH, HEIGHT)
            key = str(Path(image["file_name"]).with_suffix(""))
            assert right[key][0] == part
            found[key] = [
                (data.cats[each["category_id"]]["name"], *corners(each["bbox"]))
                for each in data.loadAnns(data.getAnnIds(imgIds=image["id"]))
            ]
    require_same(found, right, 0.01)


def corners(place):
    x, y, width, height = place
    return x, y, x + width, y + height


@pytest.mark.parametrize("form", ["voc"], indirect=True)
def test_what_cvat_asks_of_voc_is_there(written):
    folder, right = written
    lists = {
        path.stem: path.read_text().split("\n")[:-1] for path in (folder / "ImageSets/Main").glob("*.txt")
    }
    assert {key: part for part, keys in lists.items() for key in keys} == {
        k: p for k, (p, _) in right.items()
    }
    lines = [line for line in (folder / "labelmap.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(len(line.split(":")) == 4 for line in lines)
    assert {str(label) for label in FaceLabel} | {"background"} <= {line.split(":")[0] for line in lines}


# --- tools in environments of their own

READS = {  # whether a tool reads sub-folders of a format, and how near the boxes come
    ("datumaro", "coco"): (True, 0.01),
    ("datumaro", "voc"): (True, 0.01),
    ("datumaro", "yolo"): (False, 0.01),
    ("supervision", "coco"): (True, 0.01),
    ("supervision", "voc"): (False, 1.01),  # it counts the first two corners from 1
    ("supervision", "yolo"): (False, 0.01),
    ("fiftyone", "coco"): (True, 0.01),
    ("fiftyone", "voc"): (True, 1),  # it cuts fractions off
    ("fiftyone", "yolo"): (True, 0.01),
}


@pytest.fixture(scope="session", params=["datumaro", "supervision", "fiftyone"])
def tool(request):
    """The interpreter of an environment with the tool; removed at the end."""
    with tempfile.TemporaryDirectory(prefix="maskwatch-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin/python"
        command = [python, "-m", "pip", "install", "--quiet", request.param]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{request.param} was not had within 25 minutes")
        if done.returncode:
            pytest.skip(f"{request.param} cannot be had: {done.stderr.strip().splitlines()[-1]}")
        yield request.param, python


@pytest.mark.slow
@pytest.mark.timeout(2000)
def test_other_tools_read_every_box(tool, written, form, names, tmp_path):
    name, python = tool
    reads_folders, near = READS[name, form]
    if names == "nested" and not reads_folders:
        pytest.skip(f"{name} reads no sub-folders of {form}: --flat is for it")
    folder, right = written
    script = Path(__file__).parent / "other_tools" / f"read_{name}.py"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [python, script, form, folder], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    require_same({key: [tuple(face) for face in each["faces"]] for key, each in found.items()}, right, near)
    if form != "yolo" and name == "datumaro":
        assert {key: each["part"] for key, each in found.items()} == {
            k: part for k, (part, _) in right.items()
        }
