"""The cascade's candidates, and how their number is reduced.

On the processor only the remaining ones are kept: `ExactFilter`. On a card their number is known only after waiting
for it, so there they are rows of tables padded to usual lengths, and their number is asked for once in each
stage: `PaddedFilter`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor

from maskwatch.detect import boxes

MAX_ANSWERS = 1 << 13  # of P-Net, for all frames of a call together; a crowded 1080p frame gives 1,700
LENGTHS = tuple(1 << n for n in range(6, 14))  # of padded tables: 64 to `MAX_ANSWERS`
BY_SMALLER, BY_IOU = 0.7, 0.4  # bounds of the last suppression


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes that may hold faces.

    Attributes:
        boxes: `(N, 4)` float32 (see `detect.boxes`).
        scores: `(N,)` the last network's probabilities, 0..1.
        logs: `(N,)` natural logarithms of the combined probabilities so far.
        offsets: `(N, 4)` the bounding-box regression that the last network gave.
        roll: `(N,)` radians by which O-Net sees the head lean (see `detect.looks.roll`); 0 before it.
        frame: `(N,)` int64, each box's index in the batch; -1 in a padding row, which is no candidate.

    """

    boxes: Tensor
    scores: Tensor
    logs: Tensor
    offsets: Tensor
    roll: Tensor
    frame: Tensor

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: Tensor | slice) -> Self:
        return replace(
            self,
            boxes=self.boxes[rows],
            scores=self.scores[rows],
            logs=self.logs[rows],
            offsets=self.offsets[rows],
            roll=self.roll[rows],
            frame=self.frame[rows],
        )

    def to(self, device: str) -> Self:
        """These candidates on another device."""
        return replace(
            self,
            boxes=self.boxes.to(device),
            scores=self.scores.to(device),
            logs=self.logs.to(device),
            offsets=self.offsets.to(device),
            roll=self.roll.to(device),
            frame=self.frame.to(device),
        )


def joined(parts: Sequence[Candidates]) -> Candidates:
    """All parts as one table."""
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat([part.logs for part in parts]),
        torch.cat([part.offsets for part in parts]),
        torch.cat([part.roll for part in parts]),
        torch.cat([part.frame for part in parts]),
    )


def nothing(device: torch.device) -> Candidates:
    """No candidates."""
    return Candidates(
        torch.empty((0, 4), device=device),
        torch.empty(0, device=device),
        torch.empty(0, device=device),
        torch.empty((0, 4), device=device),
        torch.empty(0, device=device),
        torch.empty(0, dtype=torch.int64, device=device),
    )


