"""P-Net over the sheets of a pyramid."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwatch.detect import boxes
from maskwatch.detect.backends.folded import Run
from maskwatch.detect.pyramids.levels import Sheet, cells

PIXELS = 1 << 20  # of sheets at once: bounds the memory of a large batch
MAX_ANSWERS = 1 << 13  # answers of all frames together; a crowded 1080p frame gives 1,700


@dataclass(frozen=True, slots=True)
class Responses:
    """Where P-Net answered, `place` `(K, 4)`: sheet, frame, row, column; its five numbers `(K, 5)`."""

    place: Tensor
    values: Tensor


def responses(pnet: Run, sheets: Sequence[Sheet], log_odds: float) -> Responses:
    """P-Net's answers of at least `log_odds` (a natural logarithm), at most `MAX_ANSWERS`: then the strongest.

    `pnet` is as in `Backend`. There is one sheet at least.
    """
    found = []
    for number, sheet in enumerate(sheets):
        count, height, width, _ = sheet.pixels.shape
        at_once = max(1, PIXELS // (height * width))
        found += [
            _answers(pnet, sheet.pixels[first : first + at_once], log_odds, number, first)
            for first in range(0, count, at_once)
        ]
    return _strongest(torch.cat([f.place for f in found]), torch.cat([f.values for f in found]))


def _strongest(place: Tensor, values: Tensor) -> Responses:
    """At most `MAX_ANSWERS` of them: a picture of noise, or a threshold of 0, must not hold the service up."""
    if len(values) > MAX_ANSWERS:
        best = values[:, 0].topk(MAX_ANSWERS).indices
        place, values = place[best], values[best]
    return Responses(place, values)


def windows(
    sheets: Sequence[Sheet], answers: Responses, *, whole_pixels: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The boxes in the frame behind answers.

    The rows `(R,)` of the answers that lie on a level, their boxes `(R, 4)` (see `detect.boxes`), and the number
    `(R,)` of each one's level, counted over all sheets. `whole_pixels` rounds corners down, as published.
    """
    sheet_of, _, *cell = answers.place.unbind(1)
    known = [(number, level) for number, sheet in enumerate(sheets) for level in sheet.levels]
    device = answers.place.device
    on_sheet = torch.tensor([number for number, _ in known], device=device)
    corner = torch.tensor([[level.top, level.left] for _, level in known], device=device) // boxes.STRIDE
    extent = torch.tensor([cells(level) for _, level in known], device=device)
    scale = torch.tensor([level.scale for _, level in known], device=device)
    within = torch.stack(cell, dim=1)[:, None] - corner  # (K, L, 2)
    inside = ((within >= 0) & (within < extent)).all(dim=2) & (sheet_of[:, None] == on_sheet)
    row, level = inside.nonzero().unbind(1)  # what lies between two levels of a sheet is on none
    return row, boxes.windows(within[row, level], scale[level], whole_pixels=whole_pixels), level


def _answers(pnet: Run, pixels: Tensor, log_odds: float, sheet: int, first: int) -> Responses:
    """Of frames of a sheet, `first` the number of the first of them."""
    maps = pnet(pixels)
    frame, row, column = (maps[:, 0] >= log_odds).nonzero().unbind(1)
    place = torch.stack([torch.full_like(frame, sheet), frame + first, row, column], dim=1)
    return Responses(place, maps[frame, :, row, column])
