"""A sample: a frame that waits in the queue for a person's look, and its record as JSON."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from maskwatch.core.errors import MALFORMED, QueueError
from maskwatch.core.records import Box, Face, FrameReport, Label, Person, ShadowJudgement, Versions
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.platform.files import read_file
from maskwatch.samples.annotations import (
    Annotation,
    History,
    Labels,
    as_annotations,
    current,
    history_from_json,
    history_to_json,
    labels_to_json,
    revision_of,
)
from maskwatch.samples.opinions import (
    Opinion,
    Verdict,
    opinions_from_json,
    opinions_to_json,
    verdict_from_json,
    verdict_to_json,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame that is worth a person's look.

    `reasons` says why (see `core/selection/reasons.py`); `models` the versions that judged; `labels` is None until a
    person has looked. The report's near misses are what a person is asked about besides its faces, and its `shadow` is what a candidate said. `opinions` are what
    second people said beside the labels, `verdict` what a reviewer decided last.
    """

    id: str
    report: FrameReport
    reasons: tuple[str, ...]
    saved_at: datetime
    models: dict[str, str]
    history: History = ()
    opinions: tuple[Opinion, ...] = ()
    verdict: Verdict | None = None

    @property
    def labels(self) -> Labels | None:
        """The newest labels; None before the first, and when they were taken away."""
        return current(self.history)

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """What people said of the faces, or without labels what the models found."""
        return as_annotations(self.report.faces) if self.labels is None else self.labels.faces

    @property
    def labelled_report(self) -> FrameReport:
        """The report with the faces that people labelled in place of those that the models found."""
        if self.labels is None:
            return self.report
        faces = []
        for annotation in self.labels.faces:
            known = annotation.label.known
            verdict = Label.PROTECTED if known and known.protected else Label.UNPROTECTED
            faces.append(Face(annotation.box, 1.0, label=verdict if known else Label.UNKNOWN))
        return replace(self.report, faces=tuple(faces))

    @property
    def revision(self) -> int:
        """The number of the newest revision of the labels; 0 before the first."""
        return revision_of(self.history)

    @property
    def lowest_confidence(self) -> float:
        """The smallest probability (0..1) that any model gave its own verdict on a face."""
        verdicts = [face.score for face in self.report.faces]
        verdicts += [max(p, 1 - p) for face in self.report.faces if (p := face.protected) is not None]
        return min(verdicts, default=1.0)

    def with_history(self, history: History) -> "Sample":
        """The same sample with another history."""
        return replace(self, history=history)


def labelled_image(
    annotations: Iterable[Annotation], path: Path, key: str, split: Split | None = None
) -> LabelledImage:
    """A sample's frame with these marks, as a picture of a data set; a face that nobody can tell is unclear."""
    known, unclear = [], []
    for annotation in annotations:
        label = annotation.label.known
        if label is None:
            unclear.append(annotation.box)
        else:
            known.append(GroundTruth(label, annotation.box))
    return LabelledImage(path, key, tuple(known), split, tuple(unclear))


def faces_to_json(faces: tuple[Face, ...]) -> list[dict[str, object]]:
    """Faces as reports and samples write them: a tenth of a pixel, a thousandth of a probability."""
    return [
        {
            "box": [round(v, 1) for v in face.box],
            "score": round(face.score, 3),
            "protected": None if face.protected is None else round(face.protected, 3),
            "label": face.label.value,
        }
        for face in faces
    ]


def judgement_to_json(report: FrameReport) -> dict[str, object]:
    """What was seen in a frame and by which models, as a report's lines and the web tell it."""
    told: dict[str, object] = {
        "models": asdict(report.models) if report.models else None,
        "faces": faces_to_json(report.faces),
        "protected_ratio": _rounded(report.protected_ratio, 4),
    }
    if report.persons is not None:
        told["raw_ratio"] = _rounded(report.raw_ratio, 4)
        told["persons"] = [person_to_json(person) for person in report.persons]
    return told


