"""What may be set about learning from labelled samples."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from maskwatch.platform.paths import InputPath, StatePath, kept
from maskwatch.platform.settings_base import Probability, SettingsBase


class LearnSettings(SettingsBase):
    """The `learn` section: training from labelled samples (see `learning/loop.py`).

    A training begins when `min_samples` labelled ones wait. Used ones move to the folder `archive`. `base` are
    labelled data sets (base data), to prevent forgetting: at most `base_pictures` of their pictures are trained on,
    too, and as many test pictures are measured. A candidate serves when it is better on the cameras' holdout, where
    the interval may reach down to -`margin`, and when on the base's it does not reach down to -`base_margin`.
    `effort` is a multiplier on training steps. Of the registry's versions the newest `keep` stay, and as many of
    those that served before. `archive_max_days` after they were saved, used samples are deleted, the held-out ones too;
    None: never.
    """

    archive: Annotated[StatePath, kept("parts.json", "batches", "samples")] = Field(
        Path("archive"), validate_default=True
    )
    archive_max_days: Annotated[float, Field(ge=1, le=36_500)] | None = None
    min_samples: Annotated[int, Field(ge=1)] = 100
    base: tuple[InputPath, ...] = ()
    base_pictures: Annotated[int, Field(ge=0)] = 400
    margin: Probability = 0.05
    base_margin: Probability = 0.03
    effort: Annotated[float, Field(gt=0, le=20)] = 1.0
    keep: Annotated[int, Field(ge=1)] = 20
