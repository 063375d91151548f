"""Text of any script on matplotlib's figures, without empty boxes.

Where the machine has a font with Korean, it is used beside matplotlib's own. Where it has none, what that cannot
show is drawn as a picture, by the font that OpenCV brings.
"""

import warnings
from functools import cache

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.text import Text

from maskwatch.output.text import text_width, write

OWN = "DejaVu Sans"
KOREAN = (
    *("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Nanum Gothic", "NanumBarunGothic", "Malgun Gothic"),
    *("Apple SD Gothic Neo", "UnDotum", "Baekmuk Gulim", "WenQuanYi Micro Hei", "Droid Sans Fallback"),
)
HANGUL = "가각힣"  # the first two and the last: who has these has them all
PICTURE_DPI = 300
RAISED = 0.2  # of the letters' height: OpenCV's font stands so much lower below its line's top
ALIGNMENT = {"left": 0.0, "center": 0.5, "right": 1.0, "bottom": 0.0, "top": 1.0, "baseline": 0.25}


@cache
def families() -> tuple[str, ...]:
    """The fonts to write with, the first that has a letter shows it."""
    named = {font.name: font.fname for font in fontManager.ttflist}
    return (OWN, *(name for name in KOREAN if name in named and _has(named[name], HANGUL)))[:2]


def show_all_letters(figure: Figure) -> None:
    """Make pictures of those texts of a finished figure that no font can show. To be called once, before it is saved."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Glyph", category=UserWarning)
        figure.draw_without_rendering()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        labels = axis.get_ticklabels()
        if any(not _can_be_shown(each) for each in labels):
            for each in labels:
                _as_picture(figure, each)
            axis.set_ticklabels([""] * len(labels))  # they are written anew each time it is drawn
    for text in figure.findobj(Text):
        if text.get_visible() and not _can_be_shown(text):
            _as_picture(figure, text)


def _can_be_shown(text: Text) -> bool:
    return set(text.get_text()) <= _letters() | {"\n"}


def _as_picture(figure: Figure, text: Text) -> None:
    px = max(1, round(float(text.get_fontsize()) * PICTURE_DPI / 72))
    lines = text.get_text().split("\n")
    across = max(text_width(line, px) for line in lines) + px // 4
    step = round(px * 1.25)
    black = np.full((step * len(lines) + px // 3, across, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        write(black, line, (0, number * step + px), (0, 0, 0), px)
    rgba = np.zeros((*black.shape[:2], 4))
    rgba[..., :3] = to_rgb(text.get_color())
    rgba[..., 3] = 1 - black[..., 0] / 255
    down = ALIGNMENT.get(text.get_verticalalignment(), 0.5) * (1 - RAISED * px / len(black))
    where = (ALIGNMENT[text.get_horizontalalignment()], down)
    box = AnnotationBbox(
        OffsetImage(rgba, zoom=72 / PICTURE_DPI),
        text.get_unitless_position(),
        xycoords=text.get_transform(),
        box_alignment=where,
        frameon=False,
        pad=0,
        annotation_clip=False,
    )
    figure.add_artist(box)
    text.set_text("")


@cache
def _letters() -> frozenset[str]:
    named = {font.name: font.fname for font in fontManager.ttflist}
    return frozenset(chr(code) for name in families() for code in FT2Font(named[name]).get_charmap())


def _has(path: str, letters: str) -> bool:
    codes = FT2Font(path).get_charmap()
    return all(ord(letter) in codes for letter in letters)
