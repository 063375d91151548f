"""A street, composed as reports: people walk by, and detector and classifier err as often as they were measured to."""

from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest

from maskwatch.core.people import People
from maskwatch.core.people.verdict import CORRELATION_S
from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
from maskwatch.tracking import FaceTracker

LENGTH_S = 31.0
BOUND = 0.75
# On street photographs that no training saw, see docs/training-and-measuring.md:
FOUND = {Label.PROTECTED: 0.857, Label.UNPROTECTED: 0.708}
JUDGED_RIGHT = 0.976
FALSE_BOXES = 0.068  # of all boxes
# Three masked and one bare person stay, which is exactly the bound; then one more of each comes and goes:
# (label, from, until, row), seconds
WALKERS = (
    (Label.PROTECTED, 0.0, LENGTH_S, 60),
    (Label.PROTECTED, 0.0, LENGTH_S, 160),
    (Label.PROTECTED, 0.0, LENGTH_S, 260),
    (Label.UNPROTECTED, 0.0, LENGTH_S, 360),
    (Label.PROTECTED, 4.0, 13.0, 460),
    (Label.UNPROTECTED, 10.0, 22.0, 560),
)
VIEW = np.zeros((72, 128, 3), np.uint8)


class Errors:
    """True for a share of the frames, in runs: a Gaussian AR(1) process over a threshold."""

    def __init__(self, random, share, fps):
        self._random = random
        self._bound = NormalDist().inv_cdf(1 - share)
        self._kept = np.exp(-1 / (fps * CORRELATION_S))
        self._value = random.normal()

    def next(self):
        self._value = self._kept * self._value + np.sqrt(1 - self._kept**2) * self._random.normal()
        return self._value > self._bound


def probability(random, label, wrong):
    """What the classifier says, mostly sure of itself, also where it errs."""
    sure = 1 - random.beta(0.3, 8)
    return sure if (label is Label.PROTECTED) != wrong else 1 - sure


def street(seed, fps):
    """The reports of the street."""
    random = np.random.default_rng(seed)
    missed = [Errors(random, 1 - FOUND[label], fps) for label, *_ in WALKERS]
    judged_wrong = [Errors(random, 1 - JUDGED_RIGHT, fps) for _ in WALKERS]
    for seq in range(round(LENGTH_S * fps)):
        at = seq / fps
        faces = []
        for (label, start, end, row), misses, errs in zip(WALKERS, missed, judged_wrong, strict=True):
            is_missed, is_wrong = misses.next(), errs.next()
            if start <= at <= end and not is_missed:
                x = 40 + 400 * (at - start) / (end - start) + random.normal(0, 1)
                faces.append((Box(x, row, x + 44, row + 52), probability(random, label, is_wrong)))
        while random.random() < FALSE_BOXES * len(faces) / (1 + len(faces)):
            x, y = random.uniform(0, 1200), random.uniform(0, 660)
            faces.append((Box(x, y, x + 30, y + 36), random.random()))
        found = tuple(
            Face(box, 0.95, p, Label.PROTECTED if p >= 0.5 else Label.UNPROTECTED) for box, p in faces
        )
        yield FrameReport("street", "street.mp4", seq, at, (1280, 720), found)


def crossings(ratios):
    """How often a ratio goes from under the bound to it or back; moments in which nobody knows are left out."""
    under = [ratio < BOUND for ratio in ratios if ratio is not None]
    return sum(one != other for one, other in pairwise(under))


@pytest.mark.parametrize(("fps", "raw_at_least"), [(5, 40), (12, 80), (25, 135)])
def test_the_ratio_of_people_crosses_the_bound_when_they_come_and_go_not_when_models_err(fps, raw_at_least):
    """Truly it crosses twice. On the average of four streets, of which each has other errors."""
    raw, of_people = [], []
    for seed in range(4):
        people = People(FaceTracker(), protected_at=0.5)
        followed = [
            people.update(Frame("street", "street.mp4", report.seq, report.at, VIEW), report)[0]
            for report in street(seed, fps)
        ]
        raw.append(crossings(report.raw_ratio for report in followed))
        of_people.append(crossings(report.protected_ratio for report in followed))
    assert np.mean(raw) >= raw_at_least
    assert np.mean(of_people) <= 6
