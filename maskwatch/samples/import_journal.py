"""What the last import of labels was to change, written before it changes anything, so that it can be undone whole.

The file lies in the queue's folder. An import that was killed half-way is undone as far as it came, and an undo that
was killed goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskwatch.core.errors import LabelConflict, QueueError
from maskwatch.platform.clock import utc_now
from maskwatch.samples.annotations import (
    Annotation,
    History,
    annotations_from_json,
    annotations_to_json,
    checked_name,
    revision_of,
)
from maskwatch.samples.json_file import read_json, write_json
from maskwatch.samples.store import Queue

NAME = ".last-import.json"


@dataclass(frozen=True, slots=True)
class Step:
    """A sample, its revision before, and the faces that it gets, which makes the next revision."""

    sample_id: str
    before: int
    faces: tuple[Annotation, ...]


@dataclass(slots=True)
class Undone:
    """Ids of samples that are as before the import, and a line for each that is not."""

    source: str
    restored: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def write_journal(queue: Path, source: Path, by: str, steps: Sequence[Step]) -> None:
    """Note what an import is about to do, in the place of the one before. Raises `QueueError`."""
    samples = [
        {"id": step.sample_id, "before": step.before, "faces": annotations_to_json(step.faces)}
        for step in steps
    ]
    at = utc_now().isoformat(timespec="seconds")
    write_json(queue / NAME, {"source": str(source), "by": by, "at": at, "samples": samples})


def undo_import(store: Queue, by: str) -> Undone:
    """Take the last import back, sample by sample; one that somebody changed since then stays as it is.

    Raises `QueueError` when there is no import to undo.
    """
    by, path = checked_name(by), store.folder / NAME
    journal = read_json(path, _parsed)
    if journal is None:
        raise QueueError(f"queue: {store.folder}: there is no import to undo")
    source, author, steps = journal
    result = Undone(source)
    for step in steps:
        try:
            history = store.sample(step.sample_id).history
            if _is_undone(history, step):
                result.restored.append(step.sample_id)
            elif _is_imported(history, step, author):
                store.undo(step.sample_id, by, based_on=step.before + 1)
                result.restored.append(step.sample_id)
            elif revision_of(history) != step.before:  # else the import did not come so far
                who = history[-1].by if history else "somebody"
                result.problems.append(f"{step.sample_id}: was changed since by {who}; left as it is")
        except LabelConflict as e:
            result.problems.append(f"{step.sample_id}: {e}; left as it is")
        except QueueError as e:
            result.problems.append(str(e))
    path.unlink()
    return result


def _parsed(record: Any) -> tuple[str, str, list[Step]]:
    """The source of an import, who made it, and its steps."""
    steps = [
        Step(str(each["id"]), int(each["before"]), annotations_from_json(each["faces"]))
        for each in record["samples"]
    ]
    return str(record["source"]), str(record["by"]), steps


def _is_imported(history: History, step: Step, by: str) -> bool:
    """Whether the import's change is the last one."""
    last = history[-1] if history else None
    return (
        last is not None
        and (last.revision, last.by, last.restores) == (step.before + 1, by, None)
        and last.faces == step.faces
    )


def _is_undone(history: History, step: Step) -> bool:
    """Whether nothing came after the import but its undoing."""
    last = history[-1] if history else None
    return last is not None and last.revision == step.before + 2 and last.restores is not None
