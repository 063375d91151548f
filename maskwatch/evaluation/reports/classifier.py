"""The classifier's report."""

from dataclasses import asdict

from maskwatch.core.records import Estimate
from maskwatch.datasets.labels import FaceLabel
from maskwatch.evaluation import plots
from maskwatch.evaluation.bootstrap import estimates
from maskwatch.evaluation.classification import Classification, JudgedFace
from maskwatch.evaluation.document import ContactSheet, Image, Report, Section, Table
from maskwatch.evaluation.reports.breakdown import Group, Layout, by_label
from maskwatch.evaluation.reports.common import Subject, as_facts, comparison, report
from maskwatch.evaluation.reports.figures import between, figures_table, number, told, words
from maskwatch.evaluation.sheets import TILES, cut

NAMES = ("accuracy", "precision", "recall", "F1", "expected calibration error")
LAYOUT = Layout(
    (
        Group(
            "Judged right", by_label("all", "accuracy") | {"calibration error": "expected calibration error"}
        ),
    ),
    headlines=tuple(by_label("", "accuracy").values()),
)
VERDICTS = {True: "protected", False: "unprotected"}
CALIBRATION = (
    "Where the line runs along the dashed one, of the faces with a probability of 70 % seven in ten are protected. "
    "The expected calibration error is the mean distance from it, each of the ten bins counting by its faces; chance adds to it, the more the fewer faces, and to its interval twice."
)


def classifier_report(subject: Subject, result: Classification) -> Report:
    """One classifier: figures with intervals, confusion matrix, reliability diagram, worst verdicts."""
    figures = estimates(result)
    labels = [label for label in FaceLabel if any(j.label is label for j in result.judged)]
    counts = [[result.count(label, protected=said) for said in VERDICTS] for label in labels]
    matrix = plots.confusion([words(label) for label in labels], list(VERDICTS.values()), counts)
    by_label = tuple(
        (words(label), *map(str, row), number(each.value), between(each))
        for label, row, each in zip(
            labels, counts, (figures[f"accuracy, {label}"] for label in labels), strict=True
        )
    )
    headers = ("", "judged protected", "judged unprotected", "judged right", "95 % interval")
    sections = [
        Section("Figures", (figures_table("All faces; positive means protected", figures, NAMES),)),
        Section(
            "By class",
            (
                Table("Faces by their label", headers, by_label, "A mask worn wrong is to be unprotected."),
                Image(
                    matrix, f"Confusion matrix, from a probability of {result.protected_at:g} on protected"
                ),
            ),
        ),
        *_by_class_name(result, figures),
        Section("Reliability", (_reliability([("classifier", result)]), CALIBRATION)),
        Section("Worst verdicts", (ContactSheet(_tiles(result.wrong()), "No face was judged wrong."),)),
    ]
    facts = {
        **as_facts(figures),
        "confusion": result.confusion.as_dict(),
        "by_class": {
            str(label): dict(zip(VERDICTS.values(), row, strict=True))
            for label, row in zip(labels, counts, strict=True)
        },
        "by_class_name": {
            name: {"label": str(label), "faces": int(result.slice(name).sum())}
            for name, label in result.slices.items()
        },
        "reliability": [asdict(each) for each in result.reliability()],
    }
    return report(subject, [_counted(result)], sections, facts)


def _by_class_name(result: Classification, figures: dict[str, Estimate]) -> list[Section]:
    """A section where data sets have more classes than there are labels."""
    rows = tuple(
        (
            name,
            words(label),
            str(int(result.slice(name).sum())),
            *told(name, figures[f"accuracy, class {name}"]),
        )
        for name, label in result.slices.items()
    )
    headers = ("", "label", "faces", "judged right", "95 % interval")
    table = Table("Faces by the class that their data set names", headers, rows)
    return [Section("By class of the data set", (table,))] if rows else []


def classifier_comparison(subject: Subject, a: Classification, b: Classification) -> Report:
    """Two classifiers on the same faces: differences with intervals, and what only one judged wrong."""
    extra = [
        Section("Reliability", (_reliability([("A", a), ("B", b)]), CALIBRATION)),
        Section("Judged wrong by A alone", (_wrong_alone(a, b),)),
        Section("Judged wrong by B alone", (_wrong_alone(b, a),)),
    ]
    return comparison(subject, _counted(a), (a, b), extra)


def _counted(result: Classification) -> str:
    return f"{len(result.judged):,} labelled faces that the detector finds in {result.images:,} pictures."


def _reliability(models: list[tuple[str, Classification]]) -> Image:
    chart = plots.reliability([(name, result.reliability()) for name, result in models])
    return Image(chart, "How often faces are protected, by the probability that was told")


def _wrong_alone(one: Classification, other: Classification) -> ContactSheet:
    alone = [
        mine
        for mine, theirs in zip(one.judged, other.judged, strict=True)
        if mine.face is not None and theirs.face is None
    ]
    alone.sort(key=lambda j: abs(j.probability - one.protected_at), reverse=True)
    return ContactSheet(_tiles(alone), "Nothing.")


def _tiles(wrong: list[JudgedFace]) -> tuple[Image, ...]:
    return tuple(
        cut(j.face.patch, j.face.box, _caption(j), labelled=True) for j in wrong[:TILES] if j.face is not None
    )


def _caption(judged: JudgedFace) -> str:
    return f"{words(judged.label)}, judged {judged.probability:.1%} protected; {judged.key}"
