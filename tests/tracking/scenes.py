"""Scenes of people before a camera, as truth and as a detector with its faults would tell them.

Units: pixels of a frame of 1280 x 720, seconds. A *side* is that of a person's face; people are described in sides,
as a face of 0.2 m that walks by at 1.2 m/s moves by six of its sides a second, near or far.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from maskwatch.core.geometry import contains_centre, covered_share, expanded, iou
from maskwatch.core.records import Box, Face

SIZE = WIDTH, HEIGHT = 1280, 720
HIDDEN = 0.5  # a face of which so much is covered, or out of view, is not to be found
FULL_S = 3.0  # the motion gate has all looked at so often
STILL = 0.06  # of a side: who moved less is not looked at again


@dataclass
class Walker:
    """Somebody: where her face is at a time, `(x, y, side)`, from `begin` to `end`, and when it is turned away."""

    path: Callable[[float], tuple[float, float, float]]
    begin: float
    end: float
    away: list[tuple[float, float]] = field(default_factory=list)

    def box(self, at: float) -> Box:
        """Her face, also where nobody can see it."""
        x, y, side = self.path(at)
        return Box(x - side / 2, y - side * 0.6, x + side / 2, y + side * 0.6)


@dataclass
class Scene:
    """People, things that hide them, and for how long it is watched."""

    people: list[Walker]
    length_s: float
    pillars: list[Box] = field(default_factory=list)

    def truth(self, at: float) -> dict[int, tuple[Box, bool]]:
        """By the number of a person in the frame: her face's box, cut to the frame, and whether it can be seen."""
        there = {n: p.box(at) for n, p in enumerate(self.people) if p.begin <= at < p.end}
        result = {}
        for number, box in there.items():
            inside = box.within(WIDTH, HEIGHT)
            if covered_share(box, Box(0, 0, WIDTH, HEIGHT)) < HIDDEN:
                continue
            before = [other for other in there.values() if other.width > box.width]
            seen = all(covered_share(inside, by) < HIDDEN for by in (*self.pillars, *before))
            seen &= not any(a <= at < b for a, b in self.people[number].away)
            result[number] = inside, seen
        return result


@dataclass
class Faults:
    """What a detector does wrong. `found` is the share of the time that a face in sight is found, `jitter` of a side."""

    found: float = 0.95
    missed_s: float = 0.25  # for about so long when it is missed
    near: float = 0.6  # of the misses are near misses
    jitter: float = 0.015
    false_per_s: float = 0.2
    false_s: float = 0.08  # for so long
    clutter: int = 2  # near misses on things that stay


@dataclass
class Look:
    """What the tracker is told of one frame."""

    at: float
    faces: tuple[Face, ...]
    near_misses: tuple[Face, ...]


def looks(
    scene: Scene, fps: float, seed: int, faults: Faults | None = None, *, gate: bool, late: float = 0.2
) -> list[Look]:
    """The scene as detections. `late` is how far a frame's time is from an even beat, in shares of it."""
    random = np.random.default_rng(seed)
    times = np.arange(0, scene.length_s, 1 / fps)
    times = times + random.uniform(-late / 2, late / 2, len(times)) / fps * (np.arange(len(times)) > 0)
    eyes = _Eyes(scene, random, faults or Faults())
    return [eyes.gated(float(at)) if gate else eyes.everything(float(at)) for at in times]


