"""How training images vary: views of a whole image for the cascade, crops of a face for the classifier, drawn masks.

All of it draws from the generator that it is given, so the same seed gives the same image.
"""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.classify.crop import crop
from maskwatch.classify.network import Shape
from maskwatch.core.records import Box, Rgb
from maskwatch.datasets.faces import LabelledFace, SeenImage
from maskwatch.datasets.labels import FaceLabel

Floats = NDArray[np.float32]
Random = np.random.Generator
View = tuple[Rgb, Floats, Floats]
"""A picture, its faces `(N, 4)`, and its unclear places `(M, 4)`."""

DRAWN, TAKEN, HANDS = 0.15, 0.45, 0.1  # shares of the bare faces that get a drawn mask, another's, a hand

AIMED = 0.6  # share of a level's views that are about one face
CAMERA_PX = (9.0, 100.0)  # of the face that a camera's view is about: from the smallest that are looked for
VIEW_PX = 720  # of a camera's view at most: bounds the work of mining
VISIBLE = 0.6  # share of a face that must be in a view, to be learnt as one

# Heights are shares of a face's box, from its top. In the shipped detector's boxes the eyes lie at 0.25, the tip of
# the nose at 0.50 and the mouth at 0.68 (medians of the training faces, by the published landmarks).
ON_THE_NOSE = (0.28, 0.41)  # the upper edge of a mask that is worn right
UNDER_THE_NOSE = (0.55, 0.76)
CLOTHS = ((150, 195, 225), (235, 235, 240), (40, 40, 45), (230, 180, 190), (120, 170, 140), (60, 80, 140))


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


def augmented_crop(
    face: LabelledFace, donors: Sequence[LabelledFace], shape: Shape, random: Random
) -> tuple[Rgb, bool]:
    """A crop and its label, which a drawn mask may have changed, or one of a donor's."""
    mirrored = random.random() < 0.5
    patch = np.ascontiguousarray(face.patch[:, ::-1]) if mirrored else face.patch
    box = _mirrored_box(face.box, face.patch.shape[1]) if mirrored else face.box
    protected = face.protected
    if face.label is FaceLabel.UNPROTECTED:
        chance = random.random()
        if chance < DRAWN:
            patch, protected = with_drawn_mask(patch, box, random)
        elif chance < DRAWN + TAKEN:
            donor = donors[int(random.integers(len(donors)))]
            patch, protected = with_anothers_mask(patch, box, donor.patch, donor.box, random)
        elif chance < DRAWN + TAKEN + HANDS:
            patch = with_hand(patch, box, random)
    image = crop(patch, _jittered(box, random), side_px=shape.side_px, margin=shape.margin)
    return _degraded(image, random), protected


def _mirrored_box(box: Box, width: int) -> Box:
    return Box(width - box.x2, box.y1, width - box.x1, box.y2)


def _jittered(box: Box, random: Random) -> Box:
    """As a detector might have put it: shifted by some 5 %, scaled by some 10 %."""
    side = max(box.width, box.height)
    dx, dy = np.clip(random.normal(0, 0.05, 2), -0.15, 0.15) * side
    grow = (np.exp(np.clip(random.normal(0, 0.1), -0.25, 0.25)) - 1) / 2 * side
    return Box(box.x1 + dx - grow, box.y1 + dy - grow, box.x2 + dx + grow, box.y2 + dy + grow)


