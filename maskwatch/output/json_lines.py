"""The report of a replay: one JSON line a frame."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Self

from maskwatch.core.privacy import Privacy
from maskwatch.core.records import Decision, Label, Outcome, Passage
from maskwatch.platform.files import make_file
from maskwatch.samples.sample import judgement_to_json

SINGLE = ("faces", "persons")  # what a line tells of each


class ReportWriter:
    """Writes decisions to a file; use it in a `with`. `size` bytes of it are there already, and what is behind them is dropped."""

    def __init__(self, path: Path, privacy: Privacy = Privacy.FULL, *, size: int = 0) -> None:
        self._path = path
        self._privacy = privacy
        self.size = size

    def __enter__(self) -> Self:
        make_file(self._path)
        self._file = self._path.open("r+b")
        self._file.truncate(self.size)
        self._file.seek(self.size)
        return self

    def write(self, decision: Decision) -> None:
        """Append a decision as one line."""
        line = json.dumps(as_json(decision, self._privacy), ensure_ascii=False) + "\n"
        self._file.write(line.encode(errors="backslashreplace"))  # as JSON writes a name that is not UTF-8

    def flush(self) -> None:
        """What was written survives a power cut; `size` is how much that is, in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self.size = self._file.tell()

    def __exit__(self, *_: object) -> None:
        self._file.close()


def as_json(decision: Decision, privacy: Privacy = Privacy.FULL) -> dict[str, object]:
    """A decision as a line of the report, ready for JSON; `at` in seconds, `size` width and height in px.

    With `Privacy.AGGREGATE` it has `people`, counts, in the place of all that tells of one face or person.
    """
    report = decision.report
    judged = judgement_to_json(report)
    if privacy is Privacy.AGGREGATE:
        judged = {key: value for key, value in judged.items() if key not in SINGLE}
        judged["people"] = {label.value: report.count(label) for label in Label}
    line: dict[str, object] = {
        "camera": report.camera,
        "source": report.source,
        "seq": report.seq,
        "at": round(report.at, 3),
        "size": list(report.size),
        "look": report.look,
        **judged,
        "passages": [_passage(passage, privacy) for passage in decision.passages],
        "alert": decision.alert is not None,
        "queued": decision.queued,
    }
    if any(alert.withheld for alert in decision.alerts):
        line["withheld"] = True
    if decision.outcomes:
        line["outcomes"] = [_outcome(each, privacy) for each in decision.outcomes]
    return line


def _passage(passage: Passage, privacy: Privacy) -> dict[str, object]:
    return {
        "at": round(passage.at, 3),
        "track": None if privacy is Privacy.AGGREGATE else passage.track,
        "label": passage.label.value,
        "direction": passage.direction.value,
        "line": passage.line,
        "zones": list(passage.zones),
    }


def _outcome(outcome: Outcome, privacy: Privacy) -> dict[str, object]:
    """An announcement: its people by their tracks, or how many they are."""
    told = asdict(outcome) | {"at": round(outcome.at, 3)}
    people = ("addressed", "put_on", "unknown")
    return told | {each: len(told[each]) for each in people} if privacy is Privacy.AGGREGATE else told