class _Eyes:
    def __init__(self, scene: Scene, random: np.random.Generator, faults: Faults) -> None:
        self._scene, self._random, self._faults = scene, random, faults
        self._missed: dict[int, tuple[bool, float]] = {}  # whether, and until when
        self._false: list[tuple[float, Box]] = []
        self._clutter = [self._anywhere(30) for _ in range(faults.clutter)]
        self._last = -1.0
        self._full_at = -FULL_S
        self._faces: tuple[Face, ...] = ()
        self._near: tuple[Face, ...] = ()
        self._looked: dict[int, Box] = {}  # each person as she was when last looked at

    def _anywhere(self, side: float) -> Box:
        x, y = self._random.uniform(0, WIDTH - side), self._random.uniform(0, HEIGHT - side)
        return Box(x, y, x + side, y + 1.2 * side)

    def everything(self, at: float) -> Look:
        """All of the frame looked at."""
        truth = self._scene.truth(at)
        gap, self._last = (self._faults.false_s if self._last < 0 else at - self._last), at
        faces: list[Face] = []
        near: list[Face] = []
        for number, (box, seen) in truth.items():
            self._looked[number] = box
            if not seen:
                continue
            missed = self._is_missed(number, at)
            if not missed:
                faces.append(Face(self._jittered(box, 1), self._random.uniform(0.7, 1)))
            elif self._random.uniform() < self._faults.near:
                near.append(Face(self._jittered(box, 2), self._random.uniform(0.2, 0.6)))
        self._false = [each for each in self._false if each[0] > at]
        for _ in range(self._random.poisson(self._faults.false_per_s * min(gap, 1.0))):
            self._false.append((at + self._faults.false_s, self._false_box(truth)))
        faces += [Face(self._jittered(box, 2), self._random.uniform(0.6, 0.9)) for _, box in self._false]
        near += [
            Face(self._jittered(box, 2), 0.3)
            for box in self._clutter
            if self._random.uniform() < 0.3 and all(iou(box, face.box) == 0 for face in faces)
        ]
        order = self._random.permutation(len(faces))
        return Look(at, tuple(faces[n] for n in order), tuple(near))

    def gated(self, at: float) -> Look:
        """What moved, and the rest as it was in the frame before: the same objects."""
        before, self._looked = self._looked, {}
        new = self.everything(at)
        if at - self._full_at >= FULL_S:
            self._full_at = at
            self._faces, self._near = new.faces, new.near_misses
            return Look(at, self._faces, self._near)
        areas = []
        for number in before.keys() | self._looked.keys():
            was, now = before.get(number), self._looked.get(number)
            side = (was or now).width
            turned = any(abs(at - t) < 0.25 for pair in self._scene.people[number].away for t in pair)
            if was is not None and now is not None and not turned and _moved(was, now) < STILL * side:
                self._looked[number] = was
                continue
            areas += [expanded(box, 1) for box in (was, now) if box is not None]

        def joined(fresh: tuple[Face, ...], carried: tuple[Face, ...]) -> tuple[Face, ...]:
            seen = [face for face in fresh if any(contains_centre(area, face.box) for area in areas)]
            kept = [face for face in carried if not any(contains_centre(area, face.box) for area in areas)]
            return (*seen, *(face for face in kept if all(iou(face.box, other.box) < 0.4 for other in seen)))

        self._faces = joined(new.faces, self._faces)
        near = joined(new.near_misses, self._near)
        self._near = tuple(n for n in near if all(iou(n.box, face.box) < 0.4 for face in self._faces))
        return Look(at, self._faces, self._near)

    def _is_missed(self, number: int, at: float) -> bool:
        """In turns of exponential length, so that the frames a second do not matter."""
        missed, until = self._missed.get(number, (self._random.uniform() < self._faults.found, at))
        while until <= at:
            missed = not missed
            found_s = self._faults.missed_s * self._faults.found / max(1e-6, 1 - self._faults.found)
            until += self._random.exponential(self._faults.missed_s if missed else found_s) + 1e-6
        self._missed[number] = missed, until
        return missed

    def _jittered(self, box: Box, times: float) -> Box:
        size = times * self._faults.jitter * max(box.width, box.height)
        moved = self._random.normal(0, size, 4)
        x1, y1, x2, y2 = (edge + by for edge, by in zip(box, moved, strict=True))
        return Box(x1, y1, max(x2, x1 + 4), max(y2, y1 + 4)).within(WIDTH, HEIGHT)

    def _false_box(self, truth: dict[int, tuple[Box, bool]]) -> Box:
        """A hand beside a face, or anything."""
        if not truth or self._random.uniform() < 0.5:
            return self._anywhere(self._random.uniform(12, 80))
        box, _ = list(truth.values())[self._random.integers(len(truth))]
        side = 0.6 * box.width
        x, y = box.x1 + self._random.choice([-0.7, 1.0]) * box.width, box.y1 + 0.7 * box.height
        return Box(x, y, x + side, y + 1.1 * side)


def _moved(a: Box, b: Box) -> float:
    return max(abs(p - q) for p, q in zip(a, b, strict=True))


