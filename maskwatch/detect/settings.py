"""What may be set about the detector. Importing this loads no torch."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, WrapValidator, field_validator

from maskwatch.platform.paths import InputText, base_of
from maskwatch.platform.settings_base import Probability, SettingsBase
from maskwatch.plugins import KindSettings

BackendName = Literal["auto", "torch", "openvino"]
CompileChoice = Literal["auto", "on", "off", "graphs"]
STOCK = "stock"
NO_SCOUT = "detect.scout: has no effect any more, as P-Net looks everywhere; the key can go"
Weights = Annotated[InputText, WrapValidator(lambda value, inner: value if value == STOCK else inner(value))]


class Settings(KindSettings):
    """The `detect` section of `kind: mtcnn`, our own cascade, which is meant where no kind is named.

    `weights` is a file that `maskwatch train detector` wrote, or `stock` for the published weights; None for
    those that are shipped. `thresholds` are the lowest probabilities that pass P-Net, R-Net and O-Net; None for
    those that were chosen for the weights and travel in their file. `crops: exact` cuts the
    refining stages' input at fractions of a pixel from the pyramid; `published` makes pyramid and crops as
    facenet-pytorch does, slowly, which gives that package's boxes (with its weights and thresholds). `half` computes
    in float16, on CUDA alone, and keeps 97 % of the boxes. `compile` has torch compile
    P-Net for the sizes that come again and again, beside the work; `auto` is on for CUDA and off on the processor, and
    `graphs` records what was compiled as CUDA graphs, too.
    `scout` is of earlier releases and has no effect.
    """

    kind: Literal["mtcnn"] = "mtcnn"
    min_face_px: Annotated[float, Field(ge=8, le=1000)] = 20
    weights: Weights | None = None
    thresholds: tuple[Probability, Probability, Probability] | None = None
    crops: Literal["exact", "published"] = "exact"
    scout: bool = True
    backend: BackendName = "auto"
    half: bool = False
    compile: CompileChoice = "auto"

    @property
    def is_exact(self) -> bool:
        """Whether the published boxes are to be met, for which only float32 is exact enough."""
        return self.crops == "published"

    @field_validator("scout")
    @classmethod
    def _no_scout(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic calls it
        base = base_of(info)
        if base is not None and NO_SCOUT not in base.warnings:
            base.warnings.append(NO_SCOUT)
        return value


class MotionSettings(SettingsBase):
    """The `motion` section.

    With the `gate`, what did not change since it was last looked at is not looked at again: its faces are
    carried on. The whole frame is looked at every `full_s` seconds at least.
    """

    gate: bool = True
    full_s: Annotated[float, Field(gt=0, le=60)] = 3
