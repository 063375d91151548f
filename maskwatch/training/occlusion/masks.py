"""Masks drawn on bare faces by their landmarks: worn right, under the nose, under the mouth, on the chin; and scarves.

Fabrics and edges are alike however a mask is worn, so that a drawn mask as such says nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Rgb
from maskwatch.training.occlusion.fabrics import fabric, sampled
from maskwatch.training.occlusion.face_frame import FaceFrame

Floats = NDArray[np.float32]
Random = np.random.Generator


class Wearing(StrEnum):
    """How a mask is worn, and what else may be before the lower face."""

    RIGHT = "right"
    NOSE_BARE = "nose_bare"
    MOUTH_BARE = "mouth_bare"
    CHIN = "chin"
    TOO_HIGH = "too_high"
    SCARF = "scarf"

    @property
    def protects(self) -> bool:
        """Whether it covers nose and mouth."""
        return self is Wearing.RIGHT


SHARES = {
    Wearing.RIGHT: 0.46,
    Wearing.NOSE_BARE: 0.24,
    Wearing.MOUTH_BARE: 0.07,
    Wearing.CHIN: 0.12,
    Wearing.TOO_HIGH: 0.04,
    Wearing.SCARF: 0.07,
}
LOOPS = 0.45  # share of the masks with ear loops in sight
CANVAS_PX = 96  # each side of the cloth that is cut from another's mask


@dataclass(frozen=True, slots=True)
class Outline:
    """A cloth's edges in a `FaceFrame`.

    Its upper edge goes through `top` in the middle and lies `top_bend` lower at the sides, its lower one through
    `bottom` and `bottom_bend` higher there. It reaches so far from the middle at its upper and its lower edge.
    `askew` is how much lower its edges lie on the right than in the middle.
    """

    top: float
    top_bend: float
    bottom: float
    bottom_bend: float
    reach_top: float
    reach_bottom: float
    askew: float = 0.0

    def upper(self, u: Floats) -> Floats:
        """`v` of the upper edge."""
        return np.asarray(self.top + self.top_bend * u**2 + self.askew * u, np.float32)

    def lower(self, u: Floats) -> Floats:
        """`v` of the lower edge."""
        return np.asarray(self.bottom - self.bottom_bend * u**2 + self.askew * u, np.float32)


def outline(wearing: Wearing, random: Random) -> Outline:
    """A likely one. The places of nose and mouth are those of `FaceFrame`; nothing is drawn between right and wrong."""
    uniform = random.uniform
    right = Outline(
        top=uniform(0.12, 0.42),
        top_bend=uniform(0.0, 0.3),
        bottom=uniform(1.42, 1.9),
        bottom_bend=uniform(0.1, 0.6),
        reach_top=uniform(0.75, 1.05),
        reach_bottom=uniform(0.5, 0.95),
        askew=uniform(-0.08, 0.08),
    )
    low = replace(right, top_bend=uniform(-0.3, 0.2), bottom=uniform(1.5, 2.0), askew=uniform(-0.12, 0.12))
    if wearing is Wearing.RIGHT:
        return right
    if wearing is Wearing.NOSE_BARE:
        return replace(low, top=uniform(0.56, 0.82))
    if wearing is Wearing.MOUTH_BARE:
        return replace(low, top=uniform(1.08, 1.3), bottom=uniform(1.65, 2.1))
    if wearing is Wearing.CHIN:
        return replace(
            low,
            top=uniform(1.3, 1.6),
            top_bend=uniform(-0.6, 0.1),
            bottom=uniform(1.8, 2.3),
            bottom_bend=uniform(0.2, 0.7),
            reach_top=uniform(0.55, 0.95),
        )
    if wearing is Wearing.TOO_HIGH:
        return replace(
            right, top=uniform(-0.5, -0.1), bottom=uniform(0.55, 0.85), bottom_bend=uniform(-0.1, 0.2)
        )
    return Outline(
        top=uniform(0.75, 1.6),
        top_bend=uniform(-0.3, 0.3),
        bottom=uniform(2.2, 3.0),
        bottom_bend=uniform(-0.5, 0.3),
        reach_top=uniform(1.0, 1.4),
        reach_bottom=uniform(1.2, 2.0),
        askew=uniform(-0.25, 0.25),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """Another's face with a mask, whose cloth may be taken."""

    patch: Rgb
    frame: FaceFrame


