"""P-Net over the sheets of a pyramid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwatch.detect import boxes
from maskwatch.detect.backends.folded import Backend
from maskwatch.detect.pyramids.levels import Sheet, cells

MAX_ANSWERS = 1 << 13  # answers of all frames together; a crowded 1080p frame gives 1,700
OVERLAP_PX = boxes.WINDOW_PX - boxes.STRIDE  # rows that two neighbouring windows share


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a sheet, `(K, h, w, 3)`; `origin` `(4,)`: sheet, frame, row, column of P-Net's map."""

    pixels: Tensor
    origin: Tensor


@dataclass(frozen=True, slots=True)
class Responses:
    """Where P-Net answered, `place` `(K, 4)`: sheet, frame, row, column; its five numbers `(K, 5)`."""

    place: Tensor
    values: Tensor


def responses(backend: Backend, sheets: Sequence[Sheet], log_odds: float) -> Responses:
    """P-Net's answers of at least `log_odds` (a natural logarithm), at most `MAX_ANSWERS`: then the strongest.

    There is one sheet at least.
    """
    pieces = [
        piece for number, sheet in enumerate(sheets) for piece in _pieces(number, sheet, backend.piece_px)
    ]
    maps = backend.pnet_each(piece.pixels for piece in pieces)
    found = [_answers(each, piece, log_odds) for each, piece in zip(maps, pieces, strict=True)]
    return _strongest(torch.cat([f.place for f in found]), torch.cat([f.values for f in found]))


def _pieces(number: int, sheet: Sheet, piece_px: int) -> Iterator[_Piece]:
    """Frames together as far as they are small; a large one in strips, which overlap by what a window reaches."""
    count, height, width, _ = sheet.pixels.shape
    # each number of frames would be one more shape to make ready, which gains the processor nothing
    at_once = 1 if sheet.pixels.device.type == "cpu" else max(1, piece_px // (height * width))
    strips = -(-height * width // piece_px) if at_once == 1 else 1
    rows = -(-height // strips // boxes.STRIDE) * boxes.STRIDE
    for frame in range(0, count, at_once):
        for top in range(0, max(1, height - OVERLAP_PX), rows):
            part = sheet.pixels[frame : frame + at_once, top : top + rows + OVERLAP_PX]
            yield _Piece(part, torch.tensor([number, frame, top // boxes.STRIDE, 0], device=part.device))


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


def _answers(maps: Tensor, piece: _Piece, log_odds: float) -> Responses:
    frame, row, column = (maps[:, 0] >= log_odds).nonzero().unbind(1)
    within = torch.stack([torch.zeros_like(frame), frame, row, column], dim=1)
    return Responses(piece.origin + within, maps[frame, :, row, column])
