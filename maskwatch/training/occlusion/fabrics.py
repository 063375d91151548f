"""What masks and scarves are made of: the colour of each place of the cloth, patterned, folded and lit."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Random = np.random.Generator
Colour = tuple[int, int, int]

LIGHT: tuple[Colour, ...] = (
    (150, 195, 225), (185, 215, 230), (238, 238, 240), (222, 222, 226), (205, 205, 205), (120, 190, 180),
    (235, 200, 210), (215, 200, 180),
)  # fmt: skip
DARK: tuple[Colour, ...] = (
    (28, 28, 32), (45, 45, 50), (75, 75, 80), (30, 40, 80), (60, 80, 140), (35, 70, 50), (110, 30, 40), (90, 70, 55),
)  # fmt: skip
ANY_COLOUR, PATTERNED, PLEATED, SEAMED = 0.2, 0.25, 0.4, 0.25  # shares of the fabrics


def fabric(across: Floats, down: Floats, random: Random) -> Floats:
    """The colour `(H, W, 3)` in 0..255 at each place of a cloth, in even light.

    `across` (-1..1) and `down` (0..1) are each pixel's place on the cloth, both `(H, W)`; beyond these the cloth goes on.
    """
    colour = _colour(random)
    shade = _folds(across, down, random)
    if random.random() < PLEATED:
        shade = shade * _pleats(down, random)
    if random.random() < SEAMED:
        shade = shade * (
            1 - random.uniform(0.1, 0.35) * np.exp(-((across / random.uniform(0.03, 0.08)) ** 2))
        )
    cloth = np.broadcast_to(colour.astype(np.float32), (*across.shape, 3))
    if random.random() < PATTERNED:
        second = np.clip(colour + random.uniform(-150, 150, 3), 0, 255).astype(np.float32)
        cloth = cloth + _pattern(across, down, random)[..., None] * (second - cloth)
    return np.asarray(np.clip(cloth * shade[..., None], 0, 255), np.float32)


def _colour(random: Random) -> NDArray[np.float64]:
    """Red, green and blue, `(3,)`: a usual one varied, or any."""
    if random.random() < ANY_COLOUR:
        return random.uniform(15, 240, 3)
    colours = LIGHT if random.random() < 0.55 else DARK
    usual = np.array(colours[random.integers(len(colours))])
    return usual + random.uniform(-18, 18) + random.uniform(-10, 10, 3)


def _folds(across: Floats, down: Floats, random: Random) -> Floats:
    """Light and shade about 1: the cloth bends away at its sides, hangs, and is creased at random, mostly crosswise."""
    bend = 1 - random.uniform(0, 0.35) * np.clip(np.abs(across), 0, 1.3) ** 2
    side, hang = random.uniform(-0.15, 0.15), random.uniform(-0.25, 0.12)
    deep = random.uniform(0.02, 0.16)
    creases = random.standard_normal((int(random.integers(3, 10)), int(random.integers(2, 6)))).astype(
        np.float32
    )
    creases = sampled(creases, across, down)
    return np.asarray((bend + side * across + hang * down) * (1 + deep * creases), np.float32)


def _pleats(down: Floats, random: Random) -> Floats:
    """The two to four folds across a surgical mask: each dark on its lower side."""
    count, depth = int(random.integers(2, 5)), random.uniform(0.05, 0.3)
    phase = (down * (count + 0.5) + random.uniform(0, 0.5)) % 1
    return np.asarray(1 - depth * np.exp(-(phase / random.uniform(0.08, 0.25))), np.float32)


def _pattern(across: Floats, down: Floats, random: Random) -> Floats:
    """The share (0..1) of a second colour at each place: stripes, checks, dots, flowers, print, or two halves."""
    kind = random.choice(["stripes", "checks", "dots", "flowers", "print", "halves"])
    many, soft = random.uniform(3, 14), random.uniform(2, 12)
    turn = random.uniform(0, np.pi)
    one = np.sin(many * (across * np.cos(turn) + down * np.sin(turn)))
    other = np.sin(many * (down * np.cos(turn) - across * np.sin(turn)))
    if kind == "stripes":
        value = one
    elif kind == "checks":
        value = one * other
    elif kind == "dots":
        value = np.minimum(one, other) - 0.4
    elif kind == "flowers":
        value = sampled(random.standard_normal((14, 18)).astype(np.float32), across, down)
    elif kind == "print":
        wide, high, at = random.uniform(0.2, 0.6), random.uniform(0.08, 0.2), random.uniform(0.3, 0.7)
        inside = (np.abs(across) < wide) & (np.abs(down - at) < high)
        value = np.where(
            inside, sampled(random.standard_normal((9, 24)).astype(np.float32), across, down), -1
        )
    else:
        value = across - random.uniform(-0.3, 0.3)
    return np.asarray(np.clip(0.5 + soft * value, 0, 1), np.float32)


def sampled(texture: Floats, across: Floats, down: Floats) -> Floats:
    """The texture `(h, w)` or `(h, w, 3)`, stretched over the cloth, at each place of it; mirrored beyond its edges."""
    height, width = texture.shape[:2]
    x = np.asarray((across + 1) / 2 * (width - 1), np.float32)
    y = np.asarray(down * (height - 1), np.float32)
    return np.asarray(cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)
