"""How often the processor waits for a card in each step of a call, and how many functions Python calls there.

The shipped weights, composed frames of 1080p with five people. Waits are counted with the processor in the card's place;
calls, with those of C, of the detector's way on a card on the processor itself, as what stands in the card's place is Python,
too.

    PYTHONPATH=tests python tests/harness/card_steps.py
"""

import sys
from collections import Counter

import numpy as np
import pytest
import torch

from harness.card import CARD, AtOnce, pretended_card
from maskwatch.bench import scene
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.detect.backends.pytorch import CARD_PIECE_PX
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.pyramids import upload
from maskwatch.detect.pyramids.device import DevicePyramid
from maskwatch.detect.settings import Settings
from maskwatch.models.loading import Models

COUNTS = (1, 16)


class CardsWay(Mtcnn):
    """The cascade as on a card, wherever it computes."""

    def _pyramid(self, frames):
        return DevicePyramid(torch.from_numpy(np.stack(frames)), self._settings.min_face_px)


def by_step(detector, frames, take):
    """What `take` gives at the end of each step of a call, added up by the step's name; and the faces of each frame."""
    steps = Counter()

    def lap(name):
        steps[name] += take()

    timed = detector.timed(lap)
    timed.detect(frames)  # makes what is made once a size
    steps.clear()
    take()
    found = timed.detect(frames)
    lap("records of what was found")
    return steps, found


def waits(frames):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload, "ThreadPoolExecutor", AtOnce)
        with pretended_card(patch) as card:

            def take():
                count = card.waits.total()
                card.waits.clear()
                return count

            models = Models(CARD)
            steps, found = by_step(models.mtcnn(Settings()), frames, take)
            faces = [(rgb, face) for rgb, own in zip(frames, found, strict=True) for face in own]
            models.classifier(ClassifySettings()).classify(faces)
            return steps + Counter(classifier=take())


def calls(frames):
    own = Models(torch.device("cpu")).mtcnn(Settings(backend="torch"))
    own._backend.piece_px = CARD_PIECE_PX
    detector = CardsWay(own._backend, own._settings, own.version, own._point)
    count = 0

    def called(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    def take():
        nonlocal count
        taken, count = count, 0
        return taken

    sys.setprofile(called)
    try:
        return by_step(detector, frames, take)[0]
    finally:
        sys.setprofile(None)


def main():
    batches = [[scene.crowd(number / 50) for number in range(count)] for count in COUNTS]
    columns = [count(frames) for count in (waits, calls) for frames in batches]
    titles = [f"{what}, {count} frames" for what in ("waits", "function calls") for count in COUNTS]
    print(" | ".join(["| step", *titles]), "|")
    print("|---" * (1 + len(columns)) + "|")
    for step in dict.fromkeys(step for column in columns for step in column):
        print(" | ".join([f"| {step}", *(f"{column[step]:,}" for column in columns)]), "|")
    print(" | ".join(["| all", *(f"{column.total():,}" for column in columns)]), "|")


if __name__ == "__main__":
    main()
