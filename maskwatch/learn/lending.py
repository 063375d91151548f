"""Faces lent from portraits to street pictures, so that the cascade sees more heads than the streets show.

Portraits have a label but no boxes; the cascade itself marks them once it is good enough.
"""

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.ports import Detector
from maskwatch.core.records import Box, Rgb
from maskwatch.learn.faces import SeenPicture

Floats = NDArray[np.float32]
Random = np.random.Generator

SURE = 0.6  # a portrait lends its face when it has just one, of at least this score
ROOM = 1 / 3  # of the longer side, put around a portrait that fills its picture, so that the cascade finds it
MARGIN = (0.25, 0.9)  # of the face's side, lent with it
SEAM = 0.06  # of the lent part, over which it fades into the street
MOST = 6
SIDE_PX = (12.0, 110.0)
TRIES = 8  # places that are tried, so that no face covers another


def lenders(portraits: Iterable[Rgb], detector: Detector) -> list[SeenPicture]:
    """Those in which the detector is sure of one face, and no other."""
    found = ((rgb, _marked(rgb, detector)) for rgb in portraits)
    return [SeenPicture(rgb, faces) for rgb, faces in found if faces]


def with_lent_faces(picture: SeenPicture, lent: Sequence[SeenPicture], random: Random) -> SeenPicture:
    """The picture with up to `MOST` lent faces in free places, their longer sides log-uniform within `SIDE_PX`.

    A face covers no other, and is at most a third of the picture's shorter side. Mostly its edge is faded and
    its light is the place's. Without lenders it is the picture itself.
    """
    largest = min(SIDE_PX[1], min(picture.rgb.shape[:2]) / 3)
    if not lent or largest <= SIDE_PX[0]:
        return picture
    street = picture.rgb.copy()
    taken, boxes = list(picture.faces), list(picture.faces)
    for _ in range(int(random.integers(1, MOST + 1))):
        side = math.exp(random.uniform(math.log(SIDE_PX[0]), math.log(largest)))
        part, box = _cut(lent[int(random.integers(len(lent)))], side, random)
        place = _free_place(street, part, taken, random)
        if place is not None:
            x1, y1, x2, y2 = (int(v) for v in place)
            street[y1:y2, x1:x2] = _blended(street[y1:y2, x1:x2].astype(np.float32), part, random)
            taken.append(place)
            boxes.append(box.moved(x1, y1))
    return SeenPicture(street, tuple(boxes))


def _marked(rgb: Rgb, detector: Detector) -> tuple[Box, ...]:
    (found,) = detector.detect([rgb])
    room = 0
    if not found:
        room = round(max(rgb.shape[:2]) * ROOM)
        wider = cv2.copyMakeBorder(rgb, room, room, room, room, cv2.BORDER_REPLICATE)
        (found,) = detector.detect([np.asarray(wider, np.uint8)])
    if len(found) != 1 or found[0].score < SURE:
        return ()
    return (found[0].box.moved(-room, -room),)


def _cut(lender: SeenPicture, side: float, random: Random) -> tuple[Floats, Box]:
    """The face with some margin at the given size, at times mirrored, and its box in that."""
    (face,) = lender.faces
    own = max(face.width, face.height)
    margin = random.uniform(*MARGIN) * own
    height, width = lender.rgb.shape[:2]
    x1, y1 = int(max(0, face.x1 - margin)), int(max(0, face.y1 - margin))
    x2, y2 = int(min(width, face.x2 + margin)), int(min(height, face.y2 + margin))
    part = lender.rgb[y1:y2, x1:x2]
    scale = side / own
    size = max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale))
    resized = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    across, down = size[0] / part.shape[1], size[1] / part.shape[0]
    inner = face.moved(-x1, -y1)
    box = Box(inner.x1 * across, inner.y1 * down, inner.x2 * across, inner.y2 * down)
    if random.random() < 0.5:
        resized = resized[:, ::-1]
        box = Box(size[0] - box.x2, box.y1, size[0] - box.x1, box.y2)
    return np.asarray(resized, np.float32), box


def _free_place(street: Rgb, part: Floats, taken: Sequence[Box], random: Random) -> Box | None:
    height, width = part.shape[:2]
    down, across = street.shape[0] - height, street.shape[1] - width
    if down <= 0 or across <= 0:
        return None
    for _ in range(TRIES):
        x, y = int(random.integers(across)), int(random.integers(down))
        place = Box(x, y, x + width, y + height)
        if not any(_meet(place, other) for other in taken):
            return place
    return None


def _meet(one: Box, other: Box) -> bool:
    return one.x1 < other.x2 and other.x1 < one.x2 and one.y1 < other.y2 and other.y1 < one.y2


def _blended(under: Floats, part: Floats, random: Random) -> Rgb:
    height, width = part.shape[:2]
    share = np.ones((height, width), np.float32)
    if random.random() < 0.7:
        edge = max(1, round(SEAM * min(height, width)))
        share[:edge] = share[-edge:] = 0
        share[:, :edge] = share[:, -edge:] = 0
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), max(0.5, edge / 2)), np.float32)
    if random.random() < 0.6:  # 40 keeps a dark place from making a face black
        part = part * np.clip((under.mean() + 40) / (part.mean() + 40), 0.4, 1.4)
    return np.asarray(np.clip(under * (1 - share[..., None]) + part * share[..., None], 0, 255), np.uint8)
