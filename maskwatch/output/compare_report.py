"""The differences between two runs as a report: for the terminal, as one HTML file, and as facts for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from maskwatch.core.records import Alert, Label
from maskwatch.core.text import pluralize
from maskwatch.evaluation.document import Block, ContactSheet, Image, Report, Section, Table
from maskwatch.output.compare import MEANING, Difference, Kind, Run, counted, seconds_under_alone

MAX_PICTURES = 8  # a kind
NOTES = {
    Kind.PARTED: "Somebody was lost from sight and counted anew, or two were taken for one.",
    Kind.OTHERWISE: "Those on whom the verdicts differ for a second or longer, the longest first.",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """Two runs over `footage`, what differs, and why the footage ended early, None if it did not."""

    footage: str
    a: Run
    b: Run
    found: tuple[Difference, ...]
    broken: str | None = None

    def of(self, kind: Kind) -> tuple[Difference, ...]:
        """Those of one kind."""
        return tuple(each for each in self.found if each.kind is kind)

    def pictured(self) -> list[Difference]:
        """Those that a picture is wanted of, at most `MAX_PICTURES` of a kind."""
        return [each for kind in Kind for each in self.of(kind)[:MAX_PICTURES]]


def report(compared: Compared, pictures: Mapping[Difference, Image]) -> Report:
    """What differs first, then both runs beside each other, then each kind of difference with its pictures."""
    found = compared.found
    title = f"{'B differs from A' if found else 'No difference between A and B'} on {compared.footage}"
    sections = [Section("A and B", (_both(compared.a, compared.b),))]
    sections += [_section(compared.of(kind), pictures) for kind in Kind if compared.of(kind)]
    return Report(title, tuple(_lead(compared)), compared.broken, tuple(sections), _facts(compared))


def _lead(compared: Compared) -> list[str]:
    a, b = compared.a, compared.b
    lead = [f"A: {a.name} ({_models(a)}).", f"B: {b.name} ({_models(b)})."]
    if not compared.found:
        return [*lead, "The same alerts, the same people, and the same verdicts on them."]
    counts = [f"{MEANING[kind]}: {len(compared.of(kind))}" for kind in Kind if compared.of(kind)]
    return [*lead, ". ".join(counts) + "."]


def _models(run: Run) -> str:
    versions = run.trace.models
    return f"{versions.detector}, {versions.classifier}" if versions else "of unknown models"


def _both(a: Run, b: Run) -> Table:
    rows: dict[str, Callable[[Run], str]] = {
        "frames": lambda run: str(len(run.trace)),
        "people followed": lambda run: str(counted(run.trace)["followed"]),
        "with a mask at the end": lambda run: str(counted(run.trace)[Label.PROTECTED]),
        "without a mask at the end": lambda run: str(counted(run.trace)[Label.UNPROTECTED]),
        "unknown at the end": lambda run: str(counted(run.trace)[Label.UNKNOWN]),
        "alerts": lambda run: str(len(run.alerts)),
        "alert under": lambda run: f"{run.bound:.0%}",
        "under it": lambda run: f"{_under_s(run):.2f} s",
    }
    told = [(name, of(a), of(b)) for name, of in rows.items()]
    alone = seconds_under_alone(a, b), seconds_under_alone(b, a)
    told.append(("under it, and the other not", f"{alone[0]:.2f} s", f"{alone[1]:.2f} s"))
    return Table("In all", ("", "A", "B"), tuple(told))


def _under_s(run: Run) -> float:
    trace = run.trace
    return sum(trace.shown_s(place) for place, ratio in enumerate(trace.ratio) if ratio < run.bound)


def _section(found: Sequence[Difference], pictures: Mapping[Difference, Image]) -> Section:
    kind = found[0].kind
    blocks: list[Block] = [NOTES[kind]] if kind in NOTES else []
    seen = [pictures[each] for each in found if each in pictures]
    blocks.append(ContactSheet(tuple(seen), "There is no picture of them.", pairs=True))
    rest = [each for each in found if each not in pictures]
    if rest and seen:
        more = pluralize(len(rest), "other")
        blocks.append(Table(f"Without a picture: {more}", ("",), tuple((each.text,) for each in rest)))
    return Section(f"{MEANING[kind]}: {len(found)}", tuple(blocks))


def _facts(compared: Compared) -> dict[str, object]:
    a, b = compared.a, compared.b
    return {
        "what": "replays",
        "footage": compared.footage,
        "broken": compared.broken,
        "same": not compared.found,
        "a": _run(a, b),
        "b": _run(b, a),
        "counts": {kind.value: len(compared.of(kind)) for kind in Kind},
        "differences": [
            {
                "kind": each.kind.value,
                "from": round(each.start, 3),
                "to": round(each.end, 3),
                "frame": a.trace.seq[each.place],
                "people_a": list(each.people_a),
                "people_b": list(each.people_b),
                "text": each.text,
            }
            for each in compared.found
        ],
    }


def _run(run: Run, other: Run) -> dict[str, object]:
    return {
        "name": run.name,
        "models": asdict(run.trace.models) if run.trace.models else None,
        "frames": len(run.trace),
        "people": counted(run.trace),
        "bound": run.bound,
        "under_s": round(_under_s(run), 3),
        "under_alone_s": round(seconds_under_alone(run, other), 3),
        "alerts": [_alert(alert) for alert in run.alerts],
    }


def _alert(alert: Alert) -> dict[str, object]:
    return {
        "at": round(alert.at, 3),
        "ended_at": None if alert.ended_at is None else round(alert.ended_at, 3),
        "people": alert.people,
        "unprotected": alert.unprotected,
    }
