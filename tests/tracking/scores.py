"""How well people are followed: HOTA (Luiten et al. 2021), IDF1 and identity switches, as trackeval calculates them."""

import contextlib
import io
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from tracking.scenes import SIZE

from maskwatch.core.geometry import iou
from maskwatch.tracking import FaceTracker

SAME_IOU = 0.3


@dataclass(frozen=True)
class Scores:
    """Of one clip; `people` is how many tracks there were, `truly` how many people."""

    hota: float
    idf1: float
    switches: int
    people: int
    truly: int


@cache
def _metrics():
    trackeval = pytest.importorskip("trackeval", reason="trackeval is not installed (the extra `dev` has it)")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its settings
        return trackeval.metrics.HOTA(), trackeval.metrics.Identity(), trackeval.metrics.CLEAR()


def followed(looks, tracker=None):
    """What our tracker gives to somebody in each frame: the boxes of confirmed tracks that are seen, by number."""
    tracker = tracker or FaceTracker()
    result = []
    for look in looks:
        tracks = tracker.update(look.at, look.faces, look.near_misses, SIZE)
        seen = [track for track in tracks if track.confirmed and track.seen_at == look.at]
        result.append({track.number: track.box.within(*SIZE) for track in seen})
    return result


def score(truth, tracks):
    """Of each frame the truth, as `Scene.truth` has it, and boxes by track.

    Who cannot be seen counts neither way: a track that lies on her, and on nobody in sight, is left out, as
    MOTChallenge does with what is not to be judged.
    """
    data = _sequence(truth, tracks)
    with contextlib.redirect_stdout(io.StringIO()):
        hota, identity, clear = (metric.eval_sequence(data) for metric in _metrics())
    people = len({number for frame in tracks for number in frame})
    return Scores(
        float(np.mean(hota["HOTA"])), float(identity["IDF1"]), int(clear["IDSW"]), people, data["num_gt_ids"]
    )


def _sequence(truth, tracks):
    """As trackeval's metrics take it."""
    seen, given = [], []
    for there, boxes in zip(truth, tracks, strict=True):
        hidden = [box for box, visible in there.values() if not visible]
        seen.append({number: box for number, (box, visible) in there.items() if visible})
        given.append(
            {
                number: box
                for number, box in boxes.items()
                if _best(box, hidden) < SAME_IOU or _best(box, seen[-1].values()) >= _best(box, hidden)
            }
        )
    truly, own = (_renumbered(frames) for frames in (seen, given))
    return {
        "num_timesteps": len(seen),
        "num_gt_ids": len(truly),
        "num_tracker_ids": len(own),
        "num_gt_dets": sum(map(len, seen)),
        "num_tracker_dets": sum(map(len, given)),
        "gt_ids": [np.array([truly[number] for number in frame], int) for frame in seen],
        "tracker_ids": [np.array([own[number] for number in frame], int) for frame in given],
        "similarity_scores": [
            np.array([iou(a, b) for a in there.values() for b in boxes.values()]).reshape(
                len(there), len(boxes)
            )
            for there, boxes in zip(seen, given, strict=True)
        ],
    }


def _best(box, others):
    return max((iou(box, other) for other in others), default=0.0)


def _renumbered(frames):
    return {number: place for place, number in enumerate(sorted({n for frame in frames for n in frame}))}
