"""The report of detector and classifier together."""

from dataclasses import asdict

from maskwatch.core.records import Label
from maskwatch.datasets.faces import FOUND_IOU
from maskwatch.datasets.labels import FaceLabel
from maskwatch.evaluation.bootstrap import Estimate, estimates
from maskwatch.evaluation.document import ContactSheet, Report, Section, Table
from maskwatch.evaluation.matching import side_px
from maskwatch.evaluation.reports.common import (
    Subject,
    as_facts,
    between,
    comparison,
    figures_table,
    number,
    report,
    words,
)
from maskwatch.evaluation.sheets import Spot, tiles
from maskwatch.evaluation.system import MISSED, AnalysedImage, System, is_right

NAMES = (
    "end-to-end recall",
    "end-to-end precision",
    "label accuracy of found faces",
    "error of the protected ratio",
    "false alarms a picture",
)
OUTCOMES = {
    str(Label.PROTECTED): "judged protected",
    str(Label.UNPROTECTED): "judged unprotected",
    str(Label.UNKNOWN): "too small to judge",
    MISSED: "missed",
}
MEANING = (
    "End-to-end recall is the share of the labelled faces that are found and judged right, and precision the share "
    "of the judged faces that are labelled ones judged right. A mask worn wrong is to be judged unprotected."
)


def system_report(subject: Subject, system: System) -> Report:
    """Detector and classifier together: figures with intervals, outcomes by label, and the worst errors."""
    figures = estimates(system)
    nobody = system.nobody
    compared = system.images - nobody.in_truth - nobody.in_truth_and_ours - nobody.in_ours
    ratio = (
        f"The protected ratio is compared in {compared} pictures, by the mean of its absolute error; there all "
        f"labelled faces count, and of ours all that are judged. Apart stand {nobody.in_truth} pictures where nobody "
        f"is labelled and somebody is judged, {nobody.in_ours} where somebody is labelled and nobody judged, and "
        f"{nobody.in_truth_and_ours} without anybody."
    )
    labels = [label for label in FaceLabel if f"end-to-end recall, {label}" in figures]
    counts = tuple(
        (words(label), *(str(system.count(label, outcome)) for outcome in OUTCOMES)) for label in labels
    )
    shares = tuple(
        (words(label), *_told(figures, "end-to-end recall", label), *_told(figures, NAMES[2], label))
        for label in labels
    )
    headers = ("", "end-to-end recall", "95 % interval", "label accuracy if found", "95 % interval")
    sections = [
        Section("Figures", (figures_table("All faces", figures, NAMES), MEANING, ratio)),
        Section(
            "By class",
            (
                Table("What became of the labelled faces", ("", *OUTCOMES.values()), counts),
                Table("Shares of them", headers, shares),
            ),
        ),
        Section("Found and judged wrong", (_wrong(system),)),
        Section("Largest missed faces", (_missed(system),)),
        Section("False alarms that were judged", (_alarms(system),)),
        Section("Ratios furthest off", (_ratios(system),)),
    ]
    facts = {
        **as_facts(figures),
        "by_class": {
            str(label): {outcome: system.count(label, outcome) for outcome in OUTCOMES} for label in labels
        },
        "ratio": {"pictures": compared, **asdict(nobody)},
    }
    return report(subject, [_counted(system)], sections, facts)


def _told(figures: dict[str, Estimate], name: str, label: FaceLabel) -> tuple[str, str]:
    each = figures[f"{name}, {label}"]
    return number(each.value), between(each)


def system_comparison(subject: Subject, a: System, b: System) -> Report:
    """Two systems on the same images: the differences of their figures, with intervals."""
    return comparison(subject, f"{_counted(a)} {MEANING}", (a, b), [])


def _counted(system: System) -> str:
    faces = sum(len(w.image.truths) for w in system.watched)
    return (
        f"{system.images:,} pictures, {faces:,} labelled faces; a face is found when a box overlaps its label with "
        f"an IoU of at least {FOUND_IOU:g}."
    )


def _wrong(system: System) -> ContactSheet:
    """The most confident first."""
    spots = []
    for watched in system.watched:
        for truth, face, said in watched.outcomes():
            if face is not None and face.protected is not None and not is_right(truth, said):
                caption = (
                    f"{words(truth.label)}, judged {face.protected:.1%} protected, {side_px(face.box):.0f} px; "
                    f"{watched.image.key}"
                )
                sure = abs(face.protected - 0.5)
                spots.append((sure, Spot(watched.image, face.box, caption, labelled=True)))
    spots.sort(key=lambda each: -each[0])
    return ContactSheet(tiles([spot for _, spot in spots]), "Every found face was judged right.")


def _missed(system: System) -> ContactSheet:
    spots = []
    for watched in system.watched:
        for truth, face, _ in watched.outcomes():
            if face is None and truth.box is not None:
                caption = f"{side_px(truth.box):.0f} px, {words(truth.label)}; {watched.image.key}"
                spots.append((side_px(truth.box), Spot(watched.image, truth.box, caption, labelled=True)))
    spots.sort(key=lambda each: -each[0])
    return ContactSheet(tiles([spot for _, spot in spots]), "No labelled face was missed.")


def _alarms(system: System) -> ContactSheet:
    spots = []
    for watched in system.watched:
        for face in watched.false_alarms:
            caption = f"score {face.score:.3f}, judged {face.label}; {watched.image.key}"
            spots.append((face.score, Spot(watched.image, face.box, caption, labelled=False)))
    spots.sort(key=lambda each: -each[0])
    return ContactSheet(tiles([spot for _, spot in spots]), "There was no false alarm.")


def _ratios(system: System) -> Table:
    def off(watched: AnalysedImage) -> float:
        return watched.ratio_error or 0.0

    worst = sorted(system.watched, key=off, reverse=True)[:10]
    rows = tuple(
        (w.image.key, str(len(w.image.truths)), number(w.true_ratio), str(w.report.people),
         number(w.report.protected_ratio), number(w.ratio_error))
        for w in worst
        if off(w)
    )  # fmt: skip
    return Table("Pictures", ("", "labelled", "true ratio", "judged", "our ratio", "error"), rows)
