"""How data sets tell the parts of their pictures: by folders, by names of files, and by lists of pictures."""

import codecs
import re
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from maskwatch.datasets.records import Split
from maskwatch.platform.files import read_file

PARTS = {
    "trainval": Split.TRAIN,
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "test": Split.TEST,
    "testing": Split.TEST,
}
"""What data sets call their parts; of two lists that name a picture, the later one here counts."""


def part_named(text: str) -> Split | None:
    """The part that a word of a name tells: of `instances_train2017`, or `Validation`."""
    return next((PARTS[word] for word in re.split(r"[^a-z]+", text.lower()) if word in PARTS), None)


def part_of(key: str) -> Split | None:
    """The part that one of the folders in a key is named after."""
    names = PurePosixPath(key).parts[:-1]
    return next((PARTS[name.lower()] for name in names if name.lower() in PARTS), None)


def parts_by_list(lines: Iterable[str], split: Split, known: Collection[str]) -> dict[str, Split]:
    """The part of the `known` paths that a list names, wherever the set lay when the list was written."""
    found = {}
    for line in lines:
        words = plain_path(line).split("/")
        ends = ("/".join(words[start:]) for start in range(len(words)))
        name = next((end for end in ends if end in known), None)
        if name is not None:
            found[name] = split
    return found


def plain_path(text: str) -> str:
    """A path as another system may have written it, with slashes, and no dots at its beginning."""
    words = [word for word in text.strip().replace("\\", "/").split("/") if word not in {"", "."}]
    while words and words[0] == "..":
        words.pop(0)
    return "/".join(words)


def read_text(path: Path, max_bytes: int | None = None) -> str:
    """UTF-8, or what a mark at its beginning says; of at most `max_bytes`. Raises `OSError` and `ValueError`."""
    data = read_file(path, max_bytes)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")
