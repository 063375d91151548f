"""The cascade: P-Net proposes over the pyramid, R-Net refines, O-Net decides.

One call takes frames of any sizes; those of one size go through together. Candidates stay on the device of
the backend until the last suppression.
"""

import logging
import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from maskwatch.core.records import MAX_PIXELS, Box, Detections, Face, Rgb
from maskwatch.detect import boxes, looks, proposals
from maskwatch.detect.backends.compiled import HandOver
from maskwatch.detect.backends.folded import Backend, Run
from maskwatch.detect.candidates import (
    LENGTHS,
    Candidates,
    ExactFilter,
    Filter,
    PaddedFilter,
    joined,
    nothing,
)
from maskwatch.detect.looks import ONET_PX
from maskwatch.detect.pyramids.device import DevicePyramid
from maskwatch.detect.pyramids.host import HostPyramid
from maskwatch.detect.pyramids.levels import Pyramid
from maskwatch.detect.pyramids.published import PublishedPyramid
from maskwatch.detect.pyramids.upload import Uploader
from maskwatch.detect.settings import Settings
from maskwatch.detect.single_thread import log_sigmoid
from maskwatch.detect.weights import OperatingPoint
from maskwatch.platform.cuda import is_full, noticing_loss
from maskwatch.platform.device_frames import DeviceFrames, Image, image_for

log = logging.getLogger(__name__)

RNET_PX = 24  # side of its crops
CHUNK = 512  # crops at once: bounds the memory of a crowded frame
CARD_CHUNK = 1024  # on a card, one of `candidates.LENGTHS`
CARD_FRAMES = 16  # on a card at once: the next go up while these are looked at
USUAL_CROPS = (1, *range(8, 49, 8))  # the numbers that the backends fill up to
CARD_CROPS = tuple(length for length in LENGTHS if length <= CARD_CHUNK)
MIRRORED_FROM = 0.05  # combined score; of a candidate under it the mirrored crop is not asked about
MAX_LEVELS = 64  # more than any frame has; numbers the groups of the suppression

STOCK_POINT = OperatingPoint()
CPU = torch.device("cpu")

Lap = Callable[[str], None]


def _no_lap(_: str) -> None:
    """Nobody measures."""


