"""Which picture a training view shows, and which face it is about: bare faces as often as masked ones.

Data sets hold what somebody happened to gather, masked faces mostly. A training that takes them as they come forgets
the bare faces that it knew.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskwatch.datasets.faces import SeenImage
from maskwatch.datasets.labels import FaceLabel

Random = np.random.Generator

SHARES: dict[FaceLabel | None, float] = {
    FaceLabel.UNPROTECTED: 0.45,
    FaceLabel.PROTECTED: 0.4,
    FaceLabel.WORN_WRONG: 0.1,
    None: 0.05,  # faces whose label nobody knows
}
"""Of the views that are about a face, and of the faces in a batch, as far as there are such faces."""

ANYWHERE = 0.2  # share of the views that are about no face


@dataclass(frozen=True, slots=True)
class Draw:
    """A picture's number, and the number of the face in it that the view is about; None: about none."""

    image: int
    face: int | None


class FaceSampler:
    """Draws from pictures: first the label of a face, then a data set that has such faces, then one of them."""

    def __init__(self, images: Sequence[SeenImage]) -> None:
        self._count = len(images)
        pools: dict[FaceLabel | None, dict[str, list[Draw]]] = defaultdict(lambda: defaultdict(list))
        for number, image in enumerate(images):
            for face, label in enumerate(image.face_labels):
                pools[label][image.source].append(Draw(number, face))
        self._pools = [list(pools[label].values()) for label in SHARES if label in pools]
        shares = np.array([share for label, share in SHARES.items() if label in pools])
        self._shares = shares / shares.sum()

    def draw(self, random: Random) -> Draw:
        """One more; `random` alone decides."""
        if not self._pools or random.random() < ANYWHERE:
            return Draw(int(random.integers(self._count)), None)
        sources = self._pools[int(random.choice(len(self._pools), p=self._shares))]
        pool = sources[int(random.integers(len(sources)))]
        return pool[int(random.integers(len(pool)))]
