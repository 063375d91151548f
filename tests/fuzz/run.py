"""Runs the process that takes hostile inputs, again after each that ended it, and tells what came of all."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class Taken:
    """What came of one input: `result`, `error`, `fault`, or `death`, of the whole process."""

    kind: str
    number: int
    outcome: str
    text: str = ""
    s: float = 0.0
    cpu_s: float = 0.0
    mb: float = 0.0


def taken(counts, folder):
    """What came of the first inputs of each kind, as many as `counts` says by its name."""
    found = []
    for attempt, (counts_left, out) in enumerate(_attempts(counts, folder, found)):
        assert attempt < 100, "it ends again and again"
        ended = _run(counts_left, out)
        begun = {}
        for line in out.read_text().splitlines():
            told = json.loads(line)
            key = told["kind"], told["number"]
            if "outcome" in told:
                begun.pop(key)
                found.append(Taken(**told))
            else:
                begun[key] = told
        found += [
            Taken(*key, "death", f"ended with {ended.returncode}: {ended.stderr[-3000:]}") for key in begun
        ]
        assert ended.returncode == 0 or begun, f"it does not even begin: {ended.stderr[-3000:]}"
        assert "\x1b" not in ended.stderr, f"a library prints a terminal's escape: {ended.stderr!r}"
    return found


def _attempts(counts, folder, found):
    number = 0
    while True:
        done = {name: 1 + max((t.number for t in found if t.kind == name), default=-1) for name in counts}
        left = {name: (done[name], count) for name, count in counts.items() if done[name] < count}
        if not left:
            return
        yield left, folder / f"{number}.jsonl"
        number += 1


def _run(left, out):
    arguments = [str(part) for name, (first, last) in left.items() for part in (name, first, last)]
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environment = os.environ | {
        "PYTHONPATH": paths,
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
    }
    out.touch()
    command = [sys.executable, "-m", "fuzz.child", out, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", cwd=out.parent
    )


def table(found):
    """A line for each kind: how many, how many of them gave an error, the longest and the largest."""
    lines = [
        "| kind | inputs | of them refused | longest, s | of the processor, s | most memory, MB |",
        "|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(t.kind for t in found):
        own = [t for t in found if t.kind == kind]
        refused = sum(t.outcome == "error" for t in own)
        most = " | ".join(f"{max(getattr(t, what) for t in own):.1f}" for what in ("s", "cpu_s"))
        lines.append(f"| {kind} | {len(own)} | {refused} | {most} | {max(t.mb for t in own):.0f} |")
    return "\n".join(lines)
