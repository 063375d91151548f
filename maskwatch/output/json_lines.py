"""The report of a replay: one JSON line a frame."""

import json
from pathlib import Path
from typing import Self

from maskwatch.core.records import Decision, Passage
from maskwatch.platform.files import replacing
from maskwatch.samples.sample import judgement_to_json


class ReportWriter:
    """Writes decisions to a file; use it in a `with`. The file appears when the block ends well."""

    def __init__(self, path: Path) -> None:
        self._replacing = replacing(path)

    def __enter__(self) -> Self:
        self._file = self._replacing.__enter__().open(
            "w",
            encoding="utf-8",
            errors="backslashreplace",  # as JSON writes a name that is not UTF-8
        )
        return self

    def write(self, decision: Decision) -> None:
        """Append a decision as one line."""
        self._file.write(json.dumps(as_json(decision), ensure_ascii=False) + "\n")

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._replacing.__exit__(*error)  # type: ignore[arg-type]


def as_json(decision: Decision) -> dict[str, object]:
    """A decision as a line of the report, ready for JSON; `at` in seconds, `size` width and height in px."""
    report = decision.report
    return {
        "camera": report.camera,
        "source": report.source,
        "seq": report.seq,
        "at": round(report.at, 3),
        "size": list(report.size),
        "look": report.look,
        **judgement_to_json(report),
        "passages": [_passage(passage) for passage in decision.passages],
        "alert": decision.alert is not None,
        "queued": decision.queued,
    }


def _passage(passage: Passage) -> dict[str, object]:
    return {
        "at": round(passage.at, 3),
        "track": passage.track,
        "label": passage.label.value,
        "direction": passage.direction.value,
        "line": passage.line,
        "zones": list(passage.zones),
    }
