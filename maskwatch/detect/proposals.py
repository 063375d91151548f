"""P-Net over the sheets of a pyramid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from maskwatch.detect import boxes
from maskwatch.detect.backends.folded import Backend
from maskwatch.detect.candidates import MAX_ANSWERS, usual_length
from maskwatch.detect.pyramids.device import SheetPlan
from maskwatch.detect.pyramids.levels import Sheet, cells

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


@dataclass(frozen=True, slots=True)
class Proposals:
    """P-Net's windows that may hold faces, `boxes` `(K, 4)`, and its five numbers `values` `(K, 5)`.

    `frame` and `level` `(K,)` int64 are where each was seen. In a padded table a row whose `frame` is -1 is none.
    """

    boxes: Tensor
    values: Tensor
    frame: Tensor
    level: Tensor


def exact(backend: Backend, sheets: Sequence[Sheet], log_odds: float, *, whole_pixels: bool) -> Proposals:
    """As many as there are; one sheet is given at least. See `responses` and `windows`."""
    answers = responses(backend, sheets, log_odds)
    row, found_boxes, level = windows(sheets, answers, whole_pixels=whole_pixels)
    return Proposals(found_boxes, answers.values[row], answers.place[row, 1], level)


def padded(backend: Backend, sheet: Sheet, plan: SheetPlan, log_odds: float) -> Proposals:
    """The same of the one sheet of a card's pyramid, the strongest first, in a table that is filled up.

    The processor waits once, for their number.
    """
    maps = torch.cat([backend.pnet(part) for part in _usual_parts(sheet.pixels, backend.piece_px)])
    frames, _, rows, columns = maps.shape
    odds = maps[:, 0].masked_fill(plan.level_of < 0, -torch.inf).flatten()
    length = usual_length(min(int((odds >= log_odds).sum()), MAX_ANSWERS))
    odds = pad(odds, (0, max(0, length - len(odds))), value=-torch.inf)
    strength, place = odds.topk(length)
    is_cell = place < frames * rows * columns
    place = place.clamp(max=frames * rows * columns - 1)
    frame, cell = place // (rows * columns), place % (rows * columns)
    row, column = cell // columns, cell % columns
    level = plan.level_of.flatten()[cell]
    is_found = (strength >= log_odds) & is_cell & (level >= 0)
    level = level.clamp(min=0)
    within = torch.stack([row, column], dim=1) - plan.corners[level]
    found_boxes = boxes.windows(within, plan.scales[level], whole_pixels=False)
    return Proposals(found_boxes, maps[frame, :, row, column], frame.masked_fill(~is_found, -1), level)


def _usual_parts(pixels: Tensor, piece_px: int) -> Iterator[Tensor]:
    """The frames, 1, 2, 4, … of them together: each other number would be one more shape to make ready."""
    most = max(1, piece_px // (pixels.shape[1] * pixels.shape[2]))
    start = 0
    while start < len(pixels):
        together = 1 << (min(most, len(pixels) - start).bit_length() - 1)
        yield pixels[start : start + together]
        start += together


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
    if maps.device.type == "cpu":
        return _answers_on_host(maps.numpy(), piece.origin.numpy(), log_odds)
    frame, row, column = (maps[:, 0] >= log_odds).nonzero().unbind(1)
    within = torch.stack([torch.zeros_like(frame), frame, row, column], dim=1)
    return Responses(piece.origin + within, maps[frame, :, row, column])


def _answers_on_host(maps: NDArray[np.float32], origin: NDArray[np.int64], log_odds: float) -> Responses:
    """The same on this one thread: all cores are busy with the next pieces, and torch would have its own wait for them."""
    odds = maps[:, 0]
    frame, row, column = np.unravel_index(np.flatnonzero(odds >= log_odds), odds.shape)
    within = np.stack([np.zeros_like(frame), frame, row, column], axis=1)
    return Responses(torch.from_numpy(origin + within), torch.from_numpy(maps[frame, :, row, column]))