def crossing(seed: int, people: int) -> Scene:
    """Pairs who pass each other, one before the other."""
    random = np.random.default_rng(seed)
    walkers = []
    x0 = 0.0
    for number in range(people):
        pair = number // 2
        side = float(random.uniform(24, 90))
        y = 90 + 105 * pair + random.uniform(-0.25, 0.25) * side
        speed = float(random.uniform(1, 3.5)) * side
        meet_at = 3 + 1.0 * (pair % 3) + random.uniform(-0.3, 0.3)
        x0 = 300 + 680 * float(random.uniform()) if number % 2 == 0 else x0  # a pair meets in one place
        way = 1 if number % 2 == 0 else -1
        walkers.append(
            _straight(x0, float(y), side, way * speed, float(random.uniform(-0.1, 0.1)) * side, meet_at, 10)
        )
    return Scene(walkers, 10)


def _straight(
    x: float, y: float, side: float, vx: float, vy: float, meet_at: float, length_s: float
) -> Walker:
    def path(at: float) -> tuple[float, float, float]:
        bob = 0.04 * side * np.sin(2 * np.pi * 1.8 * at)
        return x + vx * (at - meet_at), y + vy * (at - meet_at) + bob, side

    return Walker(path, 0, length_s)


def pillar(seed: int, people: int) -> Scene:
    """People who walk behind a pillar, hidden for 0.3 to 1 s."""
    random = np.random.default_rng(seed)
    post = Box(600, 0, 680, HEIGHT)
    walkers = []
    for number in range(people):
        side = float(random.uniform(24, 70))
        hidden_s = float(random.uniform(0.3, 1.0))
        speed = min(max(post.width / hidden_s, 0.8 * side), 3.5 * side)
        y = 60 + (HEIGHT - 120) * (number + 0.5) / people
        way = 1 if number % 2 == 0 else -1
        walkers.append(_straight(640, y, side, way * speed, 0, 2.5 + 4 * random.uniform(), 10))
    return Scene(walkers, 10, [post])


def turning(seed: int, people: int) -> Scene:
    """People who stand, sway, and turn their faces away for 0.4 to 1.5 s."""
    random = np.random.default_rng(seed)
    walkers = []
    for number in range(people):
        side = float(random.uniform(24, min(200, 900 / people)))
        x = (number + 0.5) * WIDTH / people
        y = float(random.uniform(150, HEIGHT - 150))
        wide, slow, phase = random.uniform(0.02, 0.25), random.uniform(0.1, 0.5), random.uniform(0, 6)

        def path(at, x=x, y=y, side=side, wide=wide, slow=slow, phase=phase):
            step = side * wide * np.sin(2 * np.pi * slow * at + phase)
            return x + step, y + 0.2 * step, side

        away_at = float(random.uniform(2, 7))
        walkers.append(Walker(path, 0, 10, [(away_at, away_at + float(random.uniform(0.4, 1.5)))]))
    return Scene(walkers, 10)


def coming_and_going(seed: int, people: int) -> Scene:
    """Some come towards the camera and grow, some enter or leave at the sides; at most so many in view at once."""
    random = np.random.default_rng(seed)
    walkers = []
    for number in range(people):
        begin = float(random.uniform(0, 3))
        y = 100 + (HEIGHT - 200) * (number + 0.5) / people
        if random.uniform() < 0.5:  # towards the camera, straight past it
            small, large = random.uniform(14, 30), random.uniform(80, 300)
            x = (number + 0.5) * WIDTH / people
            takes, drift = float(random.uniform(4, 6)), float(random.uniform(-30, 30))

            def path(at, b=begin, x=x, y=y, s=small, big=large, takes=takes, drift=drift):
                side = 1 / (1 / s + (1 / big - 1 / s) * (at - b) / takes)
                return x + drift * (at - b), 200 + (y - 200) * side / big, side

            walkers.append(Walker(path, begin, min(10, begin + takes)))
            continue
        side, way = float(random.uniform(24, 70)), int(random.choice([-1, 1]))
        speed = float(random.uniform(1.5, 3.5)) * side
        stands_s, stands_at = float(random.uniform(0, 3)), float(random.uniform(1, 2.5))

        def path(at, b=begin, y=y, side=side, way=way, speed=speed, stands_s=stands_s, stands_at=stands_at):
            walked = at - b
            walked = min(walked, stands_at) + max(0, walked - stands_at - stands_s)
            start = -side / 2 if way > 0 else WIDTH + side / 2
            return start + way * speed * walked, y + 0.04 * side * np.sin(11 * walked), side

        walkers.append(Walker(path, begin, 10))
    return Scene(walkers, 10)


SCENES = {"crossing": crossing, "pillar": pillar, "turning": turning, "coming and going": coming_and_going}
