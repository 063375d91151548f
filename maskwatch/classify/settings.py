"""What may be set about the classifier. Importing this loads no torch."""

from typing import Annotated

from pydantic import Field

from maskwatch.platform.paths import InputText
from maskwatch.platform.settings_base import SettingsBase


class Settings(SettingsBase):
    """The `classify` section.

    A face counts as protected when its probability is at least `protected_at`; one whose box is
    smaller than `min_face_px` on its longer side is too small to judge and stays unknown. `weights`
    is a file that `maskwatch train classifier` wrote; None for the one that is shipped.
    """

    protected_at: Annotated[float, Field(gt=0, lt=1)] = 0.5
    min_face_px: Annotated[float, Field(ge=0, le=1000)] = 8
    weights: InputText | None = None
