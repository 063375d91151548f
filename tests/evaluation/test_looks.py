"""Pictures looked at by several workers: the figures are those of one."""

import pickle
from functools import partial

import pytest
import torch

from maskwatch.app.cameras import analyst
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.config import load as configuration
from maskwatch.detect.settings import Settings
from maskwatch.evaluation.measure import (
    Measurement,
    SystemUnderTest,
    measure_classifiers,
    measure_detectors,
    measure_systems,
)
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.models.loading import Models
from maskwatch.parallel.this_process import ThisProcess

BOTH = Settings(), Settings(weights="stock")


class Elsewhere(ThisProcess):
    """What goes in and out is pickled, as on the way to another process; the last of three batches is done first."""

    def __init__(self, setup):
        super().__init__(pickle.loads(pickle.dumps(setup)))

    @property
    def room(self):
        return 3 - len(self._waiting)

    def submit(self, piece):
        super().submit(pickle.loads(pickle.dumps(piece)))

    def next_done(self):
        self._waiting.rotate(1)
        return pickle.loads(pickle.dumps(super().next_done()))


class WorkerSettings:
    def workers(self, setup):
        return Elsewhere(setup)


def detectors(folder, models, how):
    return measure_detectors([folder], BOTH, models, how)


def classifiers(folder, models, how):
    return measure_classifiers([folder], [ClassifySettings()], Settings(), models, protected_at=0.5, how=how)


def systems(folder, models, how):
    defaults = configuration.default().defaults
    load = partial(analyst, defaults, models)
    return measure_systems(
        [folder], [SystemUnderTest(defaults.detect, defaults.classify, load)], models, bound=0.75, how=how
    )


@pytest.mark.parametrize("measure", [detectors, classifiers, systems])
def test_the_figures_are_the_same_whoever_looks(measure, street, monkeypatch):
    monkeypatch.setattr("maskwatch.datasets.batches.SIZE", 2)
    models = Models(torch.device("cpu"))
    alone = measure(street, models, Measurement(SplitChoice.ALL))
    together = measure(street, models, Measurement(SplitChoice.ALL, worker_settings=WorkerSettings()))
    assert together == alone
    assert together.facts["figures" if "figures" in alone.facts else "differences"]
