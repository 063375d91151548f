"""One picture of the labels that are probably wrong, to be checked by eye."""

from collections.abc import Sequence

import cv2
import numpy as np

from maskwatch.core.errors import SourceError
from maskwatch.core.records import Rgb
from maskwatch.evaluation.label_errors import Doubt, Suspect
from maskwatch.evaluation.sheets import TILE_PX, cut
from maskwatch.sources.images import read_rgb

COLUMNS = 8
ROWS = 5  # of each doubt
LINE_PX, GAP_PX = 18, 6
INK, PAPER = (20, 20, 20), (255, 255, 255)
WIDTH_PX = COLUMNS * (TILE_PX + GAP_PX) + GAP_PX


def contact_sheet(suspects: Sequence[Suspect]) -> Rgb:
    """The first of each kind of doubt, `(H, 1334, 3)` uint8 RGB, numbered as in the report's tables."""
    strips = [_text("Blue: labelled. Orange: not labelled. Numbers are those of the report.")]
    for doubt in Doubt:
        own = [each for each in suspects if each.doubt is doubt]
        shown = own[: COLUMNS * ROWS]
        strips.append(
            _text(f"{doubt.value}: {len(own)}" + (f", the first {len(shown)}" if shown != own else ""))
        )
        strips += [_row(shown, start) for start in range(0, len(shown), COLUMNS)]
    return np.concatenate(strips)


def _text(words: str) -> Rgb:
    strip = np.full((LINE_PX * 2, WIDTH_PX, 3), PAPER, np.uint8)
    _write(strip, words, GAP_PX, int(LINE_PX * 1.4), 0.55)
    return strip


def _row(shown: Sequence[Suspect], start: int) -> Rgb:
    strip = np.full((TILE_PX + 2 * LINE_PX + GAP_PX, WIDTH_PX, 3), PAPER, np.uint8)
    for place, each in enumerate(shown[start : start + COLUMNS]):
        left = GAP_PX + place * (TILE_PX + GAP_PX)
        strip[:TILE_PX, left : left + TILE_PX] = _tile(each)
        _write(strip, f"{start + place + 1} {each.label or 'no label'}", left, TILE_PX + 14, 0.42)
        _write(strip, each.says, left, TILE_PX + 14 + LINE_PX, 0.42)
    return strip


def _tile(suspect: Suspect) -> Rgb:
    """The face's crop; grey where its picture has been removed meanwhile."""
    try:
        rgb = read_rgb(suspect.image.path)
    except SourceError:
        return np.full((TILE_PX, TILE_PX, 3), 200, np.uint8)
    image = cut(rgb, suspect.box, "", labelled=bool(suspect.label))
    decoded = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None  # it was encoded just now
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _write(strip: Rgb, words: str, x: int, y: int, size: float) -> None:
    cv2.putText(strip, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
