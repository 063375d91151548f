"""What R-Net and O-Net learn from: crops of what the stages before let through, and of squares about true faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray

from maskwatch.core.records import Rgb
from maskwatch.datasets.faces import SeenImage
from maskwatch.detect.cascade import Mtcnn
from maskwatch.platform.threads import in_threads
from maskwatch.training import targets
from maskwatch.training.augmentation import Floats, Random, camera_view
from maskwatch.training.sampling import SHARES, Draw, FaceSampler

JITTERED = 6  # squares about each true face
JITTERED_FROM_PX = 8  # smaller faces are left to what the stages before find
UNKNOWN = list(SHARES).index(None)  # place of the faces without a label
MAX_POSITIVES, MAX_PARTS = 60, 30  # of a view: a crowd must not fill the memory, nor outweigh a lone face
MAX_NEGATIVES = 40  # of a view: half the likeliest for the stage before, half any


class Kind(IntEnum):
    """What a crop shows: no face, a part of one, or a face, by the overlaps in `targets.py`."""

    NEGATIVE = 0
    PART = 1
    POSITIVE = 2


@dataclass(frozen=True, slots=True, eq=False)
class MinedCrops:
    """`crops` `(N, S, S, 3)` uint8 RGB, `kinds` `(N,)`, `offsets` `(N, 4)` to the true face (0 for negatives).

    `labels` `(N,)` are the places of the faces' labels in `sampling.SHARES`; of other crops they say nothing.
    """

    crops: NDArray[np.uint8]
    kinds: NDArray[np.int64]
    offsets: Floats
    labels: NDArray[np.int64]

    def of(self, kind: Kind) -> NDArray[np.int64]:
        """The places `(n,)` of the crops of one kind, in ascending order."""
        return np.flatnonzero(self.kinds == kind)


def mine(
    detector: Mtcnn,
    images: Sequence[SeenImage],
    side_px: int,
    seed: tuple[int, ...],
    views: int,
    *,
    on_view: Callable[[int, int], None] = lambda *_: None,
    workers: int | None = None,
) -> MinedCrops:
    """Crops from so many views of the pictures, drawn by `FaceSampler` and varied by `camera_view`.

    The same seed gives the same samples, however many `workers` make the views. `on_view` is told how many views are done, of how many.
    """
    sampler = FaceSampler(images)

    def shown(number: int) -> tuple[Draw, tuple[Rgb, Floats, Floats, NDArray[np.int64]], Random]:
        random = np.random.default_rng((*seed, number))
        drawn = sampler.draw(random)
        return drawn, camera_view(images[drawn.image], random, drawn.face), random

    crops, kinds, offsets, labels = [], [], [], []
    made = in_threads(shown, range(views), workers=workers)
    for done, (drawn, (rgb, faces, unclear, places), random) in enumerate(made, 1):
        found, cut = detector.candidates(rgb, side_px, torch.from_numpy(_jittered(faces, random)))
        boxes = found.boxes.cpu().numpy()
        overlap, which = targets.fit(boxes, faces)
        kind = np.select([overlap >= targets.POSITIVE_IOU, overlap >= targets.PART_IOU], [2, 1], 0)
        is_negative = (overlap < targets.NEGATIVE_IOU) & ~targets.unsure(boxes, unclear)
        chosen = _chosen(kind, is_negative, found.scores.cpu().numpy(), random)
        moves = np.zeros((len(boxes), 4), np.float32)
        if len(faces):
            moves = targets.offsets(boxes, faces[which], extra=1) * (kind > 0)[:, None]
        of = _label_places(images[drawn.image])[places]
        crops.append(cut.cpu().numpy()[chosen].round().astype(np.uint8))
        kinds.append(kind[chosen])
        offsets.append(moves[chosen])
        labels.append(of[which][chosen] if len(of) else np.full(len(chosen), UNKNOWN))
        on_view(done, views)
    return MinedCrops(
        np.concatenate(crops),
        np.concatenate(kinds),
        np.concatenate(offsets).astype(np.float32),
        np.concatenate(labels),
    )


def _label_places(image: SeenImage) -> NDArray[np.int64]:
    """For each face the place of its label in `SHARES`."""
    order = list(SHARES)
    return np.array([order.index(label) for label in image.face_labels], np.int64)


def _jittered(faces: Floats, random: Random) -> Floats:
    """Squares about the faces, shifted by some 12 % and scaled by some 20 %."""
    large = faces[(faces[:, 2:] - faces[:, :2]).max(axis=1) >= JITTERED_FROM_PX].repeat(JITTERED, axis=0)
    square = targets.squares(large)
    side = square[:, 2:3] - square[:, :1]
    centre = (square[:, :2] + square[:, 2:]) / 2 + side * random.normal(0, 0.12, (len(large), 2))
    half = side / 2 * np.exp(random.normal(0, 0.2, (len(large), 1)))
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def _chosen(
    kind: NDArray[np.int64], is_negative: NDArray[np.bool_], scores: Floats, random: Random
) -> NDArray[np.int64]:
    """Some positives, parts and negatives; between a part and a negative nothing is sure."""
    negatives = np.flatnonzero(is_negative)
    if len(negatives) > MAX_NEGATIVES:
        by_score = negatives[np.argsort(-scores[negatives], kind="stable")]
        half = MAX_NEGATIVES // 2
        negatives = np.concatenate([by_score[:half], random.permutation(by_score[half:])[:half]])
    near = [
        random.permutation(np.flatnonzero(kind == which))[:most]
        for which, most in ((Kind.POSITIVE, MAX_POSITIVES), (Kind.PART, MAX_PARTS))
    ]
    return np.concatenate([*near, negatives])
