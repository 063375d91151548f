"""What is drawn and set on the page before it is saved. Pure: hands and keys in, places and numbers out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from maskwatch.core.geometry import spread
from maskwatch.core.people import Side
from maskwatch.core.records import Polygon

DIGITS = 3  # of a share: a thousandth of the picture is 2 px of 1920
MIN_AREA = 1e-4  # of the picture: less was a slip of the hand
MIN_LENGTH = 0.01  # of a line, as the configuration asks for
NAME = re.compile(r"\w[\w .-]{0,63}")
MAX_UNDO = 200

Point = tuple[float, float]


class PlaceKind(StrEnum):
    """A polygon in which faces are left out, one in which people count, and a line that they cross."""

    IGNORE = "ignore"
    ZONE = "zone"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Place:
    """One of them: `points` are shares (0..1) of the frame, two for a line, `name` is empty where it is ignored.

    `number` names it as long as the page is open; `leaving` is the side of a line where people have left.
    """

    number: int
    kind: PlaceKind
    name: str
    points: Polygon
    leaving: Side = Side.RIGHT


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the sliders set: probabilities and the ratio 0..1, seconds, pixels.

    `found_at` is the detector's last threshold; it and `min_face_px` are None for a detector that has none.
    """

    protected_at: float
    protected_ratio: float
    for_s: float
    found_at: float | None = None
    min_face_px: float | None = None


@dataclass(frozen=True, slots=True)
class _Moment:
    places: tuple[Place, ...]
    numbers: Numbers


@dataclass(slots=True)
class _Steps:
    before: list[_Moment] = field(default_factory=list)
    after: list[_Moment] = field(default_factory=list)


