"""Names of people out of samples: each gets a pseudonym in its place, the same everywhere, so that who agreed with whom stays.

A pseudonym is drawn by chance and tells nothing. While names are being replaced, `.pseudonyms.json` in the queue's folder
holds which name gets which, so that the same command goes on after a crash; with the last name that note goes, too.
"""

import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from maskwatch.core.errors import QueueError
from maskwatch.platform.files import write_atomically
from maskwatch.samples.annotations import Revision
from maskwatch.samples.import_journal import NAME as IMPORT
from maskwatch.samples.json_file import queue_errors, read_json, write_json
from maskwatch.samples.opinions import Opinion, Verdict
from maskwatch.samples.retention import exclusive, records
from maskwatch.samples.sample import Sample, encoded_record, read_sample
from maskwatch.samples.team import Team, read_team, write_team

NAME = ".pseudonyms.json"
PSEUDONYM = re.compile(r"person-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Renaming:
    """`names` gives the pseudonym of each name, as `key` writes it; of what was said before `before` alone, None: all."""

    names: Mapping[str, str]
    before: datetime | None = None

    def of(self, name: str, at: datetime) -> str:
        """What is to stand in the place of a name that was written then."""
        return self.names.get(key(name), name) if self.before is None or at < self.before else name

    def sample(self, sample: Sample) -> Sample:
        """With pseudonyms: who labelled, gave an opinion, accepted or returned it, and whom a comment names."""
        verdict = sample.verdict
        return replace(
            sample,
            history=tuple(replace(each, by=self.of(each.by, each.at)) for each in sample.history),
            opinions=tuple(replace(each, by=self.of(each.by, each.at)) for each in sample.opinions),
            verdict=verdict
            and replace(verdict, by=self.of(verdict.by, verdict.at), comment=self._comment(verdict)),
        )

    def _comment(self, verdict: Verdict) -> str:
        def pseudonym(found: re.Match[str]) -> str:
            return self.of(found[0], verdict.at)

        named = "|".join(re.escape(name) for name in self.names)
        return (
            re.sub(rf"\b(?:{named})\b", pseudonym, verdict.comment, flags=re.IGNORECASE)
            if named
            else verdict.comment
        )


def key(name: str) -> str:
    """The same for names that differ in capital letters alone."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def said(sample: Sample) -> tuple[Revision | Opinion | Verdict, ...]:
    """All that people said of a sample, each with `by` and `at`."""
    return (*sample.history, *sample.opinions, *(() if sample.verdict is None else (sample.verdict,)))


def people(samples: Iterable[Sample]) -> Counter[str]:
    """In how many samples each name stands, by `key`; not pseudonyms."""
    found: Counter[str] = Counter()
    for sample in samples:
        found.update({key(each.by) for each in said(sample)})
    return Counter({name: number for name, number in found.items() if not PSEUDONYM.fullmatch(name)})


def pseudonyms(queue: Path, names: Iterable[str]) -> dict[str, str]:
    """The pseudonym of each name, by `key`: those of the note, and new ones, which are noted first. Raises `QueueError`."""
    known = noted(queue)
    new = {key(name): f"person-{secrets.token_hex(4)}" for name in names if key(name) not in known}
    if new:
        _write(queue, known | new)
    return known | new


def noted(queue: Path) -> dict[str, str]:
    """The note; empty where there is none. Raises `QueueError`."""

    def names(content: Any) -> dict[str, str]:
        return {str(name): str(other) for name, other in content["names"].items()}

    return read_json(queue / NAME, names) or {}


def forget_pseudonyms(queue: Path, names: Iterable[str]) -> None:
    """Take names out of the note: nothing tells any more who had which pseudonym. Raises `QueueError`."""
    known, gone = noted(queue), {key(name) for name in names}
    if known.keys() & gone:
        _write(queue, {name: other for name, other in known.items() if name not in gone})


def rename(folder: Path, renaming: Renaming, advance: Callable[[], None] = lambda: None) -> int:
    """Write pseudonyms into a queue's folder; returns how many samples changed. Raises `QueueError` at the end."""
    count, stuck = 0, list[str]()
    for path in records(folder):
        try:
            with exclusive(folder):
                sample = read_sample(path)
                if (changed := renaming.sample(sample)) != sample:
                    write_atomically(path, encoded_record(changed))
                    count += 1
        except FileNotFoundError:
            pass
        except OSError as e:
            stuck.append(f"{e.filename or path}: {e.strerror or e}")
        except QueueError as e:
            if path.exists():
                stuck.append(str(e))
        advance()
    if stuck:
        raise QueueError(f"{folder}: in {len(stuck)} samples names could not be replaced: {stuck[0]}")
    return count


def leave_team(queue: Path, names: Mapping[str, str]) -> bool:
    """Take people out of the team and out of the note of the last import; whether anything changed. Raises `QueueError`."""
    team = read_team(queue)
    rest = Team(tuple(name for name in team.labellers if key(name) not in names))
    if rest != team:
        write_team(queue, rest)

    def renamed(record: Any) -> dict[str, Any] | None:
        by = names.get(key(record["by"]))
        return None if by is None else record | {"by": by}

    record = read_json(queue / IMPORT, renamed)
    if record is not None:
        write_json(queue / IMPORT, record)
    return rest != team or record is not None


def _write(queue: Path, names: Mapping[str, str]) -> None:
    if names:
        write_json(queue / NAME, {"names": names})
        return
    with queue_errors(queue / NAME):
        (queue / NAME).unlink(missing_ok=True)
