"""Pictures as tasks of Label Studio: `tasks.json`, with what people and models said, `label_config.xml`, and `images/`.

The tasks name the pictures as local files (`/data/local-files/?d=images/…`): Label Studio serves them where its
LOCAL_FILES_DOCUMENT_ROOT is the folder that was written. Boxes are in hundredths of the picture, with all their digits,
so one that goes out and comes back is the same to a tenth of a pixel.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from maskwatch.core.records import Box
from maskwatch.datasets.formats.annotations import require_boxes
from maskwatch.datasets.formats.entries import Entry
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import LabelledImage
from maskwatch.sources.images import image_size

TASKS = "tasks.json"
CONFIG = "label_config.xml"
SERVED_AT = "/data/local-files/?d="
COLOURS = {
    AnnotationLabel.PROTECTED: "#40a0ff",
    AnnotationLabel.UNPROTECTED: "#ff6e28",
    AnnotationLabel.WORN_WRONG: "#8a2be2",
    AnnotationLabel.UNKNOWN: "#808080",
}

LabelledBox = tuple[AnnotationLabel, Box]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What models said: their versions, each face with its score (0..1), and how sure they were of the least sure."""

    model_version: str
    score: float
    faces: Sequence[tuple[AnnotationLabel, Box, float]]


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to label. Its own labels go out where somebody gave them (`is_labelled`); `meta` comes back as it was."""

    image: LabelledImage
    is_labelled: bool = True
    prediction: Prediction | None = None
    meta: dict[str, object] = field(default_factory=dict)


def entries(images: Sequence[LabelledImage]) -> Iterator[Entry]:
    """The pictures, then the tasks and the labels. Raises `DataError`, before the first, where a label has no box."""
    return task_entries([Task(image) for image in images])


def task_entries(tasks: Sequence[Task]) -> Iterator[Entry]:
    """Like `entries`, with what models said. Raises `DataError`, before the first, where a label has no box."""
    return _entries(tasks, [require_boxes(task.image) for task in tasks])


def _entries(tasks: Sequence[Task], faces_of: Sequence[Sequence[LabelledBox]]) -> Iterator[Entry]:
    written = []
    for number, (task, faces) in enumerate(zip(tasks, faces_of, strict=True), 1):
        yield Entry(f"images/{task.image.key}", task.image.path)
        written.append(_as_json(number, task, faces))
    yield Entry(TASKS, json.dumps(written, ensure_ascii=False, indent=1).encode(errors="backslashreplace"))
    labels = [
        f"    <Label value={quoteattr(label)} background={quoteattr(colour)}/>\n"
        for label, colour in COLOURS.items()
    ]
    image = '  <Image name="image" value="$image" zoom="true"/>\n  <RectangleLabels name="label" toName="image">\n'
    yield Entry(CONFIG, f"<View>\n{image}{''.join(labels)}  </RectangleLabels>\n</View>\n".encode())


def _as_json(number: int, task: Task, faces: Sequence[LabelledBox]) -> dict[str, object]:
    image, size = task.image, image_size(task.image.path)
    data = {"image": f"{SERVED_AT}{quote(f'images/{image.key}')}"}
    regions = [_region(n, label, box, size) for n, (label, box) in enumerate(faces, 1)]
    result: dict[str, object] = {
        "id": number,
        "data": data | ({"part": str(image.split)} if image.split else {}),
        "annotations": [{"result": regions}] if task.is_labelled else [],
        "predictions": [],
    }
    if task.prediction is not None:
        said = [
            _region(n, label, box, size) | {"score": round(score, 4)}
            for n, (label, box, score) in enumerate(task.prediction.faces, 1)
        ]
        about = {"model_version": task.prediction.model_version, "score": round(task.prediction.score, 4)}
        result["predictions"] = [about | {"result": said}]
    return result | ({"meta": task.meta} if task.meta else {})


def _region(number: int, label: AnnotationLabel, box: Box, size: tuple[int, int]) -> dict[str, object]:
    width, height = size
    return {
        "id": f"face{number}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {
            "x": 100 * box.x1 / width,
            "y": 100 * box.y1 / height,
            "width": 100 * box.width / width,
            "height": 100 * box.height / height,
            "rotation": 0,
            "rectanglelabels": [label.value],
        },
    }
