"""The cascade: P-Net proposes over the pyramid, R-Net refines, O-Net decides.

One call takes frames of any sizes; those of one size go through together. Candidates stay on the device of
the backend until the last suppression.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from maskwatch.core.records import MAX_PIXELS, Box, Detections, Face, Rgb, require_rgb
from maskwatch.detect import boxes
from maskwatch.detect.backends.folded import Backend, Run
from maskwatch.detect.proposals import responses, windows
from maskwatch.detect.pyramids.device import DevicePyramid
from maskwatch.detect.pyramids.host import HostPyramid
from maskwatch.detect.pyramids.levels import Pyramid
from maskwatch.detect.pyramids.published import PublishedPyramid
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import OperatingPoint

RNET_PX, ONET_PX = 24, 48  # sides of their crops
CHUNK = 512  # crops at once: bounds the memory of a crowded frame
USUAL_CROPS = (1, *range(8, 49, 8))  # the numbers that the backends fill up to
MIRRORED_FROM = 0.05  # combined score; of a candidate under it the mirrored crop is not asked about
SUREST = 1e-6  # how near to 0 and 1 a probability may come, so that its log-odds are finite
MAX_LEVELS = 64  # more than any frame has; numbers the groups of the suppression

STOCK_POINT = OperatingPoint()

Lap = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes that may hold faces: `frame` is each one's place in the batch, `offsets` what a network asks for.

    `scores` are the last network's probabilities, `logs` the logarithms of the combined ones so far.
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


def _few_enough(by_size: Mapping[tuple[int, ...], list[int]]) -> Iterator[list[int]]:
    """The places of frames of one size; not more together than fit into memory."""
    for (height, width, _), places in by_size.items():
        at_once = max(1, MAX_PIXELS // (height * width))
        yield from (places[start : start + at_once] for start in range(0, len(places), at_once))


def _joined(parts: Sequence[Candidates]) -> Candidates:
    return Candidates(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat([part.logs for part in parts]),
        torch.cat([part.offsets for part in parts]),
        torch.cat([part.frame for part in parts]),
    )


def _cut(pyramid: Pyramid, found: Candidates, side_px: int) -> Iterator[tuple[Candidates, Tensor]]:
    """The candidates that touch the frame with their crops `(N, S, S, 3)`, not more at once than fit into memory."""
    for start in range(0, len(found), CHUNK):
        part = found[start : start + CHUNK]
        rows, crops = pyramid.cut(part.frame, part.boxes, side_px)
        yield part[rows], crops


class Mtcnn:
    """A `Detector` of faces with the given settings; cameras may share the backend, on one thread.

    `version` names the weights, and `point` is where those draw their lines unless the settings say otherwise;
    `lap` is told the name of each step when it is done. `thresholds` are those in use, 0..1 each.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        version: str,
        point: OperatingPoint = STOCK_POINT,
        lap: Lap = lambda _: None,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._point = point
        self._as_published = settings.crops == "published"
        self._lap = lap
        self.version = version
        self.thresholds = settings.thresholds or point.thresholds

    @property
    def backend_name(self) -> str:
        """What the networks are computed by."""
        return self._backend.name

    def timed(self, lap: Lap) -> "Mtcnn":
        """A detector like it that calls `lap` with the name of each step when it is done."""
        return Mtcnn(self._backend, self._settings, self.version, self._point, lap)

    @torch.inference_mode()
    def self_test(self, rgb: Rgb) -> bool:
        """Whether the networks give finite numbers for a picture of at least 48 x 48; with others nothing is found.

        What is to be compiled for usual numbers of crops is compiled with it.
        """
        device = self._backend.device
        whole = torch.from_numpy(rgb)[None].to(device)
        answers = [self._backend.pnet(whole).clone()]
        pyramid, first = self._pyramid([rgb]), torch.zeros(1, dtype=torch.int64, device=device)
        for network, side_px in ((self._backend.rnet, RNET_PX), (self._backend.onet, ONET_PX)):
            box = torch.tensor([[0.0, 0.0, side_px, side_px]], device=device)
            _, crop = pyramid.cut(first, box, side_px)  # of the type that it will be asked about
            answers += [network(crop.repeat(count, 1, 1, 1)).clone() for count in USUAL_CROPS]
        return all(bool(answer.isfinite().all()) for answer in answers)

    @torch.inference_mode()
    def detect(self, frames: Sequence[Rgb]) -> list[tuple[Face, ...]]:
        """The faces of each frame, best first, not yet classified.

        Frames are `(H, W, 3)` uint8 RGB of any sizes; one too small to hold a face has none. Raises
        `ImageError` for anything else.
        """
        return self._detected(frames, self.thresholds[2])

    @torch.inference_mode()
    def detect_with_near_misses(self, frames: Sequence[Rgb], share: float) -> list[Detections]:
        """As `detect`, and the candidates from `share` (0..1) of the last threshold on, in the same one pass.

        Suppression goes from the best on, so that none of them costs a face, and none lies on one.
        """
        bound = self.thresholds[2]
        return [
            Detections(
                tuple(face for face in found if face.score > bound),
                tuple(face for face in found if face.score <= bound),
            )
            for found in self._detected(frames, share * bound)
        ]

    def _detected(self, frames: Sequence[Rgb], threshold: float) -> list[tuple[Face, ...]]:
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, rgb in enumerate(frames):
            require_rgb(rgb)
            by_size[rgb.shape].append(place)
        faces: list[list[Face]] = [[] for _ in frames]
        for places in _few_enough(by_size):
            found = self._found([frames[place] for place in places], threshold)
            rows = zip(found.boxes.tolist(), found.scores.tolist(), found.frame.tolist(), strict=True)
            for box, score, frame in rows:
                faces[places[frame]].append(Face(Box(*box), score))
        return [tuple(each) for each in faces]

    @torch.inference_mode()
    def candidates(self, rgb: Rgb, side_px: int, more: Tensor | None = None) -> tuple[Candidates, Tensor]:
        """What R-Net (`side_px` 24) or O-Net (48) is asked about in a frame: squares, and crops `(N, S, S, 3)`.

        `more` squares `(M, 4)` are added at the end. For training: it is what `detect` does, stopped half way.
        """
        pyramid = self._pyramid([rgb])
        found = self._proposed(pyramid, self.thresholds[0])
        if side_px == ONET_PX:
            found = self._refined(pyramid, found, self.thresholds[1])
        if more is not None:
            none = torch.zeros(len(more))
            offsets, frame = torch.zeros((len(more), 4)), torch.zeros(len(more), dtype=torch.int64)
            extra = Candidates(more, none, none, offsets, frame).to(str(self._backend.device))
            found = _joined([found, extra])
        parts, crops = [self._nothing()], []
        for part, cut in _cut(pyramid, found, side_px):
            parts.append(part)
            crops.append(cut)
        nothing = torch.empty((0, side_px, side_px, 3), device=self._backend.device)
        return _joined(parts), torch.cat(crops) if crops else nothing

    def _found(self, frames: list[Rgb], to_o: float) -> Candidates:
        to_p, to_r, _ = self.thresholds
        pyramid = self._pyramid(frames)
        self._lap("pyramid")
        found = self._proposed(pyramid, to_p)
        found = self._refined(pyramid, found, to_r)
        return self._decided(pyramid, found, to_o)

    def _pyramid(self, frames: list[Rgb]) -> Pyramid:
        device, min_face_px = self._backend.device, self._settings.min_face_px
        if self._as_published:
            return PublishedPyramid(frames, min_face_px, device)
        if device.type == "cpu":
            return HostPyramid(frames, min_face_px)
        return DevicePyramid(frames, min_face_px, device)

    def _proposed(self, pyramid: Pyramid, threshold: float) -> Candidates:
        sheets = pyramid.sheets()
        if not sheets:
            return self._nothing()
        answers = responses(self._backend, sheets, _log_odds(threshold))
        row, found_boxes, level = windows(sheets, answers, whole_pixels=self._as_published)
        values, frame = answers.values[row], answers.place[row, 1]
        logs = self._point.powers[0] * logsigmoid(values[:, 0])
        found = Candidates(found_boxes, values[:, 0].sigmoid(), logs, values[:, 1:], frame)
        self._lap("P-Net")
        # each level for itself: boxes of two levels differ too much in size to suppress each other
        found = found[boxes.nms(found.boxes, found.scores, found.frame * MAX_LEVELS + level, 0.5)]
        moved = boxes.shifted(found.boxes, found.offsets, extra=0)
        self._lap("NMS")
        return replace(found, boxes=boxes.squared(moved))

    def _refined(self, pyramid: Pyramid, found: Candidates, threshold: float) -> Candidates:
        found = self._judged(self._backend.rnet, pyramid, found, side_px=RNET_PX, power=self._point.powers[1])
        found = found[found.scores > threshold]
        found = found[boxes.nms(found.boxes, found.scores, found.frame, 0.7)]
        moved = boxes.shifted(found.boxes, found.offsets, extra=1)
        self._lap("R-Net")
        return replace(found, boxes=boxes.squared(moved))

    def _decided(self, pyramid: Pyramid, found: Candidates, threshold: float) -> Candidates:
        found = self._judged(self._backend.onet, pyramid, found, side_px=ONET_PX, power=self._point.powers[2])
        if self._point.mirrored:
            found = self._distinct(found, min(threshold, MIRRORED_FROM)).to(str(self._backend.device))
            found = self._judged_mirrored(pyramid, found)
        found = self._distinct(found, threshold)
        self._lap("O-Net")
        return replace(found, scores=found.logs.exp())

    def _distinct(self, found: Candidates, threshold: float) -> Candidates:
        """Those whose combined score is above the threshold, moved as O-Net asks, one a face; on the processor."""
        found = found[found.logs.exp() > threshold]
        found = replace(found, boxes=boxes.shifted(found.boxes, found.offsets, extra=1)).to("cpu")
        found = found[boxes.nms_by_smaller(found.boxes, found.logs.exp(), found.frame, 0.7)]
        if not self._as_published:  # which leaves two boxes of different heights on one masked face
            found = found[boxes.nms(found.boxes, found.logs.exp(), found.frame, 0.4)]
        return found

    def _judged(
        self, network: Run, pyramid: Pyramid, found: Candidates, *, side_px: int, power: float
    ) -> Candidates:
        """Those candidates that have a crop, with what the network says of it."""
        parts = [self._nothing()]
        for part, crops in _cut(pyramid, found, side_px):
            self._lap("crops")
            if not len(part):  # all of them moved out of the frame
                continue
            values = network(crops)
            logs = part.logs + power * logsigmoid(values[:, 0])
            scores, offsets = values[:, 0].sigmoid(), values[:, 1:].clone()
            parts.append(replace(part, scores=scores, logs=logs, offsets=offsets))
            self._lap("R-Net" if side_px == RNET_PX else "O-Net")
        return _joined(parts)

    def _judged_mirrored(self, pyramid: Pyramid, found: Candidates) -> Candidates:
        """The squares about O-Net's boxes with what it says of them mirrored, its log-odds the mean of both answers."""
        parts = [self._nothing()]
        for part, crops in _cut(pyramid, replace(found, boxes=boxes.squared(found.boxes)), ONET_PX):
            if not len(part):
                continue
            values = self._backend.onet(crops.flip(2))
            before = part.scores.logit(eps=SUREST)
            mean = (before + values[:, 0]) / 2
            logs = part.logs + self._point.powers[2] * (logsigmoid(mean) - logsigmoid(before))
            offsets = boxes.mirrored_offsets(values[:, 1:])
            parts.append(replace(part, scores=mean.sigmoid(), logs=logs, offsets=offsets))
        return _joined(parts)

    def _nothing(self) -> Candidates:
        device = self._backend.device
        return Candidates(
            torch.empty((0, 4), device=device),
            torch.empty(0, device=device),
            torch.empty(0, device=device),
            torch.empty((0, 4), device=device),
            torch.empty(0, dtype=torch.int64, device=device),
        )


def _log_odds(probability: float) -> float:
    if probability in {0.0, 1.0}:
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))
