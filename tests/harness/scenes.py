"""A room that a camera looks at: furniture, people who walk by, light, noise, and what is done to the camera."""

import cv2
import numpy as np

from maskwatch.core.records import Frame


class Scene:
    """`light(t)` is a factor of the brightness, `noise` the sensor's standard deviation in grey levels."""

    def __init__(self, seed=0, size=(640, 360), people=2, noise=2.0, light=lambda _: 1.0):
        self.random = np.random.default_rng(seed)
        self.size, self.noise, self.light = size, noise, light
        self.room = room(seed, size)
        self.people = [
            (self.random.uniform(0, 100), self.random.uniform(20, 60), self.random.uniform(0.3, 1), self.random.integers(20, 220, 3))
            for _ in range(people)
        ]  # fmt: skip

    def frame(self, at, change=None):
        """What the camera gives; `change(picture)` is what is done to it."""
        width, height = self.size
        picture = self.room.copy()
        for begin, period, scale, colour in self.people:
            x = ((at + begin) % period) / period * width * 1.6 - width * 0.3
            body = (int(width * 0.09 * scale), int(height * 0.45 * scale))
            cv2.ellipse(picture, (int(x), int(height * 0.75)), body, 0, 0, 360, colour.tolist(), -1)
            head = (int(x), int(height * (0.75 - 0.45 * scale)))
            cv2.circle(picture, head, int(height * 0.1 * scale), (200, 170, 150), -1)
        picture = picture if change is None else change(picture)
        noise = self.random.normal(0, self.noise, picture.shape[:2])[..., None]
        return Frame("door", "x", 0, at, np.clip(picture * self.light(at) + noise, 0, 255).astype(np.uint8))


def room(seed, size):
    """The same for the same seed."""
    random, (width, height) = np.random.default_rng(seed), size
    picture = np.full((height, width, 3), random.integers(120, 200), np.uint8)
    for _ in range(40):
        x, y = random.integers(0, width), random.integers(0, height)
        across, down = random.integers(10, width // 4), random.integers(10, height // 3)
        corners = (int(x), int(y)), (int(x + across), int(y + down))
        cv2.rectangle(picture, *corners, random.integers(20, 235, 3).tolist(), -1)
    for _ in range(30):
        ends = random.integers(0, width, 2).tolist(), random.integers(0, height, 2).tolist()
        cv2.line(picture, *ends, random.integers(0, 255, 3).tolist(), 2)
    return picture
