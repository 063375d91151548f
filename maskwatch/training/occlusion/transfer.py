"""The lower part of a face with a mask, put on a bare face: a real mask with its sides, right or too low."""

import cv2
import numpy as np

from maskwatch.core.records import Box, Rgb

Random = np.random.Generator

# Heights are shares of a face's box, from its top. In the shipped detector's boxes the eyes lie at 0.25, the tip of
# the nose at 0.50 and the mouth at 0.68 (medians of the training faces, by the published landmarks).
ON_THE_NOSE = (0.28, 0.41)  # the upper edge of a mask that is worn right
UNDER_THE_NOSE = (0.52, 0.73)  # its tip and more is bare


def with_anothers_mask(patch: Rgb, box: Box, other: Rgb, other_box: Box, random: Random) -> tuple[Rgb, bool]:
    """A bare face with the lower part of another's, who wears a mask: worn right, or under the nose or the mouth.

    What is under `at` of the other's box goes to what is under `seam` of this one. For a mask that is too low
    `at` is its upper edge, and the mask is squeezed into what is left of the face. The seam is soft, a
    little askew and bent.
    """
    right = random.random() < 0.35
    seam = random.uniform(*(ON_THE_NOSE if right else UNDER_THE_NOSE))
    at = seam if right else 0.40
    end = 1.1 if right else random.uniform(1.08, 1.3)
    askew, bent = random.uniform(-0.1, 0.1), 0.0 if right else random.uniform(-0.25, 0.25)
    wide = box.width / other_box.width
    high = (end - seam) * box.height / ((1.1 - at) * other_box.height)
    fit = np.array(
        [
            [wide, 0, box.x1 - other_box.x1 * wide],
            [0, high, box.y1 + seam * box.height - (other_box.y1 + at * other_box.height) * high],
        ]
    )
    size = patch.shape[1::-1]
    theirs = cv2.warpAffine(other, fit, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    row = (np.arange(patch.shape[0])[:, None] - box.y1) / box.height
    column = (np.arange(patch.shape[1])[None] - box.x1) / box.width - 0.5
    below = np.clip((row - seam - askew * column - bent * column**2) / 0.05, 0, 1)
    within = np.clip((random.uniform(0.5, 0.62) - np.abs(column)) / 0.08, 0, 1)
    share = (below * within * np.clip((end - row) / 0.1, 0, 1))[..., None]
    bright = max(1.0, float(theirs.mean()))
    theirs = np.clip(theirs * np.clip(patch.mean() / bright, 0.6, 1.6), 0, 255)
    return np.asarray(patch * (1 - share) + theirs * share, np.uint8), right
