"""Assigns samples to training or to the holdout, once and for good, by their content and time.

A hash decides, for each minute of a camera as a whole, so that a passer-by falls on one side; a near duplicate of a known sample,
in frame and largest face, falls on that sample's side.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.records import DUPLICATE_BITS, Split, perceptual_hash
from maskwatch.samples.sample import Sample

ONE_IN = 4  # is held out
VALIDATES_ONE_IN = 6  # of the others: for early stops and thresholds
SCENE_S = 60.0
AROUND = 0.3  # of a face's side, in its hash


@dataclass(frozen=True, slots=True)
class SampleHashes:
    """Perceptual hashes of a sample's frame and of its largest annotated face."""

    frame: int
    face: int

    def is_near_duplicate(self, other: "SampleHashes") -> bool:
        """Whether frame and face look the same as those of another sample."""
        pairs = ((self.frame, other.frame), (self.face, other.face))
        return all((a ^ b).bit_count() <= DUPLICATE_BITS for a, b in pairs)


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    """The split that a sample belongs to for good, and the hashes by which its near duplicates are known."""

    camera: str
    split: Split
    hashes: SampleHashes


def hash_sample(sample: Sample, rgb: Rgb) -> SampleHashes:
    """Hash the frame `rgb` of a sample, and the face; the frame twice where no face is annotated."""
    boxes = [annotation.box for annotation in sample.labels.faces] if sample.labels else []
    largest = max(boxes, key=lambda box: box.width * box.height, default=None)
    frame = perceptual_hash(rgb)
    return SampleHashes(frame, perceptual_hash(_around(rgb, largest)) if largest else frame)


def _around(rgb: Rgb, box: Box) -> Rgb:
    room = max(box.width, box.height) * AROUND
    top, left = max(0, int(box.y1 - room)), max(0, int(box.x1 - room))
    around = rgb[top : int(box.y2 + room) + 1, left : int(box.x2 + room) + 1]
    return around if around.size else rgb


def assign_samples(
    samples: Sequence[Sample], hashes: Mapping[str, SampleHashes], known: Mapping[str, SplitAssignment]
) -> dict[str, SplitAssignment]:
    """Assign each sample to a split, oldest first; the same for the same history. `known` are those assigned before."""
    decided = dict(known)
    result = {}
    for sample in sorted(samples, key=lambda each: each.id):
        mine = hashes[sample.id]
        near = {assigned.split for assigned in decided.values() if assigned.hashes.is_near_duplicate(mine)}
        # held out before all: what was measured on is never trained on
        split = next((p for p in (Split.TEST, Split.VALIDATION, Split.TRAIN) if p in near), None)
        assigned = SplitAssignment(sample.report.camera, split or _by_hash(sample), mine)
        result[sample.id] = decided[sample.id] = assigned
    return result


def _by_hash(sample: Sample) -> Split:
    report = sample.report
    scene = f"{report.camera}/{report.source}/{int(report.at // SCENE_S)}"
    number = int(hashlib.sha256(scene.encode()).hexdigest(), 16)
    if number % ONE_IN == 0:
        return Split.TEST
    return Split.VALIDATION if number // ONE_IN % VALIDATES_ONE_IN == 0 else Split.TRAIN
