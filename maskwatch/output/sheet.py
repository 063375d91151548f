"""An A4 page that is filled from above: headings, lines of text, tables and plots."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskwatch.output.fonts import families

WIDTH, HEIGHT, MARGIN = 8.27, 11.69, 0.75  # inches: A4
INK, FAINT, LINE = "#1d2430", "#5d6878", "#dce0e7"
BODY = 9.5  # points
LETTER = 0.078  # inches of a letter of `BODY`, about; of a Korean one twice that
AXIS = 0.5  # inches left of a plot for what stands at its axis


def percent(share: float | None) -> str:
    """`83 %`; nothing of None."""
    return "" if share is None else f"{100 * share:.0f} %"


class Sheet:
    """Each method puts something below what was put before; `figure` is the page."""

    def __init__(self) -> None:
        self.figure = Figure(figsize=(WIDTH, HEIGHT))
        self._y = HEIGHT - MARGIN  # inches from below

    def title(self, text: str, below: str) -> None:
        """The page's name, large, and a line below it."""
        self._write(MARGIN, text, size=21, weight="bold")
        self._y -= 0.42
        self._write(MARGIN, below, size=12)
        self._y -= 0.3

    def heading(self, text: str, beside: str = "") -> None:
        """What follows; `beside` it stands something small."""
        self._y -= 0.16
        self._write(MARGIN, text, size=12, weight="bold")
        if beside:
            self._write(WIDTH - MARGIN, beside, size=8, colour=FAINT, align="right")
        self._y -= 0.3

    def line(self, text: str, *, colour: str = INK, size: float = BODY) -> None:
        """A paragraph, broken where it must be."""
        per_letter = LETTER * size / BODY * (1.6 if any(ord(letter) > 0x1100 for letter in text) else 1.0)
        for each in textwrap.wrap(text, round((WIDTH - 2 * MARGIN) / per_letter)):
            self._write(MARGIN, each, size=size, colour=colour)
            self._y -= 0.022 * size
        self._y -= 0.04

    def cells(self, texts: Sequence[str], inches: Sequence[float], *, colour: str = INK) -> None:
        """A row of a table, each cell so many inches from the left margin; one that is too long is cut."""
        ends = [*inches[1:], WIDTH - 2 * MARGIN]
        for text, left, end in zip(texts, inches, ends, strict=True):
            wide = sum(1.7 if ord(letter) > 0x1100 else 1.0 for letter in text) / max(1, len(text)) or 1.0
            fits = max(3, int((end - left - 0.1) / (LETTER * 0.95 * wide)))
            self._write(MARGIN + left, text if len(text) <= fits else f"{text[: fits - 1]}…", colour=colour)
        self._y -= 0.2
        self._rule()

    def figures_row(self, figures: Sequence[tuple[str, str, str]]) -> None:
        """Large figures side by side: each the figure, what it is, a word more."""
        self._y -= 0.15
        step = (WIDTH - 2 * MARGIN) / len(figures)
        for number, (figure, name, more) in enumerate(figures):
            left = MARGIN + number * step
            self._write(left, figure, size=21, weight="bold")
            self._write(left, name, size=BODY, down=0.36)
            self._write(left, more, size=7.5, colour=FAINT, down=0.55)
        self._y -= 0.85

    def axes(self, height: float) -> Axes:
        """A plot over the whole width, so many inches high with what stands below it."""
        return self._axes(MARGIN + AXIS, WIDTH - 2 * MARGIN - AXIS, height)

    def pair_of_axes(
        self, height: float, left: str, right: str = "", *, small: bool = False
    ) -> tuple[Axes, Axes]:
        """Two plots side by side, each with its heading."""
        half = (WIDTH - 2 * MARGIN) / 2
        self._y -= 0.16
        for at, text in ((MARGIN, left), (MARGIN + half + 0.1, right)):
            self._write(at, text, size=8 if small else 12, weight="normal" if small else "bold")
        self._y -= 0.22 if small else 0.3
        room = 0.0 if small else AXIS
        y = self._y
        first = self._axes(MARGIN + room, half - room - 0.1, height)
        self._y = y
        return first, self._axes(MARGIN + half + 0.1 + room, half - room - 0.1, height)

    def foot(self, left: str, right: str) -> None:
        """Small, at the page's end."""
        self._y = 0.5
        self._write(MARGIN, left, size=7.5, colour=FAINT)
        self._write(WIDTH - MARGIN, right, size=7.5, colour=FAINT, align="right")

    def _axes(self, left: float, width: float, height: float) -> Axes:
        low = self._y - height + 0.25
        axes = self.figure.add_axes((left / WIDTH, low / HEIGHT, width / WIDTH, (height - 0.25) / HEIGHT))
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(LINE)
        axes.tick_params(labelsize=8, colors=FAINT, labelfontfamily=list(families()))
        self._y -= height + 0.05
        return axes

    def _write(
        self,
        left: float,
        text: str,
        *,
        size: float = BODY,
        colour: str = INK,
        weight: str = "normal",
        align: str = "left",
        down: float = 0.0,
    ) -> None:
        self.figure.text(
            left / WIDTH,
            (self._y - down) / HEIGHT,
            text.replace("$", r"\$"),  # it is no formula
            fontsize=size,
            color=colour,
            weight=weight,
            ha=align,
            va="top",
            family=list(families()),
        )

    def _rule(self) -> None:
        y = (self._y + 0.02) / HEIGHT
        ends = [MARGIN / WIDTH, 1 - MARGIN / WIDTH]
        self.figure.add_artist(Line2D(ends, [y, y], color=LINE, linewidth=0.6))