class Draft:
    """Starts with what is in force; every change can be undone, and done again."""

    def __init__(self, places: Iterable[Place], numbers: Numbers) -> None:
        self._now = self._start = _Moment(tuple(places), numbers)
        self._next = max((place.number for place in self._now.places), default=0)
        self._steps = _Steps()
        self._number_last = ""  # the number that was set last: one way of a slider is one step
        self.selected: int | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them, in the order in which they were drawn."""
        return self._now.places

    @property
    def numbers(self) -> Numbers:
        """As they are set now."""
        return self._now.numbers

    @property
    def changed(self) -> bool:
        """Whether it differs from what is in force."""
        return self._now != self._start

    def of(self, kind: PlaceKind) -> tuple[Place, ...]:
        """Those of a kind."""
        return tuple(place for place in self.places if place.kind is kind)

    def place(self, number: int) -> Place | None:
        """The one of that number."""
        return next((place for place in self.places if place.number == number), None)

    def add(self, kind: PlaceKind, points: Sequence[Point]) -> int | None:
        """A new one, which is selected; None for what is too small to be meant."""
        kept = _kept(points)
        if not _is_a_place(kind, kept):
            return None
        self._next += 1
        new = Place(self._next, kind, self._free_name(kind), kept)
        self._step((*self.places, new))
        self.selected = new.number
        return new.number

    def add_in_the_middle(self, kind: PlaceKind) -> int | None:
        """A new one for who has no mouse, to be moved corner by corner."""
        shift = 0.04 * (len(self.of(kind)) % 5)
        low, high = 0.35 + shift, 0.65 + shift
        square = [(low, low), (high, low), (high, high), (low, high)]
        return self.add(kind, [(low, low + 0.15), (high, low + 0.15)] if kind is PlaceKind.LINE else square)

    def move_corner(self, number: int, corner: int, point: Point) -> None:
        """Put a corner elsewhere; ignored where nothing would be left of the place."""
        place = self.place(number)
        if place is not None and 0 <= corner < len(place.points):
            (kept,) = _kept([point])
            self._put(place, (*place.points[:corner], kept, *place.points[corner + 1 :]))

    def nudge(self, number: int, corner: int | None, right: float, down: float) -> None:
        """Move a corner, or with None all of it, by shares of the frame; it stays within."""
        place = self.place(number)
        if place is None:
            return
        if corner is not None:
            if 0 <= corner < len(place.points):
                x, y = place.points[corner]
                self.move_corner(number, corner, (x + right, y + down))
            return
        xs, ys = zip(*place.points, strict=True)
        right, down = min(max(right, -min(xs)), 1 - max(xs)), min(max(down, -min(ys)), 1 - max(ys))
        self._put(place, _kept([(x + right, y + down) for x, y in place.points]))

    def insert_corner(self, number: int, after: int, point: Point | None = None) -> None:
        """One more corner of a polygon on the edge after a corner: at `point`, or in its middle."""
        place = self.place(number)
        if place is None or place.kind is PlaceKind.LINE or not 0 <= after < len(place.points):
            return
        (x1, y1), (x2, y2) = place.points[after], place.points[(after + 1) % len(place.points)]
        (kept,) = _kept([point or ((x1 + x2) / 2, (y1 + y2) / 2)])
        self._put(place, (*place.points[: after + 1], kept, *place.points[after + 1 :]))

    def remove_corner(self, number: int, corner: int) -> None:
        """Take a corner away; of three, or of a line's two, that takes the whole place away."""
        place = self.place(number)
        if place is None or not 0 <= corner < len(place.points):
            return
        if place.kind is PlaceKind.LINE or len(place.points) <= 3:
            self.remove(number)
        else:
            self._put(place, (*place.points[:corner], *place.points[corner + 1 :]))

    def remove(self, number: int) -> None:
        """Take a place away."""
        self._step(tuple(place for place in self.places if place.number != number))
        self.selected = None if self.selected == number else self.selected

    def flip(self, number: int) -> None:
        """The other side of a line is where people have left."""
        place = self.place(number)
        if place is not None and place.kind is PlaceKind.LINE:
            self._replace(
                place, replace(place, leaving=Side.LEFT if place.leaving is Side.RIGHT else Side.RIGHT)
            )

    def rename(self, number: int, name: str) -> bool:
        """False for what is no name, or another's of the kind."""
        place = self.place(number)
        if place is None or place.kind is PlaceKind.IGNORE or not NAME.fullmatch(name):
            return False
        if any(each.name == name and each.number != number for each in self.of(place.kind)):
            return False
        self._replace(place, replace(place, name=name))
        return True

    def set_number(self, name: str, value: float) -> None:
        """Set one of `Numbers`."""
        numbers = replace(self.numbers, **{name: value})
        if numbers == self.numbers:
            return
        if self._number_last == name and self._steps.before:
            self._now = replace(self._now, numbers=numbers)
            self._steps.after = []
            return
        self._step(self.places, numbers)
        self._number_last = name

    def undo(self) -> bool:
        """Take the last change back; False when there is none."""
        return self._go(self._steps.before, self._steps.after)

    def redo(self) -> bool:
        """Do again what was undone last; False when there is nothing."""
        return self._go(self._steps.after, self._steps.before)

    @property
    def can_undo(self) -> bool:
        """Whether `undo` would change something."""
        return bool(self._steps.before)

    @property
    def can_redo(self) -> bool:
        """Whether `redo` would."""
        return bool(self._steps.after)

    def _go(self, back: list[_Moment], forth: list[_Moment]) -> bool:
        if not back:
            return False
        forth.append(self._now)
        self._now = back.pop()
        self._number_last = ""
        if self.selected is not None and self.place(self.selected) is None:
            self.selected = None
        return True

    def _put(self, place: Place, points: Polygon) -> None:
        if _is_a_place(place.kind, points):
            self._replace(place, replace(place, points=points))

    def _replace(self, place: Place, new: Place) -> None:
        self._step(tuple(new if each.number == place.number else each for each in self.places))

    def _step(self, places: tuple[Place, ...], numbers: Numbers | None = None) -> None:
        moment = _Moment(places, numbers or self.numbers)
        self._number_last = ""
        if moment != self._now:
            self._steps.before = [*self._steps.before[-MAX_UNDO + 1 :], self._now]
            self._steps.after = []
        self._now = moment

    def _free_name(self, kind: PlaceKind) -> str:
        if kind is PlaceKind.IGNORE:
            return ""
        taken = {place.name for place in self.of(kind)}
        return next(name for n in range(1, len(taken) + 2) if (name := f"{kind.value} {n}") not in taken)


def _kept(points: Iterable[Point]) -> Polygon:
    """Within the frame, and no more exact than a hand is."""
    return tuple(
        (round(min(max(x, 0.0), 1.0), DIGITS), round(min(max(y, 0.0), 1.0), DIGITS)) for x, y in points
    )


def _is_a_place(kind: PlaceKind, points: Polygon) -> bool:
    if kind is PlaceKind.LINE:
        return len(points) == 2 and max(abs(a - b) for a, b in zip(*points, strict=True)) >= MIN_LENGTH
    return len(points) >= 3 and spread(points) >= MIN_AREA
