"""What is wrong with data sets before anything is trained on them: faces by class and part, and faults of labels and parts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box
from maskwatch.core.text import pluralize
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import DataSet, LabelledImage, Note, Split
from maskwatch.datasets.sets import Member, alike, members

DOUBLED_IOU = 0.7  # two people's faces never overlap so much
MIN_FACES = 20  # with fewer, a share of one half is known to no better than 22 hundredths (95 %)
UNCLEAR = "unclear"

Progress = Callable[[Iterable[LabelledImage]], Iterable[LabelledImage]]


class Kind(StrEnum):
    """What may be wrong; the words stand in the report."""

    UNUSABLE = "cannot be used, or not as it stands"
    DOUBLED = "one face with two boxes"
    SPLIT = "near duplicates in two parts"
    FEW = "too few faces in a part"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: of a set, of one of its images (`key`), or of a box in it; `detail` says which."""

    kind: Kind
    set_name: str
    key: str
    detail: str
    image: LabelledImage | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The images that can be read, each with its part; how many faces there are by set, class and part; and what is wrong.

    `notes` are lines that say how something was read, where nothing is wrong.
    """

    members: tuple[Member, ...]
    counts: Mapping[tuple[str, str, str], Mapping[Split, int]]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def check(sets: Mapping[str, DataSet], progress: Progress) -> Checked:
    """Open every image of the sets; their parts are those that a training would use."""
    every: list[Member] = []
    findings: list[Finding] = []
    notes: list[str] = []
    for name, data in sets.items():
        own, unreadable = members(name, data, progress)
        every += own
        notes += [line for line in data.problems if isinstance(line, Note)]
        told = [line for line in data.problems if not isinstance(line, Note)]
        findings += [Finding(Kind.UNUSABLE, name, "", line) for line in [*told, *unreadable]]
    findings += [each for member in every for each in _doubled(member)]
    findings += _in_two_parts(every, sets)
    findings += _few(every, sets)
    return Checked(tuple(every), _counts(every), tuple(findings), tuple(notes))


def _counts(every: Sequence[Member]) -> dict[tuple[str, str, str], Counter[Split]]:
    """By data set, label and the set's own word for the class, the faces of each part; unclear places last."""
    counts: dict[tuple[str, str, str], Counter[Split]] = {}
    for member in every:
        split = member.image.split or Split.TRAIN
        rows = [(member.set_name, str(truth.label), truth.class_name) for truth in member.image.truths]
        rows += [(member.set_name, UNCLEAR, "") for _ in member.image.unclear]
        for row in rows:
            counts.setdefault(row, Counter())[split] += 1
    order = [*map(str, FaceLabel), UNCLEAR]
    return dict(sorted(counts.items(), key=lambda item: (item[0][0], order.index(item[0][1]), item[0][2])))


def _doubled(member: Member) -> Iterator[Finding]:
    boxed = [(truth.label, truth.box) for truth in member.image.truths if truth.box is not None]
    for (label, box), (other_label, other) in combinations(boxed, 2):
        overlap = iou(box, other)
        if overlap >= DOUBLED_IOU:
            words = f"{label} twice" if label is other_label else f"{label} and {other_label}"
            detail = f"{words}, IoU {overlap:.2f}"
            yield Finding(Kind.DOUBLED, member.set_name, member.image.key, detail, member.image, box)


def _in_two_parts(every: Sequence[Member], sets: Mapping[str, DataSet]) -> Iterator[Finding]:
    """Images of the test or validation part that are trained on under another name, as the sets themselves have it."""
    said = {(name, image.key): image.split for name, data in sets.items() for image in data.images}
    splits = [said[each.set_name, each.image.key] or each.image.split for each in every]
    for place, others in enumerate(alike(every)):
        own = every[place]
        trained = [int(other) for other in others if splits[other] is Split.TRAIN]
        if splits[place] in {Split.TEST, Split.VALIDATION} and trained:
            like = every[trained[0]]
            more = f" and {len(trained) - 1} more" if len(trained) > 1 else ""
            detail = f"{splits[place]}, and train as {like.set_name}/{like.image.key}{more}"
            yield Finding(Kind.SPLIT, own.set_name, own.image.key, detail, own.image)


def _few(every: Sequence[Member], sets: Mapping[str, DataSet]) -> Iterator[Finding]:
    for name in sets:
        for split in Split:
            own = [each.image for each in every if each.set_name == name and each.image.split is split]
            for protected in (True, False):
                count = sum(truth.label.protected is protected for image in own for truth in image.truths)
                if count < MIN_FACES:
                    word = "protected" if protected else "unprotected or worn wrong"
                    detail = f"{split}: {pluralize(count, 'face')} {word}, fewer than {MIN_FACES}"
                    yield Finding(Kind.FEW, name, "", detail)
