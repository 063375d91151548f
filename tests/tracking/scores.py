"""How well people are followed: HOTA (Luiten et al. 2021), IDF1 and identity switches, as trackeval has them."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from maskwatch.core.geometry import iou
from maskwatch.core.records import Box

trackeval = pytest.importorskip("trackeval", reason="trackeval is not installed (pip install 'maskwatch[dev]')")

Boxes = dict[int, Box]


@dataclass(frozen=True)
class Scores:
    hota: float
    idf1: float
    switches: int
    people: int  # how many tracks there were
    truly: int
    assa: float = 0
    deta: float = 0


def score(truth: Sequence[dict[int, tuple[Box, bool]]], tracks: Sequence[Boxes]) -> Scores:
    """Of one clip, each a frame. Who cannot be seen counts neither way, as MOTChallenge does with those: tracks on her are left out."""
    data = _sequence(truth, tracks)
    with contextlib.redirect_stdout(io.StringIO()):
        hota = trackeval.metrics.HOTA().eval_sequence(data)
        identity = trackeval.metrics.Identity().eval_sequence(data)
        clear = trackeval.metrics.CLEAR().eval_sequence(data)
    people = len({number for frame in tracks for number in frame})
    return Scores(
        float(np.mean(hota["HOTA"])), float(identity["IDF1"]), int(clear["IDSW"]), people, data["num_gt_ids"],
        float(np.mean(hota["AssA"])), float(np.mean(hota["DetA"])),
    )


def _sequence(truth, tracks):
    seen, boxes = [], []
    for there, drawn in zip(truth, tracks, strict=True):
        hidden = [box for box, visible in there.values() if not visible]
        seen.append({n: box for n, (box, visible) in there.items() if visible})
        boxes.append({
            n: box
            for n, box in drawn.items()
            if not any(iou(box, h) >= 0.3 and all(iou(box, v) < iou(box, h) for v in seen[-1].values()) for h in hidden)
        })
    ids = {n: k for k, n in enumerate(sorted({n for frame in seen for n in frame}))}
    own = {n: k for k, n in enumerate(sorted({n for frame in boxes for n in frame}))}
    return {
        "num_timesteps": len(seen),
        "num_gt_ids": len(ids),
        "num_tracker_ids": len(own),
        "num_gt_dets": sum(map(len, seen)),
        "num_tracker_dets": sum(map(len, boxes)),
        "gt_ids": [np.array([ids[n] for n in frame], int) for frame in seen],
        "tracker_ids": [np.array([own[n] for n in frame], int) for frame in boxes],
        "similarity_scores": [
            np.array([[iou(a, b) for b in drawn.values()] for a in there.values()]).reshape(len(there), len(drawn))
            for there, drawn in zip(seen, boxes, strict=True)
        ],
    }