def with_mask(
    patch: Rgb, frame: FaceFrame, wearing: Wearing, random: Random, donor: Donor | None = None
) -> Rgb:
    """The patch with a mask worn so, or a scarf; its cloth is drawn, or the donor's."""
    edges = outline(wearing, random)
    u, v = frame.grid(*patch.shape[:2])
    upper, lower = edges.upper(u), edges.lower(u)
    down = (v - upper) / np.maximum(lower - upper, 0.15)
    reach = edges.reach_top + (edges.reach_bottom - edges.reach_top) * np.clip(down, 0, 1)
    cover = _cover(np.minimum(v - upper, lower - v), (reach - np.abs(u)) * 1.1, frame.unit_px, random)
    across = u / np.maximum(reach, 0.1)
    cloth = fabric(across, down, random) if donor is None else _donors_cloth(donor, across, down)
    drawn = patch.astype(np.float32)
    drawn = drawn * (1 - random.uniform(0, 0.35) * _shadow(cover, frame.unit_px)[..., None])
    if wearing is not Wearing.SCARF and random.random() < LOOPS:
        drawn = _with_loops(drawn, frame, edges, cloth[cover > 0.9], random)
    cloth = cloth * _light(patch, cover, random)[..., None]
    cloth = cloth + random.standard_normal(cloth.shape, np.float32) * random.uniform(0, 4)
    return np.asarray(np.clip(drawn + cover[..., None] * (cloth - drawn), 0, 255), np.uint8)


def _cover(vertical: Floats, sideways: Floats, unit_px: float, random: Random) -> Floats:
    """How much of each pixel the cloth covers (0..1): its distances to the edges in `v`, with rounded corners."""
    inner = np.minimum(vertical, sideways)
    corner = random.uniform(0.02, 0.2)
    both = np.minimum(vertical, corner) + np.minimum(sideways, corner) - corner
    edge = np.where((vertical < corner) & (sideways < corner), both, inner)
    soft = random.uniform(0.6, 2.0)  # pixels
    return np.asarray(np.clip(0.5 + edge * unit_px / soft, 0, 1), np.float32)


def _shadow(cover: Floats, unit_px: float) -> Floats:
    """What the cloth shades of the skin around it, 0..1."""
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), max(0.5, 0.07 * unit_px)), np.float32)


def _light(patch: Rgb, cover: Floats, random: Random) -> Floats:
    """The light on the cloth: that of the face below it, blurred, more or less."""
    grey = patch.mean(axis=2, dtype=np.float32)
    face = float(grey[cover > 0.5].mean()) if (cover > 0.5).any() else 128.0
    blurred = cv2.GaussianBlur(grey, (0, 0), max(1.0, patch.shape[1] / 16))
    uneven = np.clip(blurred / max(face, 8.0), 0.5, 1.5) ** random.uniform(0.0, 0.7)
    overall = np.clip(face / 140, 0.35, 1.2) ** random.uniform(0.3, 1.0)
    return np.asarray(uneven * overall, np.float32)


def _with_loops(drawn: Floats, frame: FaceFrame, edges: Outline, cloth: Floats, random: Random) -> Floats:
    """Ear loops from the mask's corners to the ears, in white, in black or as the cloth."""
    colour = np.full(3, random.choice([30.0, 235.0]))
    if len(cloth) and random.random() < 0.5:
        colour = np.median(cloth, axis=0)
    shown = np.zeros(drawn.shape[:2], np.uint8)
    width = max(1, round(frame.unit_px * random.uniform(0.02, 0.05)))
    ear = random.uniform(0.0, 0.5)
    for side in (-1.0, 1.0):
        at = np.array([side], np.float32)
        for u, v in (
            (side * edges.reach_top, float(edges.upper(at * edges.reach_top)[0])),
            (side * edges.reach_bottom, float(edges.lower(at * edges.reach_bottom)[0])),
        ):
            ends = [frame.place(0.95 * u, v), frame.place(side * 1.15, ear)]
            start, stop = (tuple(np.clip(end, -2000, 2000).round().astype(int).tolist()) for end in ends)
            cv2.line(shown, start, stop, 255, width, cv2.LINE_AA)
    share = shown[..., None].astype(np.float32) / 255 * random.uniform(0.5, 1.0)
    return np.asarray(drawn + share * (colour.astype(np.float32) - drawn), np.float32)


def _donors_cloth(donor: Donor, across: Floats, down: Floats) -> Floats:
    """The middle of the donor's mask, where nothing else shows, stretched over the cloth."""
    v, u = np.mgrid[0.5 : 1.4 : CANVAS_PX * 1j, -0.6 : 0.6 : CANVAS_PX * 1j].astype(np.float32)
    x, y = donor.frame.pixels(u, v)
    cloth = cv2.remap(donor.patch, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled(np.asarray(cloth, np.float32), across, down)
