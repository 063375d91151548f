"""The cascade: P-Net proposes over the pyramid, R-Net refines, O-Net decides.

One call takes frames of any sizes. P-Net runs once a level for all frames of one size; R-Net and O-Net run
over the crops of all frames together.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import nn

from maskwatch.core.records import Box, Face, Rgb
from maskwatch.detect import boxes, crops, pyramid
from maskwatch.detect.boxes import Floats, Ints
from maskwatch.detect.networks import ONet, PNet, RNet, normalise
from maskwatch.detect.settings import Settings

CHUNK = 512  # crops at once: bounds the memory of a crowded frame


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes that may hold faces: `frame` is each one's place in the batch, `offsets` what a network asks for."""

    boxes: Floats
    scores: Floats
    offsets: Floats
    frame: Ints

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: Ints | np.ndarray) -> Self:
        return replace(
            self,
            boxes=self.boxes[rows],
            scores=self.scores[rows],
            offsets=self.offsets[rows],
            frame=self.frame[rows],
        )


def _joined(parts: list[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([np.empty((0, 4), np.float32), *(p.boxes for p in parts)]),
        np.concatenate([np.empty(0, np.float32), *(p.scores for p in parts)]),
        np.concatenate([np.empty((0, 4), np.float32), *(p.offsets for p in parts)]),
        np.concatenate([np.empty(0, np.int64), *(p.frame for p in parts)]),
    )


class Mtcnn:
    """A `Detector` of faces on `device` with the given settings; the networks may be shared."""

    def __init__(
        self, networks: tuple[PNet, RNet, ONet], settings: Settings, device: torch.device, version: str
    ) -> None:
        self._pnet, self._rnet, self._onet = networks
        self._settings = settings
        self._as_published = settings.crops == "published"
        self._levels = pyramid.published_levels if self._as_published else pyramid.levels
        self._cut = crops.published if self._as_published else crops.exact
        self._device = device
        self.version = version

    @torch.inference_mode()
    def detect(self, frames: Sequence[Rgb]) -> list[tuple[Face, ...]]:
        """The faces of each frame, best first, not yet classified.

        Frames are `(H, W, 3)` uint8 RGB of any sizes; one too small to hold a face has none.
        """
        to_p, to_r, to_o = self._settings.thresholds
        found = self._proposed(frames, to_p)
        found = self._refined(frames, found, to_r)
        found = self._decided(frames, found, to_o)
        faces: list[list[Face]] = [[] for _ in frames]
        for box, score, frame in zip(found.boxes, found.scores, found.frame, strict=True):
            faces[frame].append(Face(Box(*(float(v) for v in box)), float(score)))
        return [tuple(each) for each in faces]

    def _proposed(self, frames: Sequence[Rgb], threshold: float) -> Candidates:
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, rgb in enumerate(frames):
            by_size[rgb.shape].append(place)
        parts = []
        for places in by_size.values():
            same = [frames[place] for place in places]
            for scale, level in self._levels(same, self._settings.min_face_px, self._device):
                part = self._proposed_at(level, scale, threshold, np.array(places))
                parts.append(part[boxes.nms(part.boxes, part.scores, part.frame, 0.5)])
        found = _joined(parts)
        found = found[boxes.nms(found.boxes, found.scores, found.frame, 0.7)]
        moved = boxes.shifted(found.boxes, found.offsets, extra=0)
        return replace(found, boxes=boxes.squared(moved))

    def _proposed_at(self, level: torch.Tensor, scale: float, threshold: float, places: Ints) -> Candidates:
        scores, offsets = self._pnet(normalise(level))
        cells = (scores >= threshold).nonzero()
        place, row, column = cells.unbind(1)
        return Candidates(
            boxes.windows(cells[:, 1:].cpu().numpy(), scale, whole_pixels=self._as_published),
            scores[place, row, column].cpu().numpy(),
            offsets[place, :, row, column].cpu().numpy(),
            places[place.cpu().numpy()],
        )

    def _refined(self, frames: Sequence[Rgb], found: Candidates, threshold: float) -> Candidates:
        found = self._passed(self._rnet, 24, frames, found, threshold)
        found = found[boxes.nms(found.boxes, found.scores, found.frame, 0.7)]
        moved = boxes.shifted(found.boxes, found.offsets, extra=1)
        return replace(found, boxes=boxes.squared(moved))

    def _decided(self, frames: Sequence[Rgb], found: Candidates, threshold: float) -> Candidates:
        found = self._passed(self._onet, 48, frames, found, threshold)
        found = replace(found, boxes=boxes.shifted(found.boxes, found.offsets, extra=1))
        return found[boxes.nms_by_smaller(found.boxes, found.scores, found.frame, 0.7)]

    def _passed(
        self, network: nn.Module, side_px: int, frames: Sequence[Rgb], found: Candidates, threshold: float
    ) -> Candidates:
        """The candidates whose crop the network holds for a face, with its scores and offsets."""
        parts = []
        for start in range(0, len(found), CHUNK):
            rows, pictures = [], []
            for row in range(start, min(start + CHUNK, len(found))):
                picture = self._cut(frames[found.frame[row]], found.boxes[row], side_px)
                if picture is not None:
                    rows.append(row)
                    pictures.append(picture)
            if not rows:
                continue
            batch = torch.from_numpy(np.stack(pictures)).to(self._device).permute(0, 3, 1, 2)
            scores, offsets = (out.cpu().numpy() for out in network(normalise(batch)))
            part = replace(found[np.array(rows)], scores=scores, offsets=offsets)
            parts.append(part[scores > threshold])
        return _joined(parts)
