"""The queue: frames that people have labelled (see `learn/queue.py`).

A sample's JSON holds, once labelled, `"labels": {"faces": [{"box": [x1, y1, x2, y2], "label": "protected"}], …}`;
a sample whose faces are none is a picture without faces.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maskwatch.core.records import Box
from maskwatch.learn.class_names import ClassNames
from maskwatch.learn.dataset import DataSet
from maskwatch.learn.formats.marks import Described, Finder, Mark, Reading, in_place
from maskwatch.words import counted

USUAL = ClassNames()
RECORDS = "*/????-??-??/[!.]*.json"  # camera, UTC date, sample


def matches(folder: Path) -> bool:
    return next(folder.glob(RECORDS), None) is not None


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL) -> DataSet:
    """Samples without labels are left out, and told as a count."""
    reading = Reading(classes, find)
    waiting = 0
    for record in sorted(folder.glob(RECORDS), key=lambda path: (path.name, path)):
        try:
            labels = json.loads(record.read_text(encoding="utf-8")).get("labels")
            faces = labels["faces"] if isinstance(labels, dict) else labels
            if labels is not None and not isinstance(faces, list):
                raise TypeError("its faces are no list")  # noqa: TRY301 - told like the other faults
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            reading.problems.append(f"{record}: cannot be read ({type(e).__name__}: {e})")
            continue
        if labels is None:
            waiting += 1
            continue
        path = record.with_suffix(".jpg")
        reading.add(Described(path, str(path.relative_to(folder)), list(_marks(faces, record))))
    if waiting:
        reading.problems.append(f"{folder}: {counted(waiting, 'sample')} without a person's labels left out")
    return reading.finished()


def _marks(faces: list[Any], record: Path) -> Iterator[Mark]:
    for number, face in enumerate(faces, 1):
        place = f"{record}: face {number}"
        try:
            x1, y1, x2, y2 = map(float, face["box"])
            name = str(face["label"])
        except (KeyError, TypeError, ValueError) as e:
            yield Mark(place, "", None, fault=f"is malformed ({type(e).__name__}: {e})")
        else:
            yield Mark(place, name, Box(x1, y1, x2, y2))
