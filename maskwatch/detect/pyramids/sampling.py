"""Where the pixels of a crop lie: it is sampled bilinearly from the level that fits it."""

from torch import Tensor

# Steps of less than this, in pixels of the level, are taken on the finer level. The networks were trained on
# sharp crops: at 0.9 and below they see faces in masked people's necks.
SHORTEST_STEP = 1.4


def steps(boxes: Tensor, sizes: Tensor, side_px: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For the boxes that touch the frame: their rows, the level of each, its first sample and the step.

    `boxes` `(N, 4)` as in `detect.boxes`; `sizes` `(L, 2)` are width and height of the frame and its levels, largest
    first; a crop is `side_px` samples wide and high. Returns rows `(K,)`, levels `(K,)` as rows of `sizes`, first
    samples `(K, 2)` and steps `(K, 2)`. Samples are points x, y of the level, a pixel's centre on whole numbers;
    beyond the frame its edge goes on.
    """
    frame = sizes[0].to(boxes)
    # from counting at 1, inclusive, to pixel edges counted at 0; truncation moved the published crops by
    # half a pixel on average, and the weights expect it: 1 to 2 points of recall at equal precision
    low, high = boxes[:, :2] - 1.5, boxes[:, 2:] - 0.5
    touches = ((high > 0) & (low < frame) & (high - low >= 1)).all(dim=1)
    rows = touches.nonzero()[:, 0]
    low, high = low[rows], high[rows]
    ratio = sizes.to(boxes) / frame
    step = (high - low) / side_px
    on_levels = step.amax(dim=1)[:, None] * ratio.amax(dim=1)  # (K, L), smaller and smaller
    level = ((on_levels >= SHORTEST_STEP).sum(dim=1) - 1).clamp(min=0)
    step = step * ratio[level]
    return rows, level, low * ratio[level] + step / 2 - 0.5, step
