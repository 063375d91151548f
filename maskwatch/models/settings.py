"""What may be set about the registry of models."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from maskwatch.platform.paths import StatePath, kept
from maskwatch.platform.settings_base import SettingsBase


class ModelsSettings(SettingsBase):
    """The `models` section: the folder of the registry (see `models/registry.py`).

    `shadow_share` (0..1) of the time may go to looking by a version in the shadow.
    """

    dir: Annotated[StatePath, kept("current.json", "versions")] = Field(Path("models"), validate_default=True)
    shadow_share: Annotated[float, Field(gt=0, le=1)] = 0.05
