"""The detector's report."""

from dataclasses import asdict

from maskwatch.core.records import Estimate
from maskwatch.datasets.faces import FOUND_IOU
from maskwatch.datasets.labels import FaceLabel
from maskwatch.evaluation import plots
from maskwatch.evaluation.bootstrap import estimates
from maskwatch.evaluation.detection import BARE_MINUS_MASKED, SWEEP_FROM, Detection
from maskwatch.evaluation.document import ContactSheet, Image, Report, Section, Table
from maskwatch.evaluation.matching import BUCKETS, SIZE, side_px
from maskwatch.evaluation.reports.breakdown import Group, Layout, by_label
from maskwatch.evaluation.reports.common import Subject, as_facts, comparison, report
from maskwatch.evaluation.reports.figures import between, figures_table, number, told, words
from maskwatch.evaluation.sheets import Spot, tiles

NAMES = ("recall", "precision", "F1", "average precision")


def layout(detection: Detection) -> Layout:
    """Recall at the fixed precision first, by which detectors of other thresholds are compared."""
    name = detection.at_precision
    gap = {"bare minus masked": f"{name}, {BARE_MINUS_MASKED}"}
    return Layout(
        (
            Group(f"Recall at precision {detection.precision:g}", by_label("all", name) | gap),
            Group("Recall at its own threshold", by_label("all", "recall") | {"precision": "precision"}),
        ),
        headlines=tuple(by_label("", name).values()),
    )


CURVE = (
    f"The last threshold is swept from 1 down to {SWEEP_FROM:g}; those of the stages before it stay. The average "
    "precision is the area under the curve with each precision raised to the highest that stands at the same recall "
    "or a higher one (PASCAL VOC since 2010)."
)
UNLABELLED = (
    "Real faces that nobody labelled count as false alarms, so look before you believe the precision."
)


def detector_report(subject: Subject, detection: Detection) -> Report:
    """One detector: figures with intervals, by size and by label, its curve, misses and false alarms."""
    figures = estimates(detection)
    all_sizes = detection.counts()
    curve = detection.curve()
    sections = [
        Section("Figures", (figures_table("All sizes", figures, NAMES), *_at_precision(detection, figures))),
        Section("By size", _by_size(detection, figures)),
        Section("By class", (_by_label(detection, figures),)),
        Section("Precision and recall", (_chart([("detector", detection)]), CURVE)),
        Section("Worst misses", (_misses(detection),)),
        Section("False alarms", (UNLABELLED, _alarms(detection))),
    ]
    facts = {
        **as_facts(figures),
        "at_precision": {"precision": detection.precision, "score": detection.score_at_precision()},
        "counts": asdict(all_sizes),
        "by_size": {b.name: asdict(detection.counts(b)) for b in BUCKETS},
        "by_class": {str(label): asdict(detection.counts(label=label)) for label in FaceLabel},
        "curve": [
            {"score": float(s), "recall": float(r), "precision": float(p)}
            for s, r, p in zip(curve.scores, curve.recall, curve.precision, strict=True)
        ],
    }
    return report(subject, [_counted(detection)], sections, facts)


def detector_comparison(subject: Subject, a: Detection, b: Detection) -> Report:
    """Two detectors on the same images: differences with intervals, both curves, what only one found."""
    extra = [
        Section("Precision and recall", (_chart([("A", a), ("B", b)]), CURVE)),
        Section("Found by A alone", (_found_alone(a, b),)),
        Section("Found by B alone", (_found_alone(b, a),)),
    ]
    return comparison(subject, _counted(a), (a, b), extra)


def _counted(detection: Detection) -> str:
    return (
        f"{detection.images:,} pictures, {len(detection.truth_scores):,} labelled faces; a face is found when a "
        f"box overlaps its label with an IoU of at least {FOUND_IOU:g}, the best score first, one box a face."
    )


def _at_precision(detection: Detection, figures: dict[str, Estimate]) -> tuple[Table, str]:
    name, score = detection.at_precision, detection.score_at_precision()
    wanted = [name, *by_label("", name).values(), f"{name}, {BARE_MINUS_MASKED}"]
    rows = tuple(
        ("all" if own == name else words(own.removeprefix(f"{name}, ")), *told(own, figures[own]))
        for own in wanted
        if own in figures
    )
    how = (
        "No score has this precision, so recall at it is 0."
        if score is None
        else f"At scores from {score:.3f} on, the lowest that keep it on these very pictures; each draw has its own."
    )
    return Table(f"Recall at precision {detection.precision:g}", ("", "recall", "95 % interval"), rows), how


