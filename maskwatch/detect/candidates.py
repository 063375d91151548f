"""What may be a face on its way through the cascade, and how it gets less.

On the processor only those that are left are kept: `ExactFilter`. A card must be waited for before their number is
known, so there they lie in tables of usual lengths that are filled up, and once a stage their number is
asked for: `PaddedFilter`.
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
    """Boxes that may hold faces: `frame` is each one's place in the batch, `offsets` what a network asks for.

    `scores` are the last network's probabilities, `logs` the logarithms of the combined ones so far. In a padded
    table a row whose `frame` is -1 is no candidate.
    """

    boxes: Tensor
    scores: Tensor
    logs: Tensor
    offsets: Tensor
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
            frame=self.frame.to(device),
        )


def joined(parts: Sequence[Candidates]) -> Candidates:
    """One after the other; of one part, the part."""
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat([part.logs for part in parts]),
        torch.cat([part.offsets for part in parts]),
        torch.cat([part.frame for part in parts]),
    )


def nothing(device: torch.device) -> Candidates:
    """No candidates."""
    return Candidates(
        torch.empty((0, 4), device=device),
        torch.empty(0, device=device),
        torch.empty(0, device=device),
        torch.empty((0, 4), device=device),
        torch.empty(0, dtype=torch.int64, device=device),
    )


class Filter(Protocol):
    """Leaves candidates out. Masks are `(N,)` bool; groups `(N,)` int64, not negative but in rows that are none."""

    def touching(self, found: Candidates, mask: Tensor) -> Candidates:
        """Those of the mask, in their order."""
        ...

    def suppressed(self, found: Candidates, mask: Tensor | None, groups: Tensor, iou: float) -> Candidates:
        """Those of the mask (None: all) after non-maximum suppression within their groups (`boxes.nms`), best first."""
        ...

    def decided(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        """Those of the mask after the last suppressions within each frame, best first, on the processor.

        The published one is by the smaller of two boxes; unless `as_published`, which leaves two boxes of different
        heights on one masked face, another by IoU follows.
        """
        ...

    def distinct(self, found: Candidates, mask: Tensor, *, as_published: bool) -> Candidates:
        """As `decided`, by the combined scores (`logs`), and where they are."""
        ...

    def exact(self, found: Candidates) -> Candidates:
        """Without rows that are no candidates."""
        ...


class ExactFilter:
    """A `Filter` whose tables are as long as there are candidates; each leaving out stops a card."""

    def touching(self, found: Candidates, mask: Tensor) -> Candidates:
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
    """A `Filter` for a card: tables of `LENGTHS` rows, and the processor waits once in `suppressed` and `decided`."""

    def touching(self, found: Candidates, mask: Tensor) -> Candidates:
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
            table[:, :4], table[:, 4], table[:, 4].log(), torch.zeros((len(table), 4)), table[:, 5].long()
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
    """Of the last suppressions, one after the other, which candidates would suppress which; `found` is the best first."""
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
    """Those that stay, in a table of a usual length; the processor waits once, for their number."""
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
    """All others are no candidates any more; their boxes become such that nothing stumbles over them."""
    return replace(
        found,
        boxes=found.boxes.masked_fill(~mask[:, None], 1.0),
        frame=found.frame.masked_fill(~mask, -1),
    )
