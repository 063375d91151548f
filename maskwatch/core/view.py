"""Does a camera see anything useful? Each picture is held against what the camera usually sees.

A view is kept as a grid of points (`selection.scene.grid`), in blocks. A block that has a pattern matches while the
pattern is the same, however bright: light that is switched on or off, dusk and shadows change little of it, a hand, paint
or another direction all of it. Who walks by hides some blocks for a while.
"""

from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Frame
from maskwatch.core.selection.scene import Grid, grid

Floats = NDArray[np.float64]

BLOCK = 10  # points of the grid, a side: 16 x 9 blocks
PATTERN = 4.0  # grey levels (0..255), the spread within a block from which it has a pattern, above noise and compression
SAME = 0.5  # the correlation from which it is the same
CLEAR = 0.3  # of the usual contrast: less is seen through something
BLACK = 10.0  # grey levels that a camera adds to what is black
MEDIAN = 0.6745  # of the size of normal noise, by its standard deviation
MIN_PATTERNS = 8  # blocks, or nothing is said of the pattern
LEARN_S, RELEARN_S = 30.0, 300.0  # in which a block that matches, and one that does not, becomes what it shows
DARK, DARKEST = 14.0, 40.0  # grey levels: the mean, and what hardly a point is above
DAZZLED, BRIGHT = 0.6, 250  # of all points, from this level on
FLAT = 3.0  # grey levels, the spread of a picture that shows nothing


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
    """One picture against the usual view.

    `mean` and `spread` are of its grey levels (0..255), `high` is that of its brightest thousandth, `bright` the share of
    points that are dazzled. `matching` is the share (0..1) of the blocks with a pattern that still have theirs, `texture` how
    much pattern there is (1: as usual), `sharpness` how sharp it is where it matches (1: as usual); each None where that
    cannot be told. `digest` is of the picture itself: equal for equal ones.
    """

    mean: float
    spread: float
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
        """Whether most points have all light that there is."""
        return self.bright > DAZZLED

    @property
    def is_flat(self) -> bool:
        """Whether it shows nothing at all."""
        return self.spread < FLAT


class UsualView:
    """What one camera usually sees; learnt from its pictures, of which it is shown each in order."""

    def __init__(self) -> None:
        self._points: Floats | None = None
        self._sharpness: Floats | None = None
        self._at = 0.0

    def measure(self, frame: Frame) -> Measure:
        """The picture against what was learnt so far; nothing is learnt."""
        now = grid(frame)
        matches, patterned = self._matches(now)
        known = int(patterned.sum()) >= MIN_PATTERNS
        return Measure(
            mean=float(now.mean()),
            spread=float(now.std()),
            high=float(np.quantile(now, 0.999)),
            bright=float((now >= BRIGHT).mean()),
            matching=float(matches.sum() / patterned.sum()) if known else None,
            texture=self._texture(now, patterned) if known else None,
            sharpness=self._sharpness_of(frame, matches) if known else None,
            digest=crc32(np.ascontiguousarray(_rows(frame)).data),
        )

    def learn(self, frame: Frame) -> None:
        """Let the usual view become a little more like this picture; one of another size begins anew."""
        now, sharp = grid(frame), _sharp(frame)
        if self._points is None or self._sharpness is None or self._points.shape != now.shape:
            self._points, self._sharpness, self._at = now.astype(float), sharp, frame.at
            return
        passed_s = min(max(frame.at - self._at, 0.0), LEARN_S)
        self._at = frame.at
        matches, patterned = self._matches(now)
        share = np.where(matches | ~patterned, passed_s / LEARN_S, passed_s / RELEARN_S)
        self._points += _spread_out(share, now.shape) * (now - self._points)
        self._sharpness += share * (sharp - self._sharpness)

    def forget(self) -> None:
        """The next picture is the usual view."""
        self._points = None

    def _matches(self, now: Grid) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each block, whether its pattern is the usual one, and whether it usually has one."""
        rows, columns = now.shape[0] // BLOCK, now.shape[1] // BLOCK
        if self._points is None or self._points.shape != now.shape:
            return np.zeros((rows, columns), bool), np.zeros((rows, columns), bool)
        usual, new = _centred(self._points), _centred(now.astype(float))
        spread, own = np.sqrt((usual**2).mean((1, 3))), np.sqrt((new**2).mean((1, 3)))
        patterned = spread >= PATTERN
        alike = (usual * new).mean((1, 3)) >= SAME * np.maximum(spread * own, 1e-9)
        clear = _contrast(now.astype(float)) >= CLEAR * _contrast(self._points)
        return patterned & alike & clear, patterned

    def _texture(self, now: Grid, patterned: NDArray[np.bool_]) -> float:
        assert self._points is not None
        usual = _contrast(self._points)[patterned].mean()
        return float(_contrast(now.astype(float))[patterned].mean() / usual)

    def _sharpness_of(self, frame: Frame, matches: NDArray[np.bool_]) -> float | None:
        if self._sharpness is None or matches.sum() < MIN_PATTERNS:
            return None
        shares = _sharp(frame)[matches] / np.maximum(self._sharpness[matches], 1e-6)
        return float(np.median(shares))


def _rows(frame: Frame) -> NDArray[np.uint8]:
    """Whole rows of the green channel, as far apart as the grid's."""
    step = -(-frame.size[1] // grid(frame).shape[0])
    return frame.rgb[::step, :, 1]


def _sharp(frame: Frame) -> Floats:
    """Of each block, how much neighbouring pixels differ by how much its points do: little where edges are soft."""
    points = grid(frame)
    rows = _rows(frame)[: points.shape[0]].astype(np.int16)
    steps = np.diff(rows, axis=1, prepend=rows[:, :1]).astype(np.float32)
    noise = float(np.median(np.abs(steps))) / MEDIAN  # most of a picture has no edge
    height, width = points.shape[0] // BLOCK, points.shape[1] // BLOCK
    side = rows.shape[1] // points.shape[1] * BLOCK  # pixels of a row in a block
    fine = steps[: height * BLOCK, : width * side].reshape(height, BLOCK, width, side)
    edges = np.sqrt(np.maximum((fine**2).mean((1, 3)) - noise**2, 0))
    return np.asarray(edges / np.maximum(_spread(points.astype(float)), 1.0), float)


def _spread(points: Floats) -> Floats:
    """Of each block: the standard deviation, grey levels."""
    return np.asarray(np.sqrt((_centred(points) ** 2).mean((1, 3))), float)


def _contrast(points: Floats) -> Floats:
    """Of each block: its spread by its brightness, which other light does not change (Weber's contrast)."""
    rows, columns = points.shape[0] // BLOCK, points.shape[1] // BLOCK
    blocks = points[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return np.asarray(_spread(points) / (blocks.mean((1, 3)) + BLACK), float)


def _centred(points: Floats) -> Floats:
    """The points of each block, `(rows, BLOCK, columns, BLOCK)`, less the block's mean."""
    rows, columns = points.shape[0] // BLOCK, points.shape[1] // BLOCK
    blocks = points[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return np.asarray(blocks - blocks.mean((1, 3), keepdims=True), float)


def _spread_out(blocks: Floats, shape: tuple[int, ...]) -> Floats:
    """Each block's value at each of its points; what is beside the blocks has that of the nearest."""
    whole = blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    return np.pad(whole, [(0, shape[0] - whole.shape[0]), (0, shape[1] - whole.shape[1])], mode="edge")
