"""What may be set about the queue."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from maskwatch.platform.paths import InputPath, StatePath, kept
from maskwatch.platform.settings_base import SettingsBase

Probability = Annotated[float, Field(ge=0, le=1)]


def _in_order(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] > band[1]:
        raise ValueError("must be from the lower to the higher")
    return band


Band = Annotated[tuple[Probability, Probability], AfterValidator(_in_order)]


class SelectionSettings(SettingsBase):
    """What a camera's own `queue` section may say: which frames are worth a look.

    A probability within its band, both ends included, is unsure. `audit_share` of the frames that are looked at
    are drawn at random, whatever the models say; they do not count for `max_per_hour`.
    """

    classifier_band: Band = (0.35, 0.65)
    detector_band: Band = (0.5, 0.7)
    max_per_hour: Annotated[int, Field(ge=0, le=100_000)] = 60
    audit_share: Probability = 0.0002


class QueueSettings(SelectionSettings):
    """The `queue` section.

    Above `max_mb`, older than `max_days`, or when the disk has less than `min_free_mb` free, the oldest
    unlabelled samples go; when none is left, nothing is stored until there is room again.
    """

    dir: Annotated[StatePath, kept("*/????-??-??")] = Field(Path("queue"), validate_default=True)
    max_mb: Annotated[float, Field(gt=0, le=1e9)] = 2048
    max_days: Annotated[float, Field(gt=0, le=36_500)] = 30
    min_free_mb: Annotated[float, Field(ge=0, le=1e9)] = 512


class ModelsSettings(SettingsBase):
    """The `models` section: the folder of the registry (see `models/registry.py`)."""

    dir: Annotated[StatePath, kept("current.json", "versions")] = Field(Path("models"), validate_default=True)


class LearnSettings(SettingsBase):
    """The `learn` section: training from labelled samples (see `learning/loop.py`).

    A training begins when `min_samples` labelled ones wait. Used ones move to the folder `archive`. `base` are labelled
    data sets that prevent forgetting: at most `base_pictures` of their pictures are trained on too, and as many test
    pictures are measured. A candidate serves when it is better on the cameras' holdout, where the
    interval may reach down to -`margin`, and when on the base's it does not reach down to -`base_margin`.
    `effort` multiplies the usual number of training steps. Of the registry's versions the newest `keep` stay, and as many of those
    that served before.
    """

    archive: Annotated[StatePath, kept("parts.json", "batches", "samples")] = Field(
        Path("archive"), validate_default=True
    )
    min_samples: Annotated[int, Field(ge=1)] = 100
    base: tuple[InputPath, ...] = ()
    base_pictures: Annotated[int, Field(ge=0)] = 400
    margin: Probability = 0.05
    base_margin: Probability = 0.03
    effort: Annotated[float, Field(gt=0, le=20)] = 1.0
    keep: Annotated[int, Field(ge=1)] = 20


class DriftSettings(SettingsBase):
    """The `drift` section: when labelling is due (see `drift/watch.py`).

    The first `reference_days` with the present models are what later ones are held against, by the population
    stability index, once there are `least_faces` on either side: above `psi` labelling is due. So it is where
    clearly less than `least_right` of the audit's faces were right. `dir` keeps `max_days`.
    """

    dir: Annotated[StatePath, kept("*/????-??-??.json")] = Field(Path("drift"), validate_default=True)
    psi: Annotated[float, Field(gt=0)] = 0.25
    reference_days: Annotated[int, Field(ge=1)] = 7
    least_faces: Annotated[int, Field(ge=20)] = 300
    least_right: Probability = 0.8
    max_days: Annotated[int, Field(ge=1)] = 365