def person_to_json(person: Person) -> dict[str, object]:
    """Somebody in view as a report's lines tell it: a tenth of a pixel and of a second, a thousandth of a probability."""
    return {
        "track": person.track,
        "box": [round(v, 1) for v in person.box],
        "label": person.label.value,
        "protected": _rounded(person.protected, 3),
        "age_s": round(person.age_s, 1),
        "face": person.face,
        "zones": list(person.zones),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def encoded_record(sample: Sample) -> bytes:
    """A sample's JSON file."""
    return json.dumps(to_json(sample), ensure_ascii=False, indent=1).encode(errors="backslashreplace")


def to_json(sample: Sample) -> dict[str, object]:
    """A sample's record, ready for JSON; `read_sample` reads it.

    It has `suggested` only with near misses, `shadow` only with a candidate's judgement, `history` only with a revision, `opinions` and `verdict` where there are some.
    """
    report, labels = sample.report, sample.labels
    record: dict[str, object] = {
        "id": sample.id,
        "camera": report.camera,
        "source": report.source,
        "seq": report.seq,
        "at": report.at,
        "size": list(report.size),
        "saved_at": sample.saved_at.isoformat(timespec="milliseconds"),
        "reasons": list(sample.reasons),
        "models": sample.models,
        "faces": faces_to_json(report.faces),
        "labels": None if labels is None else labels_to_json(labels),
    }
    if report.near_misses:
        record["suggested"] = faces_to_json(report.near_misses)
    if report.shadow is not None:
        record["shadow"] = _shadow_to_json(report.shadow)
    if sample.history:
        record["history"] = history_to_json(sample.history)
    if sample.opinions:
        record["opinions"] = opinions_to_json(sample.opinions)
    if sample.verdict is not None:
        record["verdict"] = verdict_to_json(sample.verdict)
    return record


def read_sample(path: Path) -> Sample:
    """Raises `QueueError`, naming the file, when it is no sample's record."""
    try:
        return _from_json(json.loads(read_file(path)))
    except (OSError, *MALFORMED) as e:
        raise QueueError(f"queue: {path}: cannot be read ({type(e).__name__})") from e


def _from_json(data: Any) -> Sample:
    width, height = data["size"]
    report = FrameReport(
        _text(data["camera"]),
        _text(data["source"]),
        int(data["seq"]),
        _number(data["at"]),
        (int(width), int(height)),
        _faces_from_json(data["faces"]),
        near_misses=_faces_from_json(data.get("suggested") or ()),
        shadow=_shadow_from_json(data.get("shadow")),
    )
    return Sample(
        _text(data["id"]),
        report,
        tuple(map(_text, data["reasons"])),
        datetime.fromisoformat(data["saved_at"]),
        {_text(name): _text(version) for name, version in data["models"].items()},
        history_from_json(data["labels"], data.get("history")),
        opinions_from_json(data.get("opinions")),
        verdict_from_json(data.get("verdict")),
    )


def _shadow_to_json(judgement: ShadowJudgement) -> dict[str, object]:
    return {
        "version": judgement.version,
        "serving": judgement.serving,
        "models": asdict(judgement.models),
        "faces": faces_to_json(judgement.faces),
    }


def _shadow_from_json(data: Any) -> ShadowJudgement | None:
    if data is None:
        return None
    models = data["models"]
    versions = Versions(_text(models["detector"]), _text(models["classifier"]))
    faces = _faces_from_json(data["faces"])
    return ShadowJudgement(_text(data["version"]), _text(data["serving"]), versions, faces)


def _faces_from_json(faces: Any) -> tuple[Face, ...]:
    return tuple(
        Face(
            Box(*map(_number, face["box"])),
            _number(face["score"]),
            None if face["protected"] is None else _number(face["protected"]),
            Label(face["label"]),
        )
        for face in faces
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("no number")
    return value
