"""Scenes as pictures: a real face moved over a background, for the real detector, engine and gate."""

import cv2
import numpy as np
from tracking.scenes import SIZE

from maskwatch.config.sections import Defaults
from maskwatch.core.geometry import expanded
from maskwatch.core.records import Frame
from maskwatch.detect.motion import MotionGate
from maskwatch.models.loading import Models, pick_device
from maskwatch.models.registry import shipped_files
from maskwatch.output.demo_clip import FACE, portrait, with_mask
from maskwatch.pipeline.camera import AnalysisConfig
from maskwatch.pipeline.engine import Engine

NEAR_MISS_FROM = 0.25  # as the queue has it by default
ROOM = 0.35  # of the face, around it: hair, ears, chin


def engine(*, gate=True, ignore=()):
    """As a camera has it by default."""
    settings, models = Defaults(), Models(pick_device("auto"), shipped_files())
    motion = MotionGate("door", settings.motion) if gate else None
    camera = AnalysisConfig(
        "door",
        models.detector(settings.detect),
        models.classifier(settings.classify),
        settings.classify.protected_at,
        settings.classify.min_face_px,
        ignore,
        gate=motion,
        near_miss_from=NEAR_MISS_FROM,
    )
    return Engine({"door": camera})


class Studio:
    """Draws a scene. Faces are one portrait in several lights, bare and masked, some mirrored."""

    def __init__(self, scene, seed=0):
        random = np.random.default_rng(seed)
        self._scene = scene
        coarse = random.uniform(60, 190, (10, 17, 3)).astype(np.float32)
        self._room = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
        self._heads = [_head(number) for number in range(len(scene.people))]
        self._noise = random

    def frame(self, number, at):
        """With the noise of a camera."""
        image = self._room.copy()
        there = [(p, self._heads[n]) for n, p in enumerate(self._scene.people) if p.begin <= at < p.end]
        for person, head in sorted(there, key=lambda pair: pair[0].box(at).width):
            away = any(a <= at < b for a, b in person.away)
            _put(image, head, expanded(person.box(at), ROOM), away=away)
        for pillar in self._scene.pillars:
            x1, y1, x2, y2 = map(round, pillar)
            image[y1:y2, x1:x2] = (120, 110, 100)
        image += self._noise.normal(0, 2, image.shape)
        return Frame("door", "scene", number, at, np.clip(image, 0, 255).astype(np.uint8))


def _head(number):
    """A face with some room, `(h, w, 3)`, of one who differs a little from the others."""
    picture = portrait() if number % 3 else with_mask(portrait(), FACE)
    x1, y1, x2, y2 = map(round, expanded(FACE, ROOM))
    head = picture[max(y1, 0) : y2, x1:x2].astype(np.float32) * (0.8 + 0.08 * (number % 5))
    return np.ascontiguousarray(head[:, ::-1] if number % 2 else head)


def _put(image, head, box, *, away):
    """Into an oval, with soft edges and to fractions of a pixel; who has turned away shows hair."""
    height, width = head.shape[:2]
    placed = np.array([[box.width / width, 0, box.x1], [0, box.height / height, box.y1]], np.float32)
    oval = np.zeros((height, width), np.float32)
    cv2.ellipse(oval, (width // 2, height // 2), (int(width * 0.44), int(height * 0.48)), 0, 0, 360, 1, -1)
    x1, y1 = max(0, int(box.x1)), max(0, int(box.y1))
    x2, y2 = min(SIZE[0], int(box.x2) + 1), min(SIZE[1], int(box.y2) + 1)
    if x1 >= x2 or y1 >= y2:
        return
    placed[:, 2] -= (x1, y1)
    small = max(1, round(width / box.width))
    shown = cv2.blur(np.full_like(head, 40) if away else head, (small, small))
    size = (x2 - x1, y2 - y1)
    shown = cv2.warpAffine(shown, placed, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(cv2.blur(oval, (9, 9)), placed, size)[..., None]
    image[y1:y2, x1:x2] = share * shown + (1 - share) * image[y1:y2, x1:x2]
