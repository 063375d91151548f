"""What may be set about drift."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from maskwatch.platform.paths import StatePath, kept
from maskwatch.platform.settings_base import Probability, SettingsBase


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
