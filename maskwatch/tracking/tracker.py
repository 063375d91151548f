"""The tracker: which face continues which track.

Its ideas are those of published trackers. A constant velocity and one assignment of all faces at once: SORT (Bewley et
al. 2016, arXiv:1602.00763). Boxes under the detector's threshold continue tracks in a second round and begin none:
ByteTrack (Zhang et al. 2022, arXiv:2110.06864). A face that is not where it is expected is looked for where it was last seen:
OC-SORT (Cao et al. 2023, arXiv:2203.14360). Unlike theirs, motion is in seconds and sides of the face, and pairs are matched
by likelihood instead of overlap, because at three frames a second a walker's boxes do not overlap. A face that the motion
gate carried on is known to be the same one, and is no evidence that there is a face.
"""

import math
from collections import Counter
from collections.abc import Sequence

from maskwatch.core.geometry import covered_share
from maskwatch.core.ports import Track
from maskwatch.core.records import Box, Face
from maskwatch.tracking.assignment import assign
from maskwatch.tracking.followed import Followed, place_of

# a face that costs every track more begins a new one; the value that did best on the tests' simulated scenes

MAX_COST = 10.0
MAX_NEAR_COST = 6.0  # a near miss has to fit better,
NEAR_HIDDEN_S = 1.0  # and brings nobody back who was hidden for longer
SAME_IOU = 0.3  # with such an overlap it is the same face, however it jumped
SAME_COVERED = 0.6  # a box of which so much lies in another of the same frame is the same face once more
ALONE_SIDES, ALONE_RATIO = (
    1.5,
    1.4,
)  # how far a face may be from a lone person's last one, in sides, and how much larger
GAP_S = 0.9  # after so long without a frame there is nothing to wait for: a face is somebody at once
NEAR_MISS_NOISE = 2.0  # times the noise of a found box: near misses, and faces that were carried on


class FaceTracker:
    """A `Tracker`. Time is the frames' own, in seconds; a clock that goes back ends no track.

    A track is confirmed when a second look finds the face, 0.15 s or more after the first; a face that the motion gate
    carried on counts as no look. In the first frame, and in one that comes 0.9 s or more after the one before, faces are
    confirmed at once: a single picture has no second look, and a camera with one frame a minute would never count anybody.
    The price is that a false face in a camera's first frame counts as somebody.
    """

    def __init__(self) -> None:
        self._all: list[Followed] = []
        self._count = 0
        self._at: float | None = None

    def reset(self) -> None:
        """All tracks are over; numbers go on. The next frame is a first one."""
        self._all = []
        self._at = None

    def update(
        self,
        at: float,
        faces: Sequence[Face],
        near_misses: Sequence[Face] = (),
        size: tuple[int, int] | None = None,
    ) -> tuple[Track, ...]:
        """All tracks that live, oldest first; see the port `Tracker`."""
        gap_s = self._pass(at)
        free = dict(enumerate(self._all))
        new = dict(enumerate(faces))
        _carry_on(at, free, new, faces=True)
        fresh = set(new)
        _match(at, free, new, faces=True)
        _match_by_place(at, free, new)
        _match_alone(at, at - gap_s, free, new)
        for each in self._all:
            if each.face in fresh:
                each.count_look(at)
        free = {key: each for key, each in free.items() if at - each.seen_at <= NEAR_HIDDEN_S}
        near = dict(enumerate(near_misses))
        _carry_on(at, free, near, faces=False)
        _match(at, free, near, faces=False)
        self._begin(at, faces, new, confirmed=gap_s >= GAP_S)
        if size is not None:
            self._all = [each for each in self._all if each.seen_at == at or _holds(size, each.expected(at))]
        return tuple(each.track(at) for each in self._all)

    def _pass(self, at: float) -> float:
        """Let time pass since the frame before, and drop tracks that are over; returns the time passed, in seconds."""
        before = -math.inf if self._at is None else self._at
        gap_s, self._at = at - before, at
        if gap_s < 0:
            for each in self._all:
                each.shift(gap_s)
            before = at
        self._all = [each for each in self._all if not each.is_over(at, before)]
        for each in self._all:
            each.face = None
        return gap_s

    def _begin(self, at: float, faces: Sequence[Face], new: dict[int, Face], *, confirmed: bool) -> None:
        """Begin a track for each new face, but not for second boxes about one face; the surest box is kept."""
        taken = [face.box for place, face in enumerate(faces) if place not in new]
        begun = []
        for place, face in sorted(new.items(), key=lambda item: -item[1].score):
            if not any(_is_same(face.box, box) for box in taken):
                taken.append(face.box)
                begun.append(place)
        for place in sorted(begun):
            self._count += 1
            self._all.append(Followed.starting(self._count, at, faces[place], place, confirmed=confirmed))


def _carry_on(at: float, free: dict[int, Followed], new: dict[int, Face], *, faces: bool) -> None:
    """Match faces that the motion gate carried on: each is the same object as in the frame before."""
    places = {id(face): place for place, face in new.items()}
    for key, each in list(free.items()):
        place = places.get(id(each.carried))
        if place is not None and place in new:
            free.pop(key).see(at, new.pop(place), place if faces else None, NEAR_MISS_NOISE)


def _match(at: float, free: dict[int, Followed], new: dict[int, Face], *, faces: bool) -> None:
    """Match what is left in one assignment, by likelihood."""
    most, noise_scale = (MAX_COST, 1.0) if faces else (MAX_NEAR_COST, NEAR_MISS_NOISE)
    boxes = {place: place_of(face.box) for place, face in new.items()}
    costs = {
        (key, place): cost
        for key, each in free.items()
        for place, cost in each.costs(boxes, at, noise_scale).items()
        if cost <= most
    }
    for key, place in assign(costs, most).items():
        free.pop(key).see(at, new.pop(place), place if faces else None, noise_scale)


def _match_by_place(at: float, free: dict[int, Followed], new: dict[int, Face]) -> None:
    """Match faces that overlap a track, however far they jumped or changed their size."""
    expected = {key: each.expected(at) for key, each in free.items()} if new else {}
    for place, face in sorted(new.items(), key=lambda item: -item[1].score):
        overlaps = {key: each.overlap(face.box, expected[key]) for key, each in free.items()}
        best = max(overlaps, key=lambda key: overlaps[key], default=None)
        if best is not None and overlaps[best] >= SAME_IOU:
            free.pop(best).see(at, new.pop(place), place, 1.0)


def _match_alone(at: float, before: float, free: dict[int, Followed], new: dict[int, Face]) -> None:
    """Match a face to a track seen in the frame before (at time `before`) that is near, where neither has another candidate."""
    near = [
        (key, place)
        for key, each in free.items()
        for place, face in new.items()
        if each.seen_at >= before and _is_near(each.last, face.box)
    ]
    keys, places = Counter(key for key, _ in near), Counter(place for _, place in near)
    for key, place in near:
        if keys[key] == places[place] == 1:
            free.pop(key).see(at, new.pop(place), place, 1.0)


def _is_near(last: Box, box: Box) -> bool:
    (x, y), (u, v) = last.centre, box.centre
    small, large = sorted((max(last.width, last.height), max(box.width, box.height)))
    return max(abs(x - u), abs(y - v)) <= ALONE_SIDES * small and large <= ALONE_RATIO * small


def _is_same(a: Box, b: Box) -> bool:
    small, large = sorted((a, b), key=lambda box: box.width * box.height)
    return covered_share(small, large) >= SAME_COVERED


def _holds(size: tuple[int, int], box: Box) -> bool:
    x, y = box.centre
    return 0 <= x < size[0] and 0 <= y < size[1]