class Mtcnn:
    """A `Detector` of faces with the given settings; cameras may share the backend, on one thread.

    `version` names the weights, and `point` holds their thresholds, used unless the settings say otherwise. On a card
    `frames` keeps uploaded frames for other models. `thresholds` are those in use, 0..1 each.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        version: str,
        point: OperatingPoint = STOCK_POINT,
        frames: DeviceFrames | None = None,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._point = point
        self._as_published = settings.crops == "published"
        self._lap: Lap = _no_lap
        self._frames = frames or DeviceFrames()
        self._uploader = Uploader(backend.device)
        self._pixels_at_once = MAX_PIXELS
        self.version = version
        self.thresholds = settings.thresholds or point.thresholds

    @property
    def backend_name(self) -> str:
        """What the networks are computed by."""
        return self._backend.name

    @property
    def compiling(self) -> HandOver | None:
        """The state of P-Net's compilation; None where it is not to be compiled."""
        run = getattr(self._backend, "pnet_run", None)
        return run if isinstance(run, HandOver) else None

    def timed(self, lap: Lap) -> "Mtcnn":
        """A copy of this detector that calls `lap` with each step's name when the step is done."""
        timed = copy(self)
        timed._lap = lap  # noqa: SLF001 - its own kind
        return timed

    @torch.inference_mode()
    def self_test(self, rgb: Rgb) -> bool:
        """Whether the networks give finite numbers for a picture of at least 48 x 48; with others nothing is found.

        What is to be compiled for usual numbers of crops is compiled with it.
        """
        device = self._backend.device
        whole = torch.from_numpy(rgb)[None].to(device)
        answers = [self._backend.pnet(whole).clone()]
        pyramid, first = self._pyramid([rgb]), torch.zeros(1, dtype=torch.int64, device=device)
        networks: list[tuple[Run, int]] = [(self._backend.rnet, RNET_PX), (self._backend.onet, ONET_PX)]
        if self._backend.old_onet is not None:
            networks.append((self._backend.old_onet, ONET_PX))
        for network, side_px in networks:
            box = torch.tensor([[0.0, 0.0, side_px, side_px]], device=device)
            crop = pyramid.cut(first, box, side_px)  # of the type that it will be asked about
            counts = CARD_CROPS if isinstance(pyramid, DevicePyramid) else USUAL_CROPS
            answers += [network(crop.repeat(count, 1, 1, 1)).clone() for count in counts]
        return all(bool(answer.isfinite().all()) for answer in answers)

    @torch.inference_mode()
    def detect(self, frames: Sequence[Image]) -> list[tuple[Face, ...]]:
        """The faces of each frame, best first, not yet classified.

        Frames are `(H, W, 3)` uint8 RGB of any sizes; one too small to hold a face has none. Those that are tensors on
        the backend's card stay there. Raises `ImageError` for anything else.
        """
        return self._detected(frames, self.thresholds[2])

    @torch.inference_mode()
    def detect_with_near_misses(self, frames: Sequence[Image], share: float) -> list[Detections]:
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

    def _detected(self, given: Sequence[Image], threshold: float) -> list[tuple[Face, ...]]:
        device = CPU if self._as_published else self._backend.device
        frames = [image_for(device, image) for image in given]
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, image in enumerate(frames):
            by_size[isinstance(image, Tensor), *image.shape].append(place)
        faces: list[list[Face]] = [[] for _ in frames]
        waiting = deque(by_size.values())
        with noticing_loss(self._backend.device):
            while waiting:
                places = waiting.popleft()
                most = self._frames_at_once(frames[places[0]])
                if len(places) > most:
                    waiting.extendleft((places[most:], places[:most]))
                    continue
                following = waiting[0] if waiting else []
                following = following[: self._frames_at_once(frames[following[0]])] if following else []
                found = self._found_or_full(
                    [frames[place] for place in places], threshold, [frames[place] for place in following]
                )
                if found is None:
                    waiting.appendleft(places)
                    continue
                rows = zip(found.boxes.tolist(), found.scores.tolist(), found.frame.tolist(), strict=True)
                for box, score, frame in rows:
                    faces[places[frame]].append(Face(Box(*box), score))
        return [tuple(each) for each in faces]

    def _frames_at_once(self, image: Image) -> int:
        """How many frames of this size fit into memory."""
        most = max(1, self._pixels_at_once // (image.shape[0] * image.shape[1]))
        return most if self._backend.device.type == "cpu" else min(most, CARD_FRAMES)

    def _found_or_full(
        self, frames: list[Image], threshold: float, following: list[Image]
    ) -> Candidates | None:
        """None when the card's memory is too small for so many frames at once, which then holds for all later calls, too."""
        try:
            return self._found(frames, threshold, following)
        except RuntimeError as e:
            if not is_full(e) or len(frames) == 1:
                raise
        # only here, where the error no longer holds what it met
        self._pixels_at_once = len(frames) // 2 * frames[0].shape[0] * frames[0].shape[1]
        log.warning(
            "the card's memory is full: %d frames at once from now on, not %d", len(frames) // 2, len(frames)
        )
        torch.cuda.empty_cache()
        return None

    @torch.inference_mode()
    def candidates(self, rgb: Rgb, side_px: int, more: Tensor | None = None) -> tuple[Candidates, Tensor]:
        """What R-Net (`side_px` 24) or O-Net (48) is asked about in a frame: squares, and crops `(N, S, S, 3)`.

        `more` squares `(M, 4)` are added at the end. For training: it is what `detect` does, stopped half way.
        """
        pyramid = self._pyramid([rgb])
        found = self._proposed(pyramid, self.thresholds[0])
        if side_px == ONET_PX:
            found = self._refined(pyramid, found, self.thresholds[1])
        found = _filter(pyramid).exact(found)
        if more is not None:
            none = torch.zeros(len(more))
            offsets, frame = torch.zeros((len(more), 4)), torch.zeros(len(more), dtype=torch.int64)
            extra = Candidates(more, none, none, offsets, none, frame).to(str(self._backend.device))
            found = joined([found, extra])
        found = ExactFilter().selected(found, pyramid.touches(found.boxes))
        crops = [torch.empty((0, side_px, side_px, 3), device=self._backend.device)]
        for start in range(0, len(found), CHUNK):
            part = found[start : start + CHUNK]
            crops.append(pyramid.cut(part.frame, part.boxes, side_px))
        return found, torch.cat(crops[1:] or crops)

    def _found(self, frames: list[Image], to_o: float, following: list[Image]) -> Candidates:
        to_p, to_r, _ = self.thresholds
        pyramid = self._pyramid(frames)
        if following:
            self._uploader.begin(following)
        self._lap("pyramid")
        found = self._proposed(pyramid, to_p)
        found = self._refined(pyramid, found, to_r)
        return self._decided(pyramid, found, to_o)

    def _pyramid(self, frames: Sequence[Image]) -> Pyramid:
        device, min_face_px = self._backend.device, self._settings.min_face_px
        arrays = cast("list[Rgb]", frames)  # what `image_for` gives for the first two
        if self._as_published:
            return PublishedPyramid(arrays, min_face_px, device)
        if device.type == "cpu":
            return HostPyramid(arrays, min_face_px)
        uploaded = self._uploader.upload(frames)
        self._frames.keep(frames, uploaded)
        pyramid = DevicePyramid(uploaded, min_face_px)
        self._uploader.taken()
        return pyramid

    def _proposed(self, pyramid: Pyramid, threshold: float) -> Candidates:
        sheets = pyramid.sheets()
        if not sheets:
            return nothing(self._backend.device)
        bound, exactly = _log_odds(threshold), self._as_published
        if isinstance(pyramid, DevicePyramid):
            windows = proposals.padded(self._backend, sheets[0], pyramid.plan, bound)
        else:
            windows = proposals.exact(self._backend, sheets, bound, whole_pixels=exactly)
        odds, offsets = windows.values[:, 0], windows.values[:, 1:]
        logs = self._point.powers[0] * log_sigmoid(odds)
        found = Candidates(
            windows.boxes, odds.sigmoid(), logs, offsets, torch.zeros_like(odds), windows.frame
        )
        self._lap("P-Net")
        # each level for itself: boxes of two levels differ too much in size to suppress each other
        level = windows.frame * MAX_LEVELS + windows.level
        found = _filter(pyramid).suppressed(found, None, level, 0.5)
        moved = boxes.shifted(found.boxes, found.offsets, extra=0)
        self._lap("NMS")
        return replace(found, boxes=boxes.squared(moved))

    def _refined(self, pyramid: Pyramid, found: Candidates, threshold: float) -> Candidates:
        found = self._judged(self._backend.rnet, pyramid, found, side_px=RNET_PX, power=self._point.powers[1])
        found = _filter(pyramid).suppressed(found, found.scores > threshold, found.frame, 0.7)
        moved = boxes.shifted(found.boxes, found.offsets, extra=1)
        self._lap("R-Net")
        return replace(found, boxes=boxes.squared(moved))

    def _decided(self, pyramid: Pyramid, found: Candidates, threshold: float) -> Candidates:
        found = self._judged(self._backend.onet, pyramid, found, side_px=ONET_PX, power=self._point.powers[2])
        found = replace(found, boxes=boxes.shifted(found.boxes, found.offsets, extra=1))
        if self._point.mirrored:
            found = self._judged_again(pyramid, found, min(threshold, MIRRORED_FROM))
            self._lap("mirrored")
        found = replace(found, scores=found.logs.exp())
        found = _filter(pyramid).decided(found, found.scores > threshold, as_published=self._as_published)
        self._lap("O-Net")
        return found

    def _judged_again(self, pyramid: Pyramid, found: Candidates, threshold: float) -> Candidates:
        """One box for each face, scored by all of `looks`."""
        mask = found.logs.exp() > threshold
        found = _filter(pyramid).distinct(found, mask, as_published=self._as_published)
        found = replace(found, boxes=boxes.squared(found.boxes))
        parts = [nothing(self._backend.device)]
        for part, crops in self._cut(pyramid, found, ONET_PX):
            parts.append(looks.judged_again(self._backend, pyramid, part, crops, self._point.powers[2]))
        return joined(parts[1:] or parts)

    def _judged(
        self, network: Run, pyramid: Pyramid, found: Candidates, *, side_px: int, power: float
    ) -> Candidates:
        """Those candidates that have a crop, with what the network says of it."""
        parts = [nothing(self._backend.device)]
        for part, crops in self._cut(pyramid, found, side_px):
            self._lap("crops")
            values = network(crops)
            logs = part.logs + power * log_sigmoid(values[:, 0])
            scores, offsets = values[:, 0].sigmoid(), values[:, 1:5].clone()
            turns = side_px == ONET_PX and not self._as_published
            roll = looks.roll(values[:, 5:]) if turns else part.roll
            parts.append(replace(part, scores=scores, logs=logs, offsets=offsets, roll=roll))
            self._lap("R-Net" if side_px == RNET_PX else "O-Net")
        return joined(parts[1:] or parts)

    def _cut(self, pyramid: Pyramid, found: Candidates, side_px: int) -> Iterator[tuple[Candidates, Tensor]]:
        """The candidates that touch the frame with their crops `(N, S, S, 3)`, not more at once than fit into memory."""
        chunk = CARD_CHUNK if isinstance(pyramid, DevicePyramid) else CHUNK
        for start in range(0, len(found), chunk):
            part = found[start : start + chunk]
            part = _filter(pyramid).selected(part, pyramid.touches(part.boxes))
            if len(part):  # not all of them moved out of the frame
                yield part, pyramid.cut(part.frame, part.boxes, side_px)


def _filter(pyramid: Pyramid) -> Filter:
    return PaddedFilter() if isinstance(pyramid, DevicePyramid) else ExactFilter()


def _log_odds(probability: float) -> float:
    if probability in {0.0, 1.0}:
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))
