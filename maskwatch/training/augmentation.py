"""Pictures as a level of a pyramid, or a camera, might have shown them."""

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


def as_it_is(image: SeenImage) -> View:
    return image.rgb, *_split(image, _boxes(image))


def _boxes(image: SeenImage) -> Floats:
    """The faces and then the unclear places, which move alike."""
    return np.array([*image.faces, *image.unclear], np.float32).reshape(-1, 4)


def _split(image: SeenImage, boxes: Floats) -> tuple[Floats, Floats]:
    return boxes[: len(image.faces)], boxes[len(image.faces) :]


def level_view(image: SeenImage, side_px: int, aimed_px: tuple[float, float], random: Random) -> View:
    """A part of a picture at some scale, as a level of a pyramid shows it.

    The part is `(side_px, side_px, 3)`, grey beyond the picture. In most views one face has a longer side
    within `aimed_px`.
    """
    height, width = image.rgb.shape[:2]
    smallest = 24 / min(height, width)
    boxes = _boxes(image)
    faces, _ = _split(image, boxes)
    face = faces[random.integers(len(faces))] if len(faces) and random.random() < 0.6 else None
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


def camera_view(image: SeenImage, random: Random) -> View:
    """The whole picture as another camera might have taken it, mostly from further away."""
    height, width = image.rgb.shape[:2]
    boxes = _boxes(image)
    scale = math.exp(random.uniform(math.log(0.4), math.log(1.5)))
    scale = min(max(scale, 64 / min(height, width)), 1200 / max(height, width))
    size = round(width * scale), round(height * scale)
    rgb = np.asarray(
        cv2.resize(image.rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR),
        np.uint8,
    )
    boxes = boxes * np.array([size[0] / width, size[1] / height] * 2, np.float32)
    if random.random() < 0.5:
        rgb, boxes = mirrored(rgb, boxes)
    if random.random() < 0.3:
        rgb, boxes = leaned(rgb, boxes, random.uniform(-12, 12))
    if random.random() < 0.2:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.4, 1.3)), np.uint8)
    rgb = in_other_light(rgb, random)
    if random.random() < 0.5:
        rgb = compressed(rgb, int(random.integers(30, 92)))
    return rgb, *_split(image, boxes)


def mirrored(rgb: Rgb, boxes: Floats) -> tuple[Rgb, Floats]:
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
    if random.random() < 0.1:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    if random.random() < 0.3:
        values = values + random.standard_normal(values.shape, np.float32) * random.uniform(1, 8)
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def compressed(rgb: Rgb, quality: int) -> Rgb:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