def _by_size(detection: Detection, figures: dict[str, Estimate]) -> tuple[Table, Table]:
    faces, others = [], []
    for bucket in BUCKETS:
        counts = detection.counts(bucket)
        recall, *rest = (figures[f"{name}, {bucket.name}"] for name in NAMES)
        row = map(str, (counts.truths, counts.found, counts.false_alarms))
        faces.append((bucket.name, *row, number(recall.value), between(recall)))
        others.append((bucket.name, *(number(each.value) for each in rest)))
    headers = ("", "faces", "found", "false alarms", "recall", "95 % interval")
    note = f"A labelled face's size is {SIZE}, and a false alarm's likewise."
    return (
        Table("Faces by their size", headers, tuple(faces), note),
        Table("The other figures by size", ("", *NAMES[1:]), tuple(others)),
    )


def _by_label(detection: Detection, figures: dict[str, Estimate]) -> Table:
    rows = []
    for label in FaceLabel:
        counts = detection.counts(label=label)
        if counts.truths:
            recall = figures[f"recall, {label}"]
            rows.append(
                (words(label), str(counts.truths), str(counts.found), number(recall.value), between(recall))
            )
    note = "The detector tells no classes apart, so a false alarm has none and only recall can be told."
    return Table("Faces by their label", ("", "faces", "found", "recall", "95 % interval"), tuple(rows), note)


def _chart(models: list[tuple[str, Detection]]) -> Image:
    operated = []
    for name, detection in models:
        counts = detection.counts()
        answers = counts.found + counts.false_alarms
        precision = counts.found / answers if answers else None
        operated.append(
            plots.OperatingCurve(name, detection.curve(), detection.threshold, counts.recall, precision)
        )
    told = (
        f"{o.name} at a score above {o.threshold:g}: recall {number(o.recall)}, precision {number(o.precision)}"
        for o in operated
    )
    return Image(plots.precision_recall(operated), "; ".join(told))


def _misses(detection: Detection) -> ContactSheet:
    """The largest first."""
    spots = []
    for searched in detection.searched:
        for place, truth in enumerate(searched.image.truths):
            face, box = searched.matching.of(place), truth.box
            if box is not None and (face is None or face.score <= detection.threshold):
                seen = "not seen" if face is None else f"score {face.score:.2f} only"
                caption = f"{side_px(box):.0f} px, {words(truth.label)}, {seen}; {searched.image.key}"
                spots.append((side_px(box), Spot(searched.image, box, caption, labelled=True)))
    spots.sort(key=lambda each: -each[0])
    return ContactSheet(tiles([spot for _, spot in spots]), "No labelled face was missed.")


def _alarms(detection: Detection) -> ContactSheet:
    """The highest score first."""
    spots = []
    for searched in detection.searched:
        for face, truth in zip(searched.matching.found, searched.matching.truths, strict=True):
            if truth is None and face.score > detection.threshold:
                caption = f"score {face.score:.3f}, {side_px(face.box):.0f} px; {searched.image.key}"
                spots.append((face.score, Spot(searched.image, face.box, caption, labelled=False)))
    spots.sort(key=lambda each: -each[0])
    return ContactSheet(tiles([spot for _, spot in spots]), "There was no false alarm.")


def _found_alone(one: Detection, other: Detection) -> ContactSheet:
    """What one found and the other did not, the largest first."""
    spots = []
    for mine, theirs in zip(one.searched, other.searched, strict=True):
        for place, truth in enumerate(mine.image.truths):
            face, their = mine.matching.of(place), theirs.matching.of(place)
            missed = their is None or their.score <= other.threshold
            if truth.box is not None and face is not None and face.score > one.threshold and missed:
                caption = f"{side_px(truth.box):.0f} px, {words(truth.label)}; {mine.image.key}"
                spots.append((side_px(truth.box), Spot(mine.image, truth.box, caption, labelled=True)))
    spots.sort(key=lambda each: -each[0])
    return ContactSheet(tiles([spot for _, spot in spots]), "Nothing.")
