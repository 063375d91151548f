"""The report on data sets before a training: faces by class and part, what is wrong, and labels to look at again."""

from collections.abc import Sequence
from dataclasses import dataclass

from maskwatch.core.text import pluralize
from maskwatch.datasets.check import Checked, Finding, Kind
from maskwatch.datasets.records import Split
from maskwatch.evaluation.document import ContactSheet, Report, Section, Table
from maskwatch.evaluation.label_errors import Doubt, Suspect
from maskwatch.evaluation.sheets import TILES, Spot, tiles

LISTED = 200  # of each kind of fault, and of doubt
ABOUT = {
    Doubt.JUDGED: "The classifier is sure of the opposite: its probability.",
    Doubt.UNLABELLED: "The detector is sure of a face that nobody labelled: its score.",
    Doubt.MISSED: "The detector finds no face where one is labelled that is large enough to be found: its size.",
}
GUESSES = (
    "These are guesses of the models, which err, too: nothing is wrong with a set because of them alone."
)


@dataclass(frozen=True, slots=True)
class Doubts:
    """The labels that the models doubt, ranked, and the models' versions; empty for a check without models."""

    suspects: Sequence[Suspect]
    versions: str

    def of(self, doubt: Doubt) -> list[Suspect]:
        """Those of one doubt, the most doubtful first."""
        return [each for each in self.suspects if each.doubt is doubt]


def data_report(title: str, checked: Checked, doubts: Doubts | None, listed: int = LISTED) -> Report:
    """The report, with pictures of duplicate and doubtful boxes, and at most `listed` rows of each kind."""
    kinds = {kind: [each for each in checked.findings if each.kind is kind] for kind in Kind}
    sections = [Section("Faces", (_counts(checked), _kinds(kinds)))]
    sections += [_of_kind(kind, found, listed) for kind, found in kinds.items() if found]
    if doubts is not None:
        sections += [_of_doubt(doubt, doubts.of(doubt), listed) for doubt in Doubt]
    if checked.notes:
        notes = Table("How it was read", ("",), tuple((note,) for note in checked.notes))
        sections.append(Section("Notes", (notes,)))
    wrong = len(checked.findings)
    lead = [f"{pluralize(wrong, 'fault')} found." if wrong else "Nothing is wrong."]
    if doubts is not None:
        lead.append(f"{pluralize(len(doubts.suspects), 'label')} may be wrong, as {doubts.versions} see it.")
    return Report(f"Check of {title}", tuple(lead), None, tuple(sections), _facts(checked, doubts))


def _counts(checked: Checked) -> Table:
    rows = [
        (name, label, word or "-", *(str(counts.get(split, 0)) for split in Split), str(sum(counts.values())))
        for (name, label, word), counts in checked.counts.items()
    ]
    images = {name: [m.image for m in checked.members if m.set_name == name] for name, *_ in rows}
    totals = [
        (name, "images", "-", *(str(sum(i.split is split for i in own)) for split in Split), str(len(own)))
        for name, own in images.items()
    ]
    headers = ("data set", "label", "its own word", *map(str, Split), "all")
    return Table("Faces by class and part, as a training would use them", headers, (*rows, *totals))


def _kinds(kinds: dict[Kind, list[Finding]]) -> Table:
    rows = tuple((kind.value, str(len(found))) for kind, found in kinds.items())
    return Table("What is wrong", ("", "faults"), rows)


def _of_kind(kind: Kind, found: Sequence[Finding], listed: int) -> Section:
    title = kind.value.capitalize()
    rows = tuple((each.set_name, each.key or "-", each.detail) for each in found[:listed])
    note = _first(found, listed)
    spots = [
        Spot(each.image, each.box, f"{each.key}: {each.detail}", labelled=True)
        for each in found
        if each.image is not None and each.box is not None
    ]
    sheet = [ContactSheet(tiles(spots), "")] if spots else []
    return Section(title, (Table(title, ("data set", "image", ""), rows, note), *sheet))


def _of_doubt(doubt: Doubt, found: Sequence[Suspect], listed: int) -> Section:
    title = doubt.value.capitalize()
    headers = ("", "image", "label", "models", "box")
    rows = tuple(
        (str(n), each.image.key, each.label or "-", each.says, ", ".join(f"{v:.0f}" for v in each.box))
        for n, each in enumerate(found[:listed], 1)
    )
    note = " ".join(filter(None, (_first(found, listed), ABOUT[doubt], GUESSES)))
    sheet = ContactSheet(tiles(spots(found)), "None.")
    return Section(title, (sheet, Table(title, headers, rows, note)) if found else (sheet,))


def _first(found: Sequence[object], listed: int) -> str:
    return f"The first {listed} of {len(found)}." if len(found) > listed else ""


def spots(found: Sequence[Suspect]) -> list[Spot]:
    """What a contact sheet shows of them, numbered as in the table; labelled ones are framed in blue."""
    return [
        Spot(
            each.image,
            each.box,
            f"{n}: {each.label or 'no label'}; {each.says}; {each.image.key}",
            bool(each.label),
        )
        for n, each in enumerate(found[:TILES], 1)
    ]


def _facts(checked: Checked, doubts: Doubts | None) -> dict[str, object]:
    facts: dict[str, object] = {
        "images": len(checked.members),
        "faces": [
            {"set": name, "label": label, "class": word, "parts": {str(s): counts.get(s, 0) for s in Split}}
            for (name, label, word), counts in checked.counts.items()
        ],
        "faults": [
            {"kind": each.kind.name.lower(), "set": each.set_name, "image": each.key, "detail": each.detail}
            for each in checked.findings
        ],
        "notes": list(checked.notes),
    }
    if doubts is not None:
        facts["doubts"] = [
            {
                "kind": each.doubt.name.lower(),
                "image": str(each.image.path),
                "box": [round(v, 1) for v in each.box],
                "label": each.label or None,
                "strength": round(each.strength, 4),
            }
            for each in doubts.suspects
        ]
        facts["models"] = doubts.versions
    return facts
