"""Whether a camera sees anything useful: each picture is compared with what the camera usually sees.

A view is a grid of points (`selection.scene.grid`), in blocks. A block with a pattern matches while the pattern is the same,
however bright: light that is switched, dusk and shadows hardly change it; a hand, paint or another direction changes all
blocks. People who walk by hide some blocks for a while.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Frame
from maskwatch.core.selection.scene import Grid, grid

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

ROWS = 5  # rows of pixels in a block by which its sharpness is measured
BLOCK = 10  # points of the grid on a block's side: 16 x 9 blocks
PATTERN = 4.0  # grey levels (0..255): a block has a pattern from this standard deviation on, above noise and compression
SAME = 0.5  # the correlation from which a pattern is the same
CLEAR = 0.3  # of the usual contrast: less means that something lies before the lens
BLACK = 10.0  # grey levels that a camera adds to black
MEDIAN = 0.6745  # the median of the absolute value of normal noise, over its standard deviation
MIN_PATTERNS = 8  # blocks with a pattern; with fewer, patterns are not compared
LEARN_S = 30.0  # within this time a block that matches becomes what it shows,
RELEARN_S = 300.0  # and within this time one that does not
DARK, DARKEST = 14.0, 40.0  # grey levels: bounds of the mean and of the brightest thousandth in the dark
DAZZLED, BRIGHT = 0.6, 250  # a share of points with at least this grey level
FLAT = 3.0  # grey levels: a picture with a smaller standard deviation shows nothing


class Fault(StrEnum):
    """Why a camera sees nothing useful."""

    DARK = "dark"
    DAZZLED = "dazzled"
    COVERED = "covered"
    TURNED = "turned away"
    BLURRED = "out of focus"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Measure:
    """One picture compared with the usual view.

    Attributes:
        mean: of its grey levels, 0..255.
        std: their standard deviation.
        high: the grey level that its brightest thousandth is above.
        bright: the share (0..1) of points that are dazzled.
        matching: the share (0..1) of the blocks with a pattern that still show it; None where there are too few.
        texture: how much pattern there is (1: as usual); None as for `matching`.
        sharpness: how sharp the matching blocks are (1: as usual); None where there are too few.
        digest: equal for equal pictures.

    """

    mean: float
    std: float
    high: float
    bright: float
    matching: float | None
    texture: float | None
    sharpness: float | None
    digest: int

    @property
    def is_dark(self) -> bool:
        """Whether hardly any point has light."""
        return self.mean < DARK and self.high < DARKEST

    @property
    def is_dazzled(self) -> bool:
        """Whether most points are as bright as can be."""
        return self.bright > DAZZLED

    @property
    def is_flat(self) -> bool:
        """Whether it shows nothing at all."""
        return self.std < FLAT


class UsualView:
    """What one camera usually sees, learnt from its pictures without a fault.

    To be called with each picture in order: `measure`, and then `learn` where the picture has no fault.
    """

    def __init__(self) -> None:
        self._usual: _View | None = None
        self._now: _View | None = None
        self._at = self._now_at = 0.0

    def measure(self, frame: Frame) -> Measure:
        """Compare a picture with what was learnt so far; nothing is learnt."""
        rows = _rows(frame)
        now = self._now = _View.of(grid(frame), rows)
        self._now_at = frame.at
        matches, patterned = self._matches()
        known = int(patterned.sum()) >= MIN_PATTERNS
        points = now.points
        return Measure(
            mean=float(points.mean()),
            std=float(points.std()),
            high=float(np.quantile(points, 0.999)),
            bright=float((points >= BRIGHT).mean()),
            matching=float(matches.sum() / patterned.sum()) if known else None,
            texture=self._texture(patterned) if known else None,
            sharpness=self._sharpness(matches),
            digest=crc32(np.ascontiguousarray(rows).data),
        )

    def learn(self) -> None:
        """Move the usual view a little towards the measured picture; a picture of another size replaces it."""
        now, usual = self._now, self._usual
        assert now is not None
        if usual is None or usual.points.shape != now.points.shape:
            self._usual, self._at = now, self._now_at
            return
        passed_s = min(max(self._now_at - self._at, 0.0), LEARN_S)
        self._at = self._now_at
        matches, patterned = self._matches()
        share = np.where(matches | ~patterned, passed_s / LEARN_S, passed_s / RELEARN_S)
        points = usual.points + _spread_out(share, now.points.shape) * (now.points - usual.points)
        self._usual = _View.with_sharpness(
            points, usual.sharpness + share * (now.sharpness - usual.sharpness)
        )

    def reset(self) -> None:
        """Take the next picture that is learnt as the usual view."""
        self._usual = None

    def _matches(self) -> tuple[Flags, Flags]:
        """For each block, whether it shows its usual pattern, and whether it usually has one."""
        now, usual = self._now, self._usual
        assert now is not None
        if usual is None or usual.points.shape != now.points.shape:
            nothing = np.zeros(now.spread.shape, bool)
            return nothing, nothing
        patterned = usual.spread >= PATTERN
        both = (usual.pattern * now.pattern).mean((1, 3))
        alike = both >= SAME * np.maximum(usual.spread * now.spread, 1e-9)
        return patterned & alike & (now.contrast >= CLEAR * usual.contrast), patterned

    def _texture(self, patterned: Flags) -> float:
        assert self._now is not None
        assert self._usual is not None
        return float(self._now.contrast[patterned].mean() / self._usual.contrast[patterned].mean())

    def _sharpness(self, matches: Flags) -> float | None:
        if self._usual is None or self._now is None or matches.sum() < MIN_PATTERNS:
            return None
        usual = np.maximum(self._usual.sharpness[matches], 1e-6)
        return float(np.median(self._now.sharpness[matches] / usual))


@dataclass(frozen=True, slots=True)
class _View:
    """The points of a picture; and for each block the points minus their mean (`pattern`), their standard deviation
    (`spread`), contrast and sharpness."""

    points: Floats
    pattern: Floats
    spread: Floats
    contrast: Floats
    sharpness: Floats

    @classmethod
    def of(cls, points: Grid, rows: NDArray[np.uint8]) -> "_View":
        bare = cls.with_sharpness(points.astype(np.float32), np.zeros(0, np.float32))
        return replace(bare, sharpness=_sharp(rows, bare))

    @classmethod
    def with_sharpness(cls, points: Floats, sharpness: Floats) -> "_View":
        rows, columns = points.shape[0] // BLOCK, points.shape[1] // BLOCK
        blocks = points[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
        mean = blocks.mean((1, 3), keepdims=True)
        pattern = blocks - mean
        spread = np.sqrt((pattern**2).mean((1, 3)))
        # Weber's: other light does not change it
        return cls(points, pattern, spread, spread / (mean[:, 0, :, 0] + BLACK), sharpness)


def _rows(frame: Frame) -> NDArray[np.uint8]:
    """Whole rows of the green channel, `ROWS` to a block."""
    step = -(-frame.size[1] // grid(frame).shape[0])
    return frame.rgb[:: step * BLOCK // ROWS, :, 1]


def _sharp(rows: NDArray[np.uint8], view: _View) -> Floats:
    """For each block, the difference of neighbouring pixels over that of its points: small where edges are soft."""
    height, width = view.spread.shape
    side = rows.shape[1] // view.points.shape[1] * BLOCK  # pixels of a row in a block
    parts = rows[: height * ROWS, : width * side].astype(np.int16)
    steps = np.diff(parts, axis=1, prepend=parts[:, :1]).astype(np.float32)
    noise = float(np.median(np.abs(steps[:, :: side // BLOCK]))) / MEDIAN  # most of a picture has no edge
    edges = (steps**2).reshape(height, ROWS, width, side).mean((1, 3))
    return np.asarray(np.sqrt(np.maximum(edges - noise**2, 0)) / np.maximum(view.spread, 1.0), np.float32)


def _spread_out(blocks: Floats, shape: tuple[int, ...]) -> Floats:
    """Each block's value at each of its points; points beside the blocks get that of the nearest block."""
    whole = blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return np.pad(whole, [(0, shape[0] - whole.shape[0]), (0, shape[1] - whole.shape[1])], mode="edge")
