"""Frames to measure on, composed from the demo's portrait: a wall, a floor, noise, and people of many sizes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from maskwatch.core.records import Rgb
from maskwatch.output import demo_clip as demo
from maskwatch.sources.portrait import FACE, portrait

SIZE = (1920, 1080)
PEOPLE = ((0.9, 0.10, 0.30), (0.5, 0.42, 0.45), (0.3, 0.65, 0.40), (0.18, 0.80, 0.52), (0.1, 0.92, 0.35))


def room() -> Rgb:
    """An empty room, `(1080, 1920, 3)`: panels, shadows, a patterned floor, and grain."""
    width, height = SIZE
    random = np.random.default_rng(0)
    coarse = random.uniform(60, 200, (9, 16, 3)).astype(np.float32)
    image = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    for left in range(0, width, 160):
        cv2.line(image, (left, 0), (left, height * 2 // 3), (70, 70, 75), 3)
    for number in range(40):
        top = height * 2 // 3 + number * 9
        shade = 90 + 60 * (number % 2)
        cv2.line(image, (0, top), (width, top + number * 4), (shade, shade, shade - 10), 5)
    grain = random.normal(0, 4, (height, width, 3))
    return np.asarray(np.clip(image + grain, 0, 255), np.uint8)


def crowd(shift: float = 0.0) -> Rgb:
    """The room with five people, every other one masked; `shift` moves them, as a share of the width."""
    bare = portrait()
    image = room()
    for number, (zoom, across, down) in enumerate(PEOPLE):
        person = demo.with_mask(bare, FACE) if number % 2 else bare
        _paste(image, person, zoom, (across + shift) % 1, down)
    return image


def resting(fps: float, seconds: float) -> Iterator[Rgb]:
    """A door camera's usual hour: the empty room with grain; in the middle fifth somebody walks through."""
    empty, person = room(), portrait()
    random = np.random.default_rng(1)
    frames = int(fps * seconds)
    grain = random.integers(-3, 4, (8, *empty.shape), np.int16)
    for number in range(frames):
        image = empty.copy()
        passed = (number / frames - 0.4) / 0.2
        if 0 <= passed < 1:
            _paste(image, person, 0.5, passed, 0.35)
        yield np.asarray(np.clip(image + grain[number % 8], 0, 255), np.uint8)


def busy(fps: float, seconds: float) -> Iterator[Rgb]:
    """Five people who never stand still."""
    for number in range(int(fps * seconds)):
        yield crowd(0.03 * number / fps)


def write_clip(path: Path, frames: Iterable[Rgb], fps: int) -> None:
    """H.264 as cameras send it: no B-frames, a key frame every two seconds."""
    options = {"crf": "23", "bf": "0", "g": str(2 * fps), "preset": "veryfast"}
    demo.write_h264(path, frames, SIZE, fps, options)


def _paste(image: Rgb, person: Rgb, zoom: float, across: float, down: float) -> None:
    height, width = image.shape[:2]
    part = cv2.resize(person, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    left, top = int(across * width), int(down * height)
    room_left = image[top : top + part.shape[0], left : left + part.shape[1]]
    room_left[:] = part[: room_left.shape[0], : room_left.shape[1]]
