"""The report of detector and classifier together."""

from dataclasses import asdict

from maskwatch.core.records import Estimate, Label
from maskwatch.datasets.faces import FOUND_IOU
from maskwatch.datasets.labels import FaceLabel
from maskwatch.evaluation.bootstrap import estimates
from maskwatch.evaluation.document import Block, ContactSheet, Report, Section, Table
from maskwatch.evaluation.matching import side_px
from maskwatch.evaluation.reports.breakdown import Group, Layout, by_label
from maskwatch.evaluation.reports.common import Subject, as_facts, comparison, report
from maskwatch.evaluation.reports.figures import figures_table, number, told, words
from maskwatch.evaluation.sheets import Scene, Spot, scenes, tiles
from maskwatch.evaluation.system import (
    ACCUSED,
    BIAS,
    DECISION,
    MISSED,
    UNNOTICED,
    AnalysedImage,
    System,
    is_right,
)

NAMES = (
    "end-to-end recall",
    "end-to-end precision",
    "label accuracy of found faces",
    "error of the protected ratio",
    "false alarms a picture",
)
FRAMED = "Blue: found and judged right. Orange: missed, judged wrong, or nobody's labelled face."
OUTCOMES = {
    str(Label.PROTECTED): "judged protected",
    str(Label.UNPROTECTED): "judged unprotected",
    str(Label.UNKNOWN): "too small to judge",
    MISSED: "missed",
}
LAYOUT = Layout(
    (
        Group("The decision", {name: name for name in DECISION}),
        Group("Found", by_label("", "found") | {"precision": "end-to-end precision"}),
        Group("Found and judged right", by_label("all", "end-to-end recall")),
    ),
    headlines=(UNNOTICED,),
)
DECIDED = (
    "Pictures with labelled faces. Unnoticed is the share of those truly under the ratio that are not reported to be; "
    "where nobody is judged, that counts as not reported. Accused is the share of the others that are reported to be. "
    "The bias is the mean of the reported ratio minus the true one, where both are there."
)
MEANING = (
    "End-to-end recall is the share of the labelled faces that are found and judged right, and precision the share "
    "of the judged faces that are labelled ones judged right. A mask worn wrong is to be judged unprotected."
)


def system_report(subject: Subject, system: System) -> Report:
    """Detector and classifier together: figures with intervals, outcomes by label, and the worst errors."""
    figures = estimates(system)
    nobody, compared = system.nobody, _compared(system)
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
    found = tuple((words(label), *_told(figures, "found", label)) for label in labels)
    shares = tuple(
        (words(label), *_told(figures, "end-to-end recall", label), *_told(figures, NAMES[2], label))
        for label in labels
    )
    headers = ("", "end-to-end recall", "95 % interval", "label accuracy if found", "95 % interval")
    sections = [
        Section("The decision", _decision(system, figures)),
        Section("Figures", (figures_table("All faces", figures, NAMES), MEANING, ratio)),
        Section(
            "By class",
            (
                Table("Found, whatever they were judged", ("", "recall", "95 % interval"), found),
                Table("What became of the labelled faces", ("", *OUTCOMES.values()), counts),
                Table("Shares of them", headers, shares),
            ),
        ),
        Section(f"Unnoticed under {system.bound:.0%}", (FRAMED, _decided_wrong(system, under=True))),
        Section(f"Accused of less than {system.bound:.0%}", (FRAMED, _decided_wrong(system, under=False))),
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
        "decision": {"protected_ratio": system.bound, **asdict(system.decisions)},
        "ratio": {"pictures": compared, **asdict(nobody)},
    }
    return report(subject, [_decided(system, figures), _counted(system)], sections, facts)


def _decision(system: System, figures: dict[str, Estimate]) -> tuple[Block, ...]:
    counts = system.decisions
    of = {UNNOTICED: counts.under, ACCUSED: counts.others, BIAS: _compared(system)}
    rows = tuple((name, str(of[name]), *told(name, figures[name])) for name in DECISION)
    headers = ("", "pictures", "figure", "95 % interval")
    return Table(f"At a protected ratio of {system.bound:.0%}", headers, rows), DECIDED


def _decided(system: System, figures: dict[str, Estimate]) -> str:
    """The decision as a sentence."""
    unnoticed, accused, bias = (told(name, figures[name])[0] for name in DECISION)
    counts = system.decisions
    return (
        f"Of {counts.under:,} pictures truly under {system.bound:.0%}, {unnoticed} unnoticed; of {counts.others:,} "
        f"others, {accused} accused; reported minus true ratio {bias}."
    )


def _compared(system: System) -> int:
    """How many pictures have a true ratio and a reported one."""
    return sum(watched.ratio_bias is not None for watched in system.watched)


def _told(figures: dict[str, Estimate], name: str, label: FaceLabel) -> tuple[str, str]:
    return told(name, figures[f"{name}, {label}"])


def system_comparison(subject: Subject, a: System, b: System) -> Report:
    """Two systems on the same images: the differences of their figures, with intervals."""
    return comparison(subject, f"{_counted(a)} {MEANING}", (a, b), [])


def _counted(system: System) -> str:
    faces = sum(len(w.image.truths) for w in system.watched)
    return (
        f"{system.images:,} pictures, {faces:,} labelled faces; a face is found when a box overlaps its label with "
        f"an IoU of at least {FOUND_IOU:g}."
    )


def _decided_wrong(system: System, *, under: bool) -> ContactSheet:
    """The pictures truly under the bound that are not reported to be, or the others that are; the gravest first."""
    chosen = [
        (watched.true_ratio, _scene(watched))
        for watched in system.watched
        if watched.true_ratio is not None
        and (watched.true_ratio < system.bound) is under
        and watched.reports_under(system.bound) is not under
    ]
    chosen.sort(key=lambda each: each[0], reverse=not under)
    none = "Every one was noticed." if under else "None was accused."
    return ContactSheet(scenes([scene for _, scene in chosen]), none, wide=True)


def _scene(watched: AnalysedImage) -> Scene:
    outcomes = watched.outcomes()
    right = tuple(truth.box for truth, _, said in outcomes if truth.box and is_right(truth, said))
    wrong = tuple(truth.box for truth, _, said in outcomes if truth.box and not is_right(truth, said))
    alarms = tuple(face.box for face in watched.false_alarms)
    caption = (
        f"true ratio {number(watched.true_ratio)} of {len(outcomes)}, reported "
        f"{number(watched.report.protected_ratio)} of {watched.report.people}; {watched.image.key}"
    )
    return Scene(watched.image, right, wrong + alarms, caption)


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
