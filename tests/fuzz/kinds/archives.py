"""What labels come back in: zip files from strangers, and folders."""

import io
import struct
import zipfile
import zlib

import numpy as np

from fuzz.kinds.base import Kind
from fuzz.kinds.data_sets import coco, label_studio, layouts
from fuzz.mutation import ESCAPE, as_json, mutated

WORDS = [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"../", b"\xff\xff\xff\xff"]


def packed(entries, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


def link(target):
    info = zipfile.ZipInfo("annotations.json")
    info.external_attr = 0o120777 << 16
    return packed([(info, target)])


def encrypted(data):
    """Says that it is, in both heads."""
    whole = bytearray(packed([("annotations.json", data)]))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(mark) + offset] |= 1
    return bytes(whole)


def claims(data, size):
    """Unpacks to more than it says."""
    whole = bytearray(packed([("annotations.json", data)]))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = whole.index(mark) + offset
        whole[place : place + 4] = struct.pack("<I", size)
    return bytes(whole)


def wrong_sum(data):
    whole = bytearray(packed([("annotations.json", data)]))
    for mark, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        whole[whole.index(mark) + offset] ^= 0xFF
    return bytes(whole)


def specials():
    document = as_json(coco())
    many = b"[" + b"[]," * 8_000_000 + b"[]]"
    overlapping = packed([("labels/1.txt", bytes(900_000))])
    classes = coco() | {"categories": [{"id": n, "name": f"class {n}"} for n in range(30_000)]}
    classes["annotations"] = [{"image_id": 1, "category_id": n, "bbox": [4, 4, 9, 9]} for n in range(30_000)]
    return [
        packed([("annotations.json", as_json(classes))]),
        packed([("annotations.json", bytes(200_000_000))]),
        packed([("annotations.json", many)]),
        packed([("tasks.json", many)]),
        packed([("annotations.json", b'{"images":' + many + b',"annotations":[],"categories":[]}')]),
        packed([("classes.txt", b"with_mask\n" * 800_000)]),
        packed([("data.yaml", b"names: {0: a}\nx: [" + b"[]," * 60_000 + b"]")]),
        packed([("annotations.xml", b"<annotations>" + b"<image/>" * 300_000 + b"</annotations>")]),
        packed([("inner.zip", packed([("annotations.json", document)]))]),
        packed([(f"labels/{n}.txt", b"") for n in range(4000)] + [("classes.txt", b"a")], zipfile.ZIP_STORED),
        packed([("../../annotations.json", document)]),
        packed([("/annotations.json", document)]),
        packed([("C:\\annotations.json", document)]),
        packed([("a/" * 2000 + "annotations.json", document)]),
        packed([(f"{'a' * 300}.json", document)]),
        packed([(f"a{ESCAPE}\n.json", document)]),
        packed([("annotations.json/x.json", document), ("annotations.json", document)]),
        packed([("annotations.json", document), ("annotations.json/x.json", document)]),
        link("/etc/passwd"),
        encrypted(document),
        claims(document, 10),
        claims(document, 0xFFFFFFFF),
        wrong_sum(document),
        packed([("annotations.json", document)], zipfile.ZIP_LZMA),
        packed([("annotations.json", document)], zipfile.ZIP_BZIP2),
        overlapping[:200] + overlapping,
        b"",
        b"PK\x05\x06" + bytes(18),
        zlib.compress(document),
        packed([("revisions.json", b'{"a": NaN}'), ("annotations.json", document)]),
        packed([("revisions.json", b'{"a": 1e999}'), ("annotations.json", document)]),
        packed([("revisions.json", b"[]"), ("annotations.json", document)]),
    ]


class Archives(Kind):
    """Through `queue import`, into a queue of two samples, and undone again."""

    def __init__(self, folder):
        from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
        from maskwatch.samples.store import Queue

        super().__init__(folder)
        self.queue = Queue(folder / "queue")
        faces = (Face(Box(4, 4, 14, 14), 0.9, 0.9, Label.PROTECTED),)
        ids = []
        for seq in range(2):
            rgb = np.zeros((48, 64, 3), np.uint8)
            report = FrameReport("door", "clip.mp4", seq, float(seq), (64, 48), faces)
            ids.append(self.queue.add(Frame("door", "clip.mp4", seq, float(seq), rgb), report, ("classifier",)))
        self.seeds = [packed(self._named(files, ids).items()) for files, _ in layouts()]
        self.specials = specials()

    @staticmethod
    def _named(files, ids):
        """The files of a set, its pictures called like the samples."""
        named = {}
        for name, content in files.items():
            data = content if isinstance(content, bytes) else as_json(content)
            for number, sample_id in enumerate(ids, 1):
                data = data.replace(f"{number}.png".encode(), f"{sample_id}.jpg".encode())
                name = name.replace(f"/{number}.", f"/{sample_id}.")
            named[name] = data
        return named

    def make(self, number, random, folder):
        if number % 4 == 3 and number // 4 < len(self.specials):
            data = self.specials[number // 4]
        else:
            data = mutated(random.choice(self.seeds), random, WORDS)
        path = folder / "labels.zip"
        if number % 50 == 11:
            path, data = folder / "labels.json", mutated(as_json(random.choice([coco(), label_studio()])), random)
        path.write_bytes(data)
        return path

    def warm(self):
        path = self.folder / "warm.zip"
        path.write_bytes(self.seeds[0])
        self.take(path)

    def take(self, path):
        from maskwatch.samples.import_journal import NAME, undo_import
        from maskwatch.samples.imports import import_labels

        try:
            told = import_labels(self.queue, path, None, "kim", accept_unchanged=True)
        finally:
            undone = undo_import(self.queue, "kim") if (self.queue.folder / NAME).exists() else None
        return [*told.problems, *(undone.problems if undone else [])]
