"""The queue: frames that people have labelled (see `samples/store.py`).

A sample's JSON holds, once labelled, `"labels": {"faces": [{"box": [x1, y1, x2, y2], "label": "protected"}], …}`;
a sample whose faces are none is a picture without faces.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maskwatch.core.errors import MALFORMED
from maskwatch.core.records import Box
from maskwatch.core.text import pluralize
from maskwatch.datasets.class_names import USUAL_NAMES, ClassNames
from maskwatch.datasets.formats.annotations import DatasetBuilder, Described, Finder, RawAnnotation, in_place
from maskwatch.datasets.records import DataSet, Note

RECORDS = "*/????-??-??/[!.]*.json"  # camera, UTC date, sample


def matches(folder: Path) -> bool:
    """Whether the folder holds samples of a queue, labelled or not."""
    return next(folder.glob(RECORDS), None) is not None


def read(folder: Path, find: Finder = in_place, classes: ClassNames = USUAL_NAMES) -> DataSet:
    """Samples without labels are left out, and told as a count."""
    builder = DatasetBuilder(classes, find)
    waiting = 0
    for record in sorted(folder.glob(RECORDS), key=lambda path: (path.name, path)):
        try:
            labels = json.loads(record.read_text(encoding="utf-8")).get("labels")
            faces = labels["faces"] if isinstance(labels, dict) else labels
            if labels is not None and not isinstance(faces, list):
                raise TypeError("its faces are no list")  # noqa: TRY301 - told like the other faults
        except (OSError, *MALFORMED) as e:
            builder.problems.append(f"{record}: cannot be read ({type(e).__name__}: {e})")
            continue
        if labels is None:
            waiting += 1
            continue
        path = record.with_suffix(".jpg")
        builder.add(Described(path, str(path.relative_to(folder)), list(_raw_annotations(faces, record))))
    if waiting:
        line = f"{folder}: {pluralize(waiting, 'sample')} without a person's labels left out"
        builder.problems.append(Note(line))
    return builder.finished()


def _raw_annotations(faces: list[Any], record: Path) -> Iterator[RawAnnotation]:
    for number, face in enumerate(faces, 1):
        place = f"{record}: face {number}"
        try:
            x1, y1, x2, y2 = map(float, face["box"])
            name = str(face["label"])
        except MALFORMED as e:
            yield RawAnnotation(place, "", None, fault=f"is malformed ({type(e).__name__}: {e})")
        else:
            yield RawAnnotation(place, name, Box(x1, y1, x2, y2))
