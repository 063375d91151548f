"""A data set to measure on, made of the two portraits."""

import json

import cv2
import numpy as np
import pytest

from maskwatch.datasets import records as dataset
from maskwatch.datasets.records import LabelledImage, Split
from maskwatch.output.demo_clip import FACE


def varied(portrait, seed, side):
    """The portrait on a background like no other, so that no two are near duplicates."""
    random = np.random.default_rng(seed)
    ground = cv2.resize(random.integers(0, 255, (6, 8, 3)).astype(np.uint8), (640, 480))
    small = cv2.resize(portrait, (side, side * 600 // 512), interpolation=cv2.INTER_AREA)
    x, y = int(random.integers(0, 640 - side)), int(random.integers(0, 480 - small.shape[0]))
    ground[y : y + small.shape[0], x : x + side] = small
    scale = side / 512
    x1, y1, x2, y2 = FACE
    return ground, [x + x1 * scale, y + y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale]


def write_coco(folder, faces, categories, seed=0):
    """A folder of pictures of one face each, `faces` are file name, portrait, side in pixels and class."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number, (name, portrait, side, category) in enumerate(faces):
        rgb, place = varied(portrait, seed + number, side)
        cv2.imwrite(str(folder / "images" / name), rgb[..., ::-1])
        images.append({"id": number, "file_name": name})
        box = {"image_id": number, "category_id": categories.index(category), "bbox": place}
        annotations.append(box)
    named = [{"id": n, "name": name} for n, name in enumerate(categories)]
    coco = {"images": images, "annotations": annotations, "categories": named}
    (folder / "annotations.json").write_text(json.dumps(coco))
    return folder


def part_of(name):
    return dataset._split_of(LabelledImage(None, name, ()), keep=None)


@pytest.fixture(scope="session")
def street(tmp_path_factory, bare, masked):
    """A COCO folder of the portraits, masked and bare, large and small; one file name is nasty."""
    nasty = (f"<b>&{n}.png" for n in range(99))
    names = [next(n for n in nasty if part_of(n) is Split.TEST)]
    wanted = {Split.TEST: 9, Split.VALIDATION: 2, Split.TRAIN: 3}
    for n in range(200):
        part = part_of(f"{n}.png")
        if wanted[part]:
            wanted[part] -= 1
            names.append(f"{n}.png")
    kinds = [(masked, "with_mask"), (bare, "without_mask")]
    faces = [(name, kinds[n % 2][0], (150, 300, 200)[n % 3], kinds[n % 2][1]) for n, name in enumerate(names)]
    categories = ["with_mask", "without_mask", "mask_weared_incorrect"]
    return write_coco(tmp_path_factory.mktemp("street"), faces, categories)


@pytest.fixture(scope="session")
def hall(tmp_path_factory, bare, masked):
    """Another, of six pictures that are all of the test part, with more classes than labels: the bare have a beard or none."""
    names = [name for n in range(200) if part_of(name := f"hall{n}.png") is Split.TEST][:6]
    kinds = [(bare, "beard"), (bare, "without_mask"), (masked, "with_mask")]
    faces = [(name, kinds[n % 3][0], (150, 250)[n % 2], kinds[n % 3][1]) for n, name in enumerate(names)]
    categories = ["with_mask", "without_mask", "beard"]
    return write_coco(tmp_path_factory.mktemp("places") / "hall", faces, categories, seed=1000)
