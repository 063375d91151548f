"""P-Net over the sheets of a pyramid: everywhere, or only where the scout sees a chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwatch.detect import boxes, scout
from maskwatch.detect.backends.folded import Run
from maskwatch.detect.pyramids.levels import Sheet, cells

PIXELS = 1 << 20  # of sheets at once: bounds the memory of a large batch
VIEWS = 4096  # likewise
MAX_ANSWERS = 1 << 13  # answers of all frames together; a crowded 1080p frame gives 1,700
SCOUT_FROM_PX = 64 * 64  # a smaller sheet is not worth a glance


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pictures of one size, `pixels` `(K, h, w, 3)`; `origin` `(K, 4)`: sheet, frame, row, column of P-Net's map."""

    pixels: Tensor
    origin: Tensor


@dataclass(frozen=True, slots=True)
class Responses:
    """Where P-Net answered, `place` `(K, 4)`: sheet, frame, row, column; its five numbers `(K, 5)`."""

    place: Tensor
    values: Tensor


def responses(pnet: Run, glance: Run | None, sheets: Sequence[Sheet], log_odds: float) -> Responses:
    """P-Net's answers of at least `log_odds` (a natural logarithm), at most `MAX_ANSWERS`: then the strongest.

    `glance` is the scout, if it is to be asked first; sheets too small for that are looked at everywhere. `pnet` and
    `glance` are as in `Backend`. There is one sheet at least.
    """
    found, views = [], []
    for number, sheet in enumerate(sheets):
        for piece in _chunks(number, sheet.pixels):
            if glance is not None and piece.pixels[0, ..., 0].numel() >= SCOUT_FROM_PX:
                views.append(_worth_a_look(glance, piece))
            else:
                found.append(_answers(pnet, piece, log_odds))
    if views:
        found += [_answers(pnet, some, log_odds) for some in _in_parts(_joined(views), VIEWS)]
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


def _chunks(number: int, pixels: Tensor) -> list[Pieces]:
    """A sheet, a few frames at a time."""
    count, height, width, _ = pixels.shape
    origin = torch.zeros((count, 4), dtype=torch.int64, device=pixels.device)
    origin[:, 0], origin[:, 1] = number, torch.arange(count, device=pixels.device)
    return _in_parts(Pieces(pixels, origin), max(1, PIXELS // (height * width)))


def _joined(pieces: Sequence[Pieces]) -> Pieces:
    return Pieces(torch.cat([p.pixels for p in pieces]), torch.cat([p.origin for p in pieces]))


def _in_parts(whole: Pieces, at_once: int) -> list[Pieces]:
    """One part at least, be it empty."""
    starts = range(0, max(1, len(whole.pixels)), at_once)
    return [Pieces(whole.pixels[s : s + at_once], whole.origin[s : s + at_once]) for s in starts]


def _worth_a_look(glance: Run, piece: Pieces) -> Pieces:
    of, down, across = (glance(piece.pixels) >= 0).nonzero().unbind(1)
    every = piece.pixels.unfold(1, scout.VIEW_PX, scout.STRIDE).unfold(2, scout.VIEW_PX, scout.STRIDE)
    origin = piece.origin[of]
    origin[:, 2:] += torch.stack([down, across], dim=1) * (scout.STRIDE // boxes.STRIDE)
    return Pieces(every[of, down, across].permute(0, 2, 3, 1), origin)


def _answers(pnet: Run, piece: Pieces, log_odds: float) -> Responses:
    if not len(piece.pixels):
        return Responses(piece.origin, torch.empty((0, 5), device=piece.origin.device))
    maps = pnet(piece.pixels)
    of, row, column = (maps[:, 0] >= log_odds).nonzero().unbind(1)
    place = piece.origin[of]
    place[:, 2:] += torch.stack([row, column], dim=1)
    return Responses(place, maps[of, :, row, column])