class Filter(Protocol):
    """Selects candidates. Masks are `(N,)` bool; groups `(N,)` int64, not negative except in padding rows."""

    def selected(self, found: Candidates, mask: Tensor) -> Candidates:
        """The candidates of the mask, in their order."""
        ...

    def suppressed(self, found: Candidates, mask: Tensor | None, groups: Tensor, iou: float) -> Candidates:
        """The candidates of the mask (None: all) after non-maximum suppression within their groups (`boxes.nms`), best first."""
        ...

    def decided(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        """The candidates of the mask after the last suppressions within each frame, best first, on the processor.

        The published suppression is by the share of the smaller box; it leaves two boxes of different heights on one
        masked face, so unless `as_published`, a second one by IoU follows.
        """
        ...

    def distinct(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        """As `decided`, but by the combined scores (`logs`), and on their own device."""
        ...

    def exact(self, found: Candidates) -> Candidates:
        """The candidates without padding rows."""
        ...


class ExactFilter:
    """A `Filter` whose tables hold exactly the candidates; on a card each selection waits for it."""

    def selected(self, found: Candidates, mask: Tensor) -> Candidates:
        return found[mask.nonzero()[:, 0]]

    def suppressed(self, found: Candidates, mask: Tensor | None, groups: Tensor, iou: float) -> Candidates:
        if mask is not None:
            rows = mask.nonzero()[:, 0]
            found, groups = found[rows], groups[rows]
        return found[boxes.nms(found.boxes, found.scores, groups, iou)]

    def decided(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        found = found[mask.nonzero()[:, 0]].to("cpu")
        return self._apart(found, found.scores, as_published=as_published)

    def distinct(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        found = found[mask.nonzero()[:, 0]]
        return self._apart(found, found.logs.exp(), as_published=as_published)

    def _apart(self, found: Candidates, scores: Tensor, *, as_published: bool) -> Candidates:
        rows = boxes.nms_by_smaller(found.boxes, scores, found.frame, BY_SMALLER)
        found, scores = found[rows], scores[rows]
        if as_published:
            return found
        return found[boxes.nms(found.boxes, scores, found.frame, BY_IOU)]

    def exact(self, found: Candidates) -> Candidates:
        return found


class PaddedFilter:
    """A `Filter` for a card: tables of `LENGTHS` rows; the processor waits only once in `suppressed` and in `decided`."""

    def selected(self, found: Candidates, mask: Tensor) -> Candidates:
        return _marked(found, mask & (found.frame >= 0))

    def suppressed(self, found: Candidates, mask: Tensor | None, groups: Tensor, iou: float) -> Candidates:
        among, order = _best_first(found, found.scores, mask)
        found = found[order]
        return _staying(found, among, [boxes.rivals(found.boxes, groups[order], boxes.pairwise_iou, iou)])

    def decided(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        among, order = _best_first(found, found.scores, mask)
        found = found[order]
        stays, is_settled = _settled(_last_rivals(found, as_published=as_published), among)
        numbers = [found.boxes, found.scores[:, None], found.frame[:, None], among[:, None], stays[:, None]]
        numbers.append(is_settled.expand(len(found), 1))
        table = torch.cat([each.float() for each in numbers], dim=1).cpu()  # the one way back
        kept = Candidates(
            table[:, :4],
            table[:, 4],
            table[:, 4].log(),
            torch.zeros((len(table), 4)),
            torch.zeros(len(table)),
            table[:, 5].long(),
        )
        if not table[0, 8]:
            return ExactFilter().decided(kept, table[:, 6] > 0, as_published=as_published)
        return kept[(table[:, 7] > 0).nonzero()[:, 0]]

    def distinct(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        among, order = _best_first(found, found.logs.exp(), mask)
        found = found[order]
        return _staying(found, among, _last_rivals(found, as_published=as_published))

    def exact(self, found: Candidates) -> Candidates:
        return found[(found.frame >= 0).nonzero()[:, 0]]


def usual_length(count: int) -> int:
    """The shortest of `LENGTHS` that holds so many rows, at most `MAX_ANSWERS`."""
    return next(length for length in LENGTHS if length >= count)


def _last_rivals(found: Candidates, *, as_published: bool) -> list[Tensor]:
    """For each of the last suppressions, which candidates would suppress which; `found` is ordered best first."""
    suppressions = [(boxes.share_of_smaller, BY_SMALLER), (boxes.pairwise_iou, BY_IOU)]
    return [
        boxes.rivals(found.boxes, found.frame, overlap, bound)
        for overlap, bound in suppressions[: 1 if as_published else 2]
    ]


def _settled(suppressions: Sequence[Tensor], among: Tensor) -> tuple[Tensor, Tensor]:
    """As `boxes.settled`, of suppressions one after the other."""
    stays, settled = among, []
    for rivals in suppressions:
        stays, is_settled = boxes.settled(rivals, stays)
        settled.append(is_settled)
    return stays, torch.stack(settled).all()


def _staying(found: Candidates, among: Tensor, suppressions: Sequence[Tensor]) -> Candidates:
    """The candidates that stay, in a table of a usual length; the processor waits once, for their number."""
    stays, is_settled = _settled(suppressions, among)
    count, done = torch.stack([stays.sum(), is_settled.long()]).tolist()
    if not done:
        stays = among
        for rivals in suppressions:
            stays = boxes.settled_at_last(rivals, stays)
        count = int(stays.sum())
    rows = torch.argsort(stays.byte(), descending=True, stable=True)[: usual_length(count)]
    return _marked(found[rows], stays[rows])


def _best_first(found: Candidates, scores: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The order `(N,)` of the rows, the mask's best by `scores` first, and the mask in that order."""
    among = found.frame >= 0 if mask is None else mask & (found.frame >= 0)
    order = torch.argsort(scores.masked_fill(~among, -1.0), descending=True, stable=True)
    return among[order], order


def _marked(found: Candidates, mask: Tensor) -> Candidates:
    """The table with all other rows turned into padding, whose boxes are valid for any computation."""
    return replace(
        found,
        boxes=found.boxes.masked_fill(~mask[:, None], 1.0),
        frame=found.frame.masked_fill(~mask, -1),
    )
