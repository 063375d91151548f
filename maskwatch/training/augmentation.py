"""How training images vary: views of a whole image for the cascade.

What varies of the crops that the classifier is trained on stands in `face_crops.py`.

All of it draws from the generator that it is given, so the same seed gives the same image.
"""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.core.records import Rgb
from maskwatch.datasets.faces import SeenImage

Floats = NDArray[np.float32]
Random = np.random.Generator
View = tuple[Rgb, Floats, Floats]
"""A picture, its faces `(N, 4)`, and its unclear places `(M, 4)`."""

AIMED = 0.6  # share of a level's views that are about one face
CAMERA_PX = (9.0, 100.0)  # of the face that a camera's view is about: from the smallest that are looked for
VIEW_PX = 720  # of a camera's view at most: bounds the work of mining
VISIBLE = 0.6  # share of a face that must be in a view, to be learnt as one


def _boxes(image: SeenImage) -> Floats:
    """The faces and then the unclear places, which move alike."""
    return np.array([*image.faces, *image.unclear], np.float32).reshape(-1, 4)


def _split(image: SeenImage, boxes: Floats) -> tuple[Floats, Floats]:
    return boxes[: len(image.faces)], boxes[len(image.faces) :]


def level_view(
    image: SeenImage, side_px: int, aimed_px: tuple[float, float], random: Random, aim: int | None = None
) -> View:
    """A part of a picture at some scale, as a level of a pyramid shows it.

    The part is `(side_px, side_px, 3)`, grey beyond the picture. In most views one face, that of the number `aim`
    or any, has a longer side within `aimed_px`.
    """
    height, width = image.rgb.shape[:2]
    smallest = 24 / min(height, width)
    boxes = _boxes(image)
    faces, _ = _split(image, boxes)
    face = None
    if len(faces) and random.random() < AIMED:
        face = faces[random.integers(len(faces)) if aim is None else aim]
    if face is None:
        scale = max(smallest, math.exp(random.uniform(math.log(0.2), math.log(1.3))))
        reach = int(side_px / scale) + 1
        left = int(random.integers(max(1, width - reach + 1)))
        top = int(random.integers(max(1, height - reach + 1)))
    else:
        side = max(float(face[2] - face[0]), float(face[3] - face[1]), 1.0)
        scale = min(max(random.uniform(*aimed_px) / side, smallest), 2.5)
        reach = int(side_px / scale) + 1
        centre = (face[:2] + face[2:]) / 2 - random.random(2) * reach
        left = int(np.clip(centre[0], 0, max(0, width - reach)))
        top = int(np.clip(centre[1], 0, max(0, height - reach)))
    part = image.rgb[top : top + reach, left : left + reach]
    size = tuple(min(side_px, max(12, round(length * scale))) for length in part.shape[1::-1])
    shrunk = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA)
    ratio = np.array([size[0] / part.shape[1], size[1] / part.shape[0]] * 2, np.float32)
    boxes = (boxes - np.array([left, top, left, top], np.float32)) * ratio
    if random.random() < 0.5:
        shrunk, boxes = mirrored(np.asarray(shrunk, np.uint8), boxes)
    field = np.full((side_px, side_px, 3), 128, np.uint8)
    field[: size[1], : size[0]] = in_other_light(np.asarray(shrunk, np.uint8), random)
    return field, *_split(image, boxes)


