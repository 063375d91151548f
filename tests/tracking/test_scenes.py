"""Following people on detections that are simulated from the truth: HOTA, IDF1 and identity switches."""

import itertools

import numpy as np
import pytest
from tracking.scenes import SCENES, looks
from tracking.scores import followed, score

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("fps", "gate", "hota", "idf1"),
    [
        (3, False, 0.9, 0.95),
        (3, True, 0.9, 0.95),
        (5, False, 0.9, 0.95),
        (5, True, 0.9, 0.95),
        (12, True, 0.9, 0.95),
        (25, False, 0.9, 0.95),
    ],
)
def test_people_in_simulated_scenes_are_followed(fps, gate, hota, idf1):
    """Two to twelve who cross, are hidden, turn away, come and go."""
    results = []
    for (_, make), people in itertools.product(SCENES.items(), (2, 6, 12)):
        scene = make(500 + people, people)
        given = looks(scene, fps, 600 + people, gate=gate)
        results.append(score([scene.truth(look.at) for look in given], followed(given)))
    switches, truly = (sum(getattr(each, what) for each in results) for what in ("switches", "truly"))
    print(fps, gate, *results, sep="\n")
    assert np.mean([each.hota for each in results]) >= hota
    assert np.mean([each.idf1 for each in results]) >= idf1
    assert switches <= 0.1 * truly
