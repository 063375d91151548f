"""Letters on plots: matplotlib's own font has no Korean, so one that the system has stands in for what is missing.

Pictures need none: OpenCV brings a font that has Chinese, Japanese and Korean (`output/text.py`).
"""

from functools import cache
from pathlib import Path

KOREAN = ("NanumGothic", "NotoSansCJK-Regular", "NotoSansKR-Regular", "NanumBarunGothic", "UnDotum", "malgun")
"""Files of fonts with Hangul, without their suffix, the best first; Debian's package `fonts-nanum` has the first."""


@cache
def use_fonts() -> None:
    """Have all plots of this process fall back on a Korean font, where the system has one."""
    from matplotlib import font_manager, rcParams

    found = {Path(path).stem: path for path in font_manager.findSystemFonts()}
    path = next((found[name] for name in KOREAN if name in found), None)
    if path is None:
        return
    font_manager.fontManager.addfont(path)  # what matplotlib remembers of the system's fonts may be old
    name = font_manager.FontProperties(fname=path).get_name()
    rcParams["font.family"] = ["sans-serif", name]  # a letter that the first has not is taken from the second
