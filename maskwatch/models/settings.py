"""What may be set about the registry of models."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from maskwatch.platform.paths import StatePath, kept
from maskwatch.platform.settings_base import SettingsBase


class ModelsSettings(SettingsBase):
    """The `models` section: the folder of the registry (see `models/registry.py`)."""

    dir: Annotated[StatePath, kept("current.json", "versions")] = Field(Path("models"), validate_default=True)
