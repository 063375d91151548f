"""What is drawn and set on the page before it is saved. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from maskwatch.console.undo import UndoStack
from maskwatch.core.geometry import spread
from maskwatch.core.people import Side
from maskwatch.core.records import Polygon

DIGITS = 3  # of a share: a thousandth of the picture is 2 px of 1920
MIN_AREA = 1e-4  # of the picture: less was a slip of the hand
MIN_LENGTH = 0.01  # of a line, as the configuration asks for
NAME = re.compile(r"\w[\w .-]{0,63}")

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
class Thresholds:
    """What the sliders set: probabilities and the ratio 0..1, seconds, pixels.

    `found_at` is the detector's last threshold; it and `min_face_px` are None for a detector that has none.
    """

    protected_at: float
    protected_ratio: float
    for_s: float
    found_at: float | None = None
    min_face_px: float | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """The places and thresholds of a camera: those in force, or those of a draft."""

    places: tuple[Place, ...]
    thresholds: Thresholds


class Draft:
    """Starts with what is in force; every change can be undone and redone."""

    def __init__(self, places: Iterable[Place], thresholds: Thresholds) -> None:
        self._history = UndoStack(Variant(tuple(places), thresholds))
        self._next = max((place.number for place in self.places), default=0)
        self._last_threshold = ""  # the one that was set last: dragging its slider further is the same step
        self.selected: int | None = None

    @property
    def variant(self) -> Variant:
        """The places and thresholds as they are now."""
        return self._history.state

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them, in the order in which they were drawn."""
        return self.variant.places

    @property
    def thresholds(self) -> Thresholds:
        """As they are set now."""
        return self.variant.thresholds

    @property
    def changed(self) -> bool:
        """Whether it differs from what is in force."""
        return self.variant != self._history.start

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
        self._set_places((*self.places, new))
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
        self._set_places(tuple(place for place in self.places if place.number != number))
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

    def set_threshold(self, name: str, value: float) -> None:
        """Set one of `Thresholds`."""
        variant = replace(self.variant, thresholds=replace(self.thresholds, **{name: value}))
        if variant == self.variant:
            return
        if self._last_threshold == name:
            self._history.replace(variant)
            return
        self._step(variant)
        self._last_threshold = name

    def undo(self) -> bool:
        """Take the last change back; False when there is none."""
        has_changed = self._history.undo()
        self._forget_last_step()
        return has_changed

    def redo(self) -> bool:
        """Do again what was undone last; False when there is nothing."""
        has_changed = self._history.redo()
        self._forget_last_step()
        return has_changed

    @property
    def can_undo(self) -> bool:
        """Whether `undo` would change something."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether `redo` would."""
        return self._history.can_redo

    def _forget_last_step(self) -> None:
        self._last_threshold = ""
        if self.selected is not None and self.place(self.selected) is None:
            self.selected = None

    def _put(self, place: Place, points: Polygon) -> None:
        if _is_a_place(place.kind, points):
            self._replace(place, replace(place, points=points))

    def _replace(self, place: Place, new: Place) -> None:
        self._set_places(tuple(new if each.number == place.number else each for each in self.places))

    def _step(self, variant: Variant) -> None:
        self._last_threshold = ""
        if variant != self.variant:
            self._history.step(variant)

    def _set_places(self, places: tuple[Place, ...]) -> None:
        self._step(replace(self.variant, places=places))

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
