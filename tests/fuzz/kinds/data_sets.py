"""Data sets in the formats that are read, one of their files spoiled; and what parsers are usually broken by."""

import os
import shutil
from random import Random

import numpy as np
from PIL import Image

from fuzz.kinds.base import Kind
from fuzz.mutation import DEEP, ESCAPE, as_json, drawn, mutated, spoiled

WORDS = [b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&amp;", b"NaN", b"1e999", b"Infinity", b"-1", b"<<: *a", b"&a", b"*a", b"]]>", b"\xef\xbb\xbf"]
SIZE = 64, 48
BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
ENTITIES = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]><annotation><filename>&e8;</filename></annotation>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
MERGES = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{n}: &a{n} {{{', '.join(f'k{n}{i}: 1' for i in range(3))}, <<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10)
)
ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
YAMLS = [
    MERGES + "names: {0: with_mask}\n",
    MERGES + "<<: *a9\nnames: {0: with_mask}\n",
    ALIASES + "names: *a9\n",
    ALIASES + "names: [with_mask]\ntrain: *a9\n",
    "names: " + "[" * 5000 + "]" * 5000,
    "names: " + "{a: " * 3000,
    "names: {.inf: a, .nan: b}",
    f"names: {{{'9' * 6000}: a}}",
    f"names: [{'9' * 6000}]",
    "names: 2001-99-99",
    "names: {2001-01-01: a}",
    "names: !!python/object/apply:os.system ['id']",
    "names: !!binary abc",
    "names: !!set {a, b}",
    "names: &a [*a]",
    "? [a]\n: b\nnames: [a]",
    "names: 1_000:59:59.9\n",
    f'names: ["a{ESCAPE.replace(chr(27), chr(92) + "e").replace(chr(7), chr(92) + "a")}", "with\\nmask"]',
    "- names\n- [a]",
    "names: [a, b]\ntrain: [../../../etc/passwd, 3, null]\nval: {a: b}\nkpt_shape: x",
    "names: [" + "a," * 100_000 + "]",
]
XMLS = [ENTITIES, OUTSIDE, "<a>" * 100_000, "<annotation>" + "<object>" * 50_000, f"<annotation {'a=' + chr(39) + chr(39)} a=''/>"]
XMLS += ['<?xml version="1.0" encoding="UTF-7"?><annotation/>', '<?xml version="1.0" encoding="none"?><annotation/>', ""]
XMLS += [f"<annotation><object><name>x</name><bndbox><xmin>{n}</xmin><ymin>0</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>" for n in ("nan", "inf", "1e400", "9" * 5000, "&#10;", "")]


def coco():
    boxes = [[4, 4, 10, 10], [20, 20, 10, 12]]
    marks = [{"id": n, "image_id": 1, "category_id": n, "bbox": box, "iscrowd": 0} for n, box in enumerate(boxes, 1)]
    marks += [{"id": 3, "image_id": 2, "category_id": 1, "segmentation": [[4, 4, 20, 4, 20, 20]]}]
    marks += [{"id": 4, "image_id": 2, "category_id": 2, "segmentation": {"size": [48, 64], "counts": [60, 5, 3000, 7]}}]
    marks += [{"id": 5, "image_id": 2, "category_id": 2, "segmentation": {"size": [48, 64], "counts": "T15Q1Z0"}}]
    images = [{"id": n, "file_name": f"{n}.png", "width": 64, "height": 48, "part": "train", "key": f"{n}.png"} for n in (1, 2)]
    return {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "with_mask"}, {"id": 2, "name": "without_mask"}]}


def label_studio():
    region = {"x": 10, "y": 10, "width": 20, "height": 30, "rotation": 5, "rectanglelabels": ["with_mask"]}
    whole = {"original_width": 64, "original_height": 48, "image_rotation": 0, "type": "rectanglelabels", "value": region}
    corners = {"type": "polygonlabels", "value": {"points": [[1, 1], [20, 1], [9, 30]], "polygonlabels": ["without_mask"]}}
    choice = {"type": "choices", "value": {"choices": ["with_mask"]}}
    made = {"result": [whole, corners, choice], "was_cancelled": False, "updated_at": "2026", "ground_truth": True, "reviews": [{"accepted": True}]}
    return [
        {"id": 1, "data": {"image": "/data/upload/1/1.png", "part": "train"}, "annotations": [made, made], "meta": {"sample": "a", "revision": 1}},
        {"id": 2, "data": {"image": "s3://bucket/2.png?fileuri=Mi5wbmc="}, "annotations": [{"result": [choice]}], "predictions": []},
    ]


def queue_record(name="20261126T083711.281Z-000000"):
    face = {"box": [4.0, 4.0, 14.0, 14.0], "score": 0.9, "protected": 0.8, "label": "protected"}
    marks = [{"box": [4.0, 4.0, 14.0, 14.0], "label": "protected"}]
    at = "2026-11-26T08:37:11.281Z"
    return {
        "id": name,
        "camera": "door",
        "source": "clip.mp4",
        "seq": 0,
        "at": 1.0,
        "size": [64, 48],
        "saved_at": "2026-11-26T08:37:11.281+00:00",
        "reasons": ["classifier"],
        "models": {"detector": "a@1", "classifier": "b@2"},
        "faces": [face],
        "suggested": [face],
        "labels": {"faces": marks, "by": "kim", "at": at, "revision": 1},
        "history": [{"faces": marks, "by": "kim", "at": at, "revision": 1, "restores": None}],
        "opinions": [{"faces": marks, "by": "lee", "at": at, "revision": 1}],
        "verdict": {"accepted": True, "by": "park", "at": at, "revision": 1, "comment": "good"},
    }


