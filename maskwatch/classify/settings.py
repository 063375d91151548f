"""What may be set about the classifier. Importing this loads no torch."""

from typing import Annotated, Literal

from pydantic import Field

from maskwatch.platform.paths import InputText
from maskwatch.plugins import KindSettings


class ClassifierSettings(KindSettings):
    """What the `classify` section has for every kind.

    A face counts as protected when its probability is at least `protected_at`; one whose box is
    smaller than `min_face_px` on its longer side is too small to judge and stays unknown.
    """

    protected_at: Annotated[float, Field(gt=0, lt=1)] = 0.5
    min_face_px: Annotated[float, Field(ge=0, le=1000)] = 8


class Settings(ClassifierSettings):
    """`kind: masknet`, our own network, which is meant where no kind is named.

    `weights` is a file that `maskwatch train classifier` wrote; None for the one that is shipped.
    """

    kind: Literal["masknet"] = "masknet"
    weights: InputText | None = None
