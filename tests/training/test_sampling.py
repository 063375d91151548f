"""Which pictures and faces a training is about."""

from collections import Counter

import numpy as np
import pytest

from maskwatch.core.records import Box
from maskwatch.datasets.faces import SeenImage
from maskwatch.datasets.labels import FaceLabel
from maskwatch.training.batches import MinedBatches
from maskwatch.training.mining import UNKNOWN, Kind, MinedCrops
from maskwatch.training.sampling import ANYWHERE, SHARES, FaceSampler

BARE, MASKED, WRONG = FaceLabel.UNPROTECTED, FaceLabel.PROTECTED, FaceLabel.WORN_WRONG
PICTURE = np.zeros((50, 50, 3), np.uint8)


def image(*labels, source="street"):
    return SeenImage(PICTURE, (Box(1, 1, 9, 9),) * len(labels), (), labels, source)


def test_bare_faces_are_drawn_as_often_as_masked_ones_however_few_there_are():
    images = [image(*[MASKED] * 30) for _ in range(9)] + [image(BARE, MASKED)]
    sampler, random = FaceSampler(images), np.random.default_rng(0)
    drawn = [sampler.draw(random) for _ in range(4000)]
    about = [images[each.image].labels[each.face] for each in drawn if each.face is not None]
    assert len(about) / len(drawn) == pytest.approx(1 - ANYWHERE, abs=0.03)
    wanted = SHARES[BARE] / (SHARES[BARE] + SHARES[MASKED])
    assert about.count(BARE) / len(about) == pytest.approx(wanted, abs=0.03)


def test_data_sets_with_such_faces_take_turns_whatever_their_sizes():
    images = [image(BARE, source="portraits")] * 500 + [image(BARE, source="street")] * 5
    sampler, random = FaceSampler(images), np.random.default_rng(0)
    drawn = (sampler.draw(random) for _ in range(3000))
    sources = Counter(images[each.image].source for each in drawn if each.face is not None)
    assert sources["street"] / sources.total() == pytest.approx(0.5, abs=0.04)


def test_pictures_without_labels_or_faces_are_drawn_too():
    random = np.random.default_rng(0)
    unlabelled = SeenImage(PICTURE, (Box(1, 1, 9, 9),))
    assert {FaceSampler([unlabelled]).draw(random).face for _ in range(50)} == {None, 0}
    assert {FaceSampler([SeenImage(PICTURE, ())]).draw(random).face for _ in range(20)} == {None}


def test_a_batch_of_mined_crops_holds_bare_and_masked_faces_in_their_shares():
    count = 1000
    kinds = np.where(np.arange(count) < 600, Kind.POSITIVE, Kind.NEGATIVE)
    order = list(SHARES)
    labels = np.where(np.arange(count) < 5, order.index(BARE), order.index(MASKED))
    labels[5:8], labels[8:11] = order.index(WRONG), UNKNOWN
    crops = np.zeros((count, 24, 24, 3), np.uint8)
    crops[:, 0, 0, 0] = np.minimum(labels * 60, 255)
    samples = MinedCrops(crops, kinds, np.zeros((count, 4), np.float32), labels)
    batches = MinedBatches(samples, 200, (0,))
    sizes = {order[number]: size for (rows, size), number in zip(batches._shares, range(4), strict=False)}
    assert sum(sizes.values()) == pytest.approx(60, abs=2)
    assert sizes == {label: pytest.approx(60 * share, abs=1) for label, share in SHARES.items()}
    batch = next(batches.batches(0, 1))
    assert (batch.kinds == Kind.POSITIVE).sum() == sum(sizes.values())