VOC = """<annotation><folder>JPEGImages</folder><filename>{0}.png</filename><size><width>64</width><height>48</height></size>
<object><name>with_mask</name><difficult>0</difficult><bndbox><xmin>4</xmin><ymin>4</ymin><xmax>14</xmax><ymax>14</ymax></bndbox></object>
<object><name>without_mask</name><polygon><x1>4</x1><y1>4</y1><x2>20</x2><y2>30</y2></polygon></object></annotation>"""
CVAT = """<annotations><meta><task><labels><label><name>with_mask</name></label></labels></task></meta>
<image id="0" name="1.png" width="64" height="48" subset="train"><box label="with_mask" xtl="4" ytl="4" xbr="14" ybr="14" rotation="0"/>
<polygon label="with_mask" points="1,1;20,1;9,30"/><mask label="with_mask" left="1" top="2" width="9" height="9" rle="1, 2"/></image>
<image id="1" name="2.png" width="64" height="48"><tag label="with_mask"/></image></annotations>"""


def layouts():
    """Each set's files by their paths, and which of them are documents that stay JSON."""
    record = "door/2026-11-26/20261126T083711.281Z-000000.json"
    yolo = {"data.yaml": b"names: [with_mask, without_mask]\ntrain: train.txt\n", "train.txt": b"./images/1.png\n"}
    yolo |= {"labels/1.txt": b"0 0.2 0.2 0.1 0.1\n1 0.1 0.1 0.5 0.1 0.5 0.5\n", "labels/2.txt": b"1 0.5 0.5 0.2 0.2 0.9\n"}
    return [
        ({"annotations.json": coco()}, "images"),
        ({"tasks.json": label_studio()}, "images"),
        ({record: queue_record()}, "door/2026-11-26"),
        (yolo, "images"),
        ({f"Annotations/{n}.xml": VOC.format(n).encode() for n in (1, 2)} | {"ImageSets/Main/train.txt": b"1\n"}, "JPEGImages"),
        ({"annotations.xml": CVAT.encode()}, "images"),
        ({"_annotations.coco.json": coco()}, "."),
        ({"classes.txt": b"with_mask\nwithout_mask\n", "1.txt": b"0 0.2 0.2 0.1 0.1\n"}, "."),
    ]


def special(number, folder):
    """One of the inputs that parsers are usually broken by."""
    kinds = [("data.yaml", text) for text in YAMLS] + [("Annotations/1.xml", text) for text in XMLS]
    kinds += [("annotations.xml", text) for text in XMLS]
    kinds += [("annotations.json", as_json(DEEP)), ("tasks.json", as_json([DEEP])), ("annotations.json", b'{"a":' * 100_000)]
    kinds += [("annotations.json", as_json(coco()).decode().encode("utf-16"))]
    name, content = kinds[number % len(kinds)]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


ODD = 8


def odd_files(number, folder, images):
    """Files that are none, links that lead elsewhere, and names that a terminal or a pattern would obey."""
    place = folder / images
    match number % ODD:
        case 0:
            os.mkfifo(place / "3.png")
        case 1:
            (place / "3.png").symlink_to("/dev/zero")
        case 2:
            (folder / "loop").symlink_to(folder)
        case 3:
            shutil.copy(place / "1.png", place / f"3{ESCAPE}\nmaskwatch: ok [.png")
        case 4:
            (folder / "labels").mkdir(exist_ok=True)
            (folder / "labels" / "1.txt").unlink(missing_ok=True)
            (folder / "labels" / "1.txt").symlink_to("/dev/zero")
        case 5:
            (folder / "Annotations").mkdir(exist_ok=True)
            os.mkfifo(folder / "Annotations" / "3.xml")
        case 6:
            (place / "3.png").mkdir()
        case _:
            (place / os.fsdecode(b"\xff\xfe.png")).write_bytes(b"no picture")


class DataSets(Kind):
    """Read as training and evaluation do, and what is found is written in another format."""

    COUNT = 400  # documents of each JSON layout

    def __init__(self, folder):
        super().__init__(folder)
        self.layouts = layouts()
        rgb = np.kron(np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
        Image.fromarray(rgb).save(folder / "seed.png")
        self.documents = {}

    def make(self, number, random, folder):
        files, images = self.layouts[number % len(self.layouts)]
        root = folder / "set"
        for name in ("1.png", "2.png"):
            (root / images).mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / "seed.png", root / images / name)
        self._fill(number, random, root, files)
        if number % 7 == 3:
            odd_files(number // 7, root, images)
        elif number % 5 == 4:
            special(number // 5, root)
        return root

    def _fill(self, number, random, root, files):
        chosen = random.choice(list(files))
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else as_json(content)
            if name == chosen and not isinstance(content, bytes) and random.random() < 0.7:
                data = as_json(self._document(number, name, content))
            elif name == chosen:
                data = mutated(data, random, WORDS)
            path.write_bytes(data)

    def _document(self, number, name, content):
        if name not in self.documents:
            self.documents[name] = drawn(spoiled(content), self.COUNT, name)
        known = self.documents[name]
        return known[number // len(self.layouts) % len(known)]

    def warm(self):
        root = self.make(0, Random(0), self.folder / "warm")
        self.take(root)

    def take(self, path):
        from maskwatch.core.errors import DataError, SourceError
        from maskwatch.datasets.faces import open_annotated
        from maskwatch.datasets.formats.registry import WRITERS, read, write

        data = read(path)
        lines = list(data.problems)
        lines += open_annotated(data.images, lambda images: images)[1]
        out = path.with_name("out")
        for name in WRITERS:
            try:
                write(name, data.images, out / name)
            except (DataError, SourceError) as e:
                lines.append(str(e))
        return lines
