"""Following people through the real detector, engine and gate: composed clips, and real footage where it is."""

from dataclasses import replace

import numpy as np
import pytest
from tracking.clips import Studio, engine
from tracking.scenes import SCENES, Look
from tracking.scores import followed, score

from maskwatch.core.address import Address
from maskwatch.core.geometry import iou
from maskwatch.core.records import Box
from maskwatch.sources.registry import open_source
from maskwatch.tracking import FaceTracker

pytestmark = pytest.mark.integration

PAINTING = ((0.43, 0.15), (0.585, 0.15), (0.585, 0.53), (0.43, 0.53))


@pytest.mark.parametrize(
    ("kind", "people", "fps", "gate", "from_s", "length_s"),
    [
        ("crossing", 4, 5, True, 1, 4),
        ("crossing", 2, 12, False, 2, 2),
        ("turning", 3, 3, True, 0, 8),
        ("coming and going", 3, 5, True, 1, 4),
    ],
)
def test_people_in_a_composed_clip_are_followed(kind, people, fps, gate, from_s, length_s):
    scene = SCENES[kind](1, people)
    studio, eyes = Studio(scene), engine(gate=gate)
    frames = [studio.frame(n, from_s + n / fps) for n in range(length_s * fps)]
    reports = [eyes.analyse([frame])[0] for frame in frames]
    looks = [Look(each.at, each.faces, each.near_misses) for each in reports]
    scores = score(calibrated([scene.truth(look.at) for look in looks], looks), followed(looks))
    print(kind, scores)
    assert scores.idf1 >= 0.95
    assert scores.hota >= 0.8
    assert (scores.switches, scores.people) == (0, scores.truly)


def calibrated(truth, looks):
    """The truth as the detector frames faces: each person's box set off by the median of what was found on it."""
    found = {}
    for there, look in zip(truth, looks, strict=True):
        for number, (box, visible) in there.items():
            best = max((face.box for face in look.faces), key=lambda b: iou(b, box), default=box)
            if visible and iou(best, box) > 0.3:
                sides = (box.width, box.height) * 2
                found.setdefault(number, []).append(
                    [(p - q) / side for p, q, side in zip(best, box, sides, strict=True)]
                )
    offsets = {number: np.median(each, axis=0) for number, each in found.items()}

    def moved(box, by):
        sides = (box.width, box.height) * 2
        return Box(*(float(edge + side * share) for edge, side, share in zip(box, sides, by, strict=True)))

    return [
        {n: (moved(box, offsets.get(n, (0, 0, 0, 0))), visible) for n, (box, visible) in there.items()}
        for there in truth
    ]


@pytest.mark.parametrize("fps", [3, 5, None])
@pytest.mark.parametrize(
    ("clip", "people", "ignore"),
    [
        ("four_people_put_masks_on.mp4", 4, (PAINTING,)),
        ("hallway_crowd_unmasked.gif", 2, ()),
        ("head_turns.gif", 2, ()),
    ],
)
def test_people_on_footage_are_as_many_as_they_are(shared, clip, people, ignore, fps):
    """A hand at an ear is found as a face three times at 25 frames a second; faces are turned away for over a second."""
    eyes, tracker = engine(ignore=ignore), FaceTracker()
    seen, confirmed = set(), []
    for frame in open_source("door", Address(str(shared / "footage" / clip)), fps=fps).frames():
        (report,) = eyes.analyse([replace(frame, camera="door")])
        tracks = tracker.update(report.at, report.faces, report.near_misses, report.size)
        confirmed.append({track.number for track in tracks if track.confirmed})
        seen |= confirmed[-1]
    assert len(seen) == people
    assert confirmed[-1] == seen