def camera_view(
    image: SeenImage, random: Random, aim: int | None = None
) -> tuple[Rgb, Floats, Floats, NDArray[np.int64]]:
    """The picture as another camera might have taken it, mostly from further away; and which faces are left in it.

    With `aim` the face of that number gets a longer side of `CAMERA_PX`, as likely small as large (the logarithm is
    even). At most `VIEW_PX` of the picture are kept, about that face or anywhere.
    """
    height, width = image.rgb.shape[:2]
    boxes = _boxes(image)
    scale = math.exp(random.uniform(math.log(0.4), math.log(1.5)))
    if aim is not None:
        side = max(1.0, float((boxes[aim, 2:] - boxes[aim, :2]).max()))
        scale = min(math.exp(random.uniform(*np.log(CAMERA_PX))) / side, 2.0)
    scale = max(scale, 64 / min(height, width))
    part, boxes, places = _window(image, boxes, VIEW_PX / scale, random, aim)
    size = tuple(max(1, round(length * scale)) for length in part.shape[1::-1])
    rgb = np.asarray(
        cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8
    )
    boxes = boxes * np.array([size[0] / part.shape[1], size[1] / part.shape[0]] * 2, np.float32)
    if random.random() < 0.5:
        rgb, boxes = mirrored(rgb, boxes)
    if random.random() < 0.3:
        rgb, boxes = leaned(rgb, boxes, random.uniform(-12, 12))
    if random.random() < 0.2:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.4, 1.3)), np.uint8)
    rgb = in_other_light(rgb, random)
    if random.random() < 0.5:
        rgb = compressed(rgb, int(random.integers(25, 92)))
    clear = places >= 0
    return rgb, boxes[clear], boxes[~clear], places[clear]


def _window(
    image: SeenImage, boxes: Floats, side: float, random: Random, aim: int | None
) -> tuple[Rgb, Floats, NDArray[np.int64]]:
    """At most `side` pixels of the picture both ways, the boxes on it, and of each its face's number or -1: unclear.

    A face of which less than `VISIBLE` is left is unclear, and one of which nothing is left is gone.
    """
    height, width = image.rgb.shape[:2]
    reach = int(side) + 1
    centre = random.random(2) * (width, height)
    if aim is not None:
        centre = boxes[aim].reshape(2, 2).mean(axis=0) + (random.random(2) - 0.5) * 0.8 * reach
    left, top = (
        int(np.clip(c - reach / 2, 0, max(0, length - reach)))
        for c, length in zip(centre, (width, height), strict=True)
    )
    part = image.rgb[top : top + reach, left : left + reach]
    moved = boxes - np.array([left, top, left, top], np.float32)
    within = moved.clip(0, np.array([part.shape[1], part.shape[0]] * 2, np.float32))
    whole, left_over = ((b[:, 2:] - b[:, :2]).clip(0).prod(axis=1) for b in (moved, within))
    number = np.arange(len(boxes))
    clear = (number < len(image.faces)) & (left_over >= VISIBLE * whole)
    stays = left_over > 0
    return part, moved[stays], np.where(clear, number, -1)[stays]


def mirrored(rgb: Rgb, boxes: Floats) -> tuple[Rgb, Floats]:
    """The image `(H, W, 3)` and the boxes `(N, 4)` on it, flipped left to right; the image is a copy."""
    width = rgb.shape[1]
    turned = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    return np.ascontiguousarray(rgb[:, ::-1]), turned


def leaned(rgb: Rgb, faces: Floats, degrees: float) -> tuple[Rgb, Floats]:
    """Turned about the middle by a little; a face's box keeps its size, as an upright box about a leaning head."""
    height, width = rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turned = cv2.warpAffine(rgb, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    centre = (faces[:, :2] + faces[:, 2:]) / 2
    moved = centre @ turn[:, :2].T + turn[:, 2] - centre
    return np.asarray(turned, np.uint8), (faces + np.concatenate([moved, moved], axis=1)).astype(np.float32)


def in_other_light(rgb: Rgb, random: Random) -> Rgb:
    """Brighter or darker, flatter, tinted and noisy, each at times."""
    values: NDArray[Any] = rgb.astype(np.float32)
    if random.random() < 0.6:
        values = (values - 128) * random.uniform(0.5, 1.3) + 128 + random.uniform(-50, 40)
        values = values + random.uniform(-12, 12, 3)
    if random.random() < 0.15:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    if random.random() < 0.15:  # night: little light, and what there is to see is noise
        values = values.clip(0, 255) * random.uniform(0.12, 0.5)
        values = values + random.standard_normal(values.shape, np.float32) * random.uniform(1, 6)
    elif random.random() < 0.3:
        values = values + random.standard_normal(values.shape, np.float32) * random.uniform(1, 12)
    if random.random() < 0.1:  # light from one side
        across = np.linspace(random.uniform(-90, 30), random.uniform(-30, 90), rgb.shape[1], dtype=np.float32)
        values = values + across[None, :, None]
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def compressed(rgb: Rgb, quality: int) -> Rgb:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