def _degraded(rgb: Rgb, random: Random) -> Rgb:
    """Turned a little, then far away, out of focus, badly lit, noisy and compressed, each at times."""
    side = rgb.shape[0]
    if random.random() < 0.5:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), random.uniform(-15, 15), 1)
        rgb = np.asarray(cv2.warpAffine(rgb, turn, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    if random.random() < 0.5:
        small = int(np.exp(random.uniform(math.log(10), math.log(side))))
        down = cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA)
        rgb = np.asarray(cv2.resize(down, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if random.random() < 0.2:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.4, 1.6)), np.uint8)
    values = rgb.astype(np.float32)
    if random.random() < 0.15:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    contrast, light = random.uniform(0.6, 1.4), random.uniform(-40, 40)
    tint = random.uniform(-12, 12, 3).astype(np.float32)
    values = (values - 127.5) * contrast + 127.5 + light + tint
    values = 255 * (np.clip(values, 0, 255) / 255) ** np.exp(random.uniform(-0.4, 0.4))
    if random.random() < 0.3:
        values = values + random.normal(0, random.uniform(1, 10), values.shape)
    rgb = np.clip(values, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        quality = int(random.integers(25, 90))
        # not by `compressed`: red goes in for blue here, and the shipped weights were trained so
        _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
        rgb = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return rgb


def with_drawn_mask(patch: Rgb, box: Box, random: Random) -> tuple[Rgb, bool]:
    """A bare face with a mask held or worn: over nose and mouth, which protects, or too low, or too high."""
    place = str(random.choice(["right", "low", "high"], p=[0.4, 0.4, 0.2]))
    top = {"right": ON_THE_NOSE, "low": UNDER_THE_NOSE, "high": (0.0, 0.16)}[place]
    bottom = {"right": (0.9, 1.1), "low": (0.95, 1.2), "high": (0.42, 0.60)}[place]
    y1, y2 = random.uniform(*top), random.uniform(*bottom)
    half, narrow = random.uniform(0.36, 0.52), random.uniform(0.6, 1.0)
    arch = random.uniform(0, 0.10)
    middle = 0.5 + random.uniform(-0.06, 0.06)
    corners = [
        (middle - half, y1 + arch), (middle, y1), (middle + half, y1 + arch),
        (middle + half * narrow, y2 - arch), (middle, y2), (middle - half * narrow, y2 - arch),
    ]  # fmt: skip
    turn = random.uniform(-0.15, 0.15)
    centre = np.array([middle, (y1 + y2) / 2])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    points = (np.array(corners) - centre) @ rotation.T + centre
    outline = (points * (box.width, box.height) + (box.x1, box.y1)).round().astype(np.int32)
    cloth = np.clip(np.array(CLOTHS[random.integers(len(CLOTHS))]) + random.uniform(-25, 25, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(cover, [outline], 255, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.75, 1.1), random.uniform(0.75, 1.1), patch.shape[0])[:, None, None]
    share = cover[..., None] / 255
    drawn = patch * (1 - share) + np.clip(cloth * shade, 0, 255) * share
    return np.asarray(drawn, np.uint8), place == "right"


def with_hand(patch: Rgb, box: Box, random: Random) -> Rgb:
    """A bare face with a hand over its mouth, in the colour of its own skin: that protects nobody."""
    x, y = int(box.x1 + box.width / 2), int(box.y1 + box.height * 0.45)
    around = patch[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    skin = np.median(around, axis=0) if len(around) else np.full(3, 140.0)
    skin = np.clip(skin * random.uniform(0.8, 1.15) + random.uniform(-8, 8, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    middle = np.array([random.uniform(0.3, 0.7), random.uniform(0.65, 0.9)])
    size = np.array([random.uniform(0.2, 0.4), random.uniform(0.1, 0.22)])
    turn = random.uniform(-50, 50)
    for finger in range(int(random.integers(2, 5))):
        place = middle + np.array([0, (finger - 1.5) * size[1] * 0.8])
        centre = (place * (box.width, box.height) + (box.x1, box.y1)).round().astype(int)
        axes = np.maximum(1, size * (box.width, box.height * 0.5)).round().astype(int)
        cv2.ellipse(cover, centre.tolist(), axes.tolist(), turn, 0, 360, 255, -1, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.8, 1.1), random.uniform(0.8, 1.1), patch.shape[1])[None, :, None]
    share = cover[..., None] / 255
    return np.asarray(patch * (1 - share) + np.clip(skin * shade, 0, 255) * share, np.uint8)


def with_anothers_mask(patch: Rgb, box: Box, other: Rgb, other_box: Box, random: Random) -> tuple[Rgb, bool]:
    """A bare face with the lower part of another's, who wears a mask: worn right, or under the nose or the mouth.

    What is under `at` of the other's box goes to what is under `seam` of this one. For a mask that is too low
    `at` is its upper edge, and the mask is squeezed into what is left of the face. The seam is soft, a
    little askew and bent.
    """
    right = random.random() < 0.35
    seam = random.uniform(*(ON_THE_NOSE if right else UNDER_THE_NOSE))
    at = seam if right else 0.40
    end = 1.1 if right else random.uniform(1.08, 1.3)
    askew, bent = random.uniform(-0.1, 0.1), 0.0 if right else random.uniform(-0.25, 0.25)
    wide = box.width / other_box.width
    high = (end - seam) * box.height / ((1.1 - at) * other_box.height)
    fit = np.array(
        [
            [wide, 0, box.x1 - other_box.x1 * wide],
            [0, high, box.y1 + seam * box.height - (other_box.y1 + at * other_box.height) * high],
        ]
    )
    size = patch.shape[1::-1]
    theirs = cv2.warpAffine(other, fit, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    row = (np.arange(patch.shape[0])[:, None] - box.y1) / box.height
    column = (np.arange(patch.shape[1])[None] - box.x1) / box.width - 0.5
    below = np.clip((row - seam - askew * column - bent * column**2) / 0.05, 0, 1)
    within = np.clip((random.uniform(0.5, 0.62) - np.abs(column)) / 0.08, 0, 1)
    share = (below * within * np.clip((end - row) / 0.1, 0, 1))[..., None]
    bright = max(1.0, float(theirs.mean()))
    theirs = np.clip(theirs * np.clip(patch.mean() / bright, 0.6, 1.6), 0, 255)
    return np.asarray(patch * (1 - share) + theirs * share, np.uint8), right
