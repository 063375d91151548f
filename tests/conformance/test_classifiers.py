"""Every kind of classifier that comes with maskwatch does what a classifier must."""

import torch

from maskwatch.classify.kinds import masknet
from maskwatch.classify.registry import CLASSIFIERS
from maskwatch.conformance.models import ClassifierContract
from maskwatch.detect.kinds import mtcnn
from maskwatch.models.loading import Models
from maskwatch.output import demo_clip


class TestMasknet(ClassifierContract):
    def settings(self):
        return masknet.Settings()

    def make(self):
        return Models(torch.device("cpu")).classifier(self.settings())

    def samples(self):
        """With the boxes of the detector that it was trained with."""
        bare = demo_clip.portrait()
        masked = demo_clip.with_mask(bare, demo_clip.FACE)
        detector = Models(torch.device("cpu")).detector(mtcnn.Settings(backend="torch"))
        ((one,), (other,)) = (detector.detect([rgb])[0] for rgb in (bare, masked))
        return [(bare, one, False), (masked, other, True)]

    def test_settings_that_differ_in_the_bound_share_the_network(self):
        models = Models(torch.device("cpu"))
        first, second = (models.classifier(masknet.Settings(protected_at=bound)) for bound in (0.4, 0.6))
        assert first is second


def test_every_kind_is_held_to_the_contract():
    tested = {kind.__name__.removeprefix("Test").lower() for kind in ClassifierContract.__subclasses__()}
    assert tested >= {name for name, _ in CLASSIFIERS.own()}
