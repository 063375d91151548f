"""Which format a folder of labelled pictures is in. A new format is a module with `matches` and `read`, and a line here."""

from pathlib import Path
from typing import Protocol

from maskwatch.core.errors import DataError
from maskwatch.learn.dataset import DataSet
from maskwatch.learn.formats import coco, folders


class Format(Protocol):
    def matches(self, folder: Path) -> bool: ...

    def read(self, folder: Path) -> DataSet: ...


FORMATS: tuple[Format, ...] = (coco, folders)


def read(folder: Path) -> DataSet:
    """The pictures of one data set, in any of the formats.

    What is wrong with single pictures or labels is told in `problems`, and the rest is used. Raises
    `DataError`, naming the folder, when it is no data set at all, or nothing in it can be used.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder")
    for kind in FORMATS:
        if kind.matches(folder):
            data = kind.read(folder)
            if not data.pictures:
                first = f" ({data.problems[0]})" if data.problems else ""
                raise DataError(f"{folder}: no picture can be used{first}")
            return data
    raise DataError(
        f"{folder}: is no data set: neither annotations.json nor protected/ and unprotected/ is there"
    )
