"""Where the pixels of a crop lie: it is sampled bilinearly from the level that fits it."""

from torch import Tensor

# Steps of less than this, in pixels of the level, are taken on the finer level. The networks were trained on
# sharp crops: at 0.9 and below they see faces in masked people's necks.
SHORTEST_STEP = 1.4


def touches(boxes: Tensor, width: int, height: int) -> Tensor:
    """Which boxes `(N, 4)` (see `detect.boxes`) a frame of this size, in pixels, shows a part of: `(N,)` bool."""
    low, high = _edges(boxes)
    inside = (low[:, 0] < width) & (low[:, 1] < height) & (high > 0).all(dim=1)
    return inside & (high - low >= 1).all(dim=1)


def steps(boxes: Tensor, sizes: Tensor, side_px: int) -> tuple[Tensor, Tensor, Tensor]:
    """For boxes that touch the frame: the level of each, its first sample and the step.

    `boxes` `(N, 4)` as in `detect.boxes`; `sizes` `(L, 2)` are width and height of the frame and its levels, largest
    first, where the boxes are; a crop is `side_px` samples wide and high. Returns levels `(N,)` as rows of `sizes`,
    first samples `(N, 2)` and steps `(N, 2)`. Samples are points x, y of the level, a pixel's centre on whole numbers;
    beyond the frame its edge goes on.
    """
    low, high = _edges(boxes)
    ratio = sizes.to(boxes) / sizes[0].to(boxes)
    step = (high - low) / side_px
    on_levels = step.amax(dim=1)[:, None] * ratio.amax(dim=1)  # (N, L), smaller and smaller
    level = ((on_levels >= SHORTEST_STEP).sum(dim=1) - 1).clamp(min=0)
    step = step * ratio[level]
    return level, low * ratio[level] + step / 2 - 0.5, step


def _edges(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """From counting at 1, inclusive, to pixel edges counted at 0.

    Truncation moved the published crops by half a pixel on average, and the weights expect it: 1 to 2 points of recall at
    equal precision.
    """
    return boxes[:, :2] - 1.5, boxes[:, 2:] - 0.5
