"""What may be set about the queue."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from maskwatch.platform.paths import StatePath, kept
from maskwatch.platform.settings_base import Probability, SettingsBase


def _in_order(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] > band[1]:
        raise ValueError("must be from the lower to the higher")
    return band


Band = Annotated[tuple[Probability, Probability], AfterValidator(_in_order)]


class ShareSettings(SettingsBase):
    """The `shares` of `queue`: how much of `max_per_hour` each reason may use where all want something; 0: never.

    They count relative to each other, among the reasons that wanted something within the last hour.
    """

    near_miss: Probability = 0.25
    gap: Probability = 0.1
    moved_unseen: Probability = 0.15
    second_look: Probability = 0.15
    classifier: Probability = 0.2
    detector: Probability = 0.1
    shadow: Probability = 0.2
    flicker: Probability = 0.05


class SelectionSettings(SettingsBase):
    """What a camera's own `queue` section may say: which frames are worth a look.

    A probability within its band, both ends included, is unsure. Candidates from `near_miss_from` of the detector's
    threshold on are near misses; 1: there are none. `second_look_share` of the frames that are looked at get a second
    look, at most `second_looks_per_hour`. `audit_share` of them are drawn at random, whatever the models say; they do
    not count for `max_per_hour`.
    """

    classifier_band: Band = (0.35, 0.65)
    detector_band: Band = (0.5, 0.7)
    max_per_hour: Annotated[int, Field(ge=0, le=100_000)] = 60
    shares: ShareSettings = ShareSettings()
    near_miss_from: Probability = 0.25
    second_look_share: Probability = 0.005
    second_looks_per_hour: Annotated[int, Field(ge=0, le=10_000)] = 30
    audit_share: Probability = 0.0002


class QueueSettings(SelectionSettings):
    """The `queue` section.

    Above `max_mb`, older than `max_days`, or when the disk has less than `min_free_mb` free, the oldest
    unlabelled samples go; when none is left, nothing is stored until there is room again. Labelled ones go
    `labelled_max_days` after they were saved, and names of people who labelled become pseudonyms `names_max_days` after
    that, here and in the archive; None: never.
    """

    dir: Annotated[StatePath, kept("*/????-??-??")] = Field(Path("queue"), validate_default=True)
    max_mb: Annotated[float, Field(gt=0, le=1e9)] = 2048
    max_days: Annotated[float, Field(gt=0, le=36_500)] = 30
    labelled_max_days: Annotated[float, Field(ge=1, le=36_500)] | None = None
    names_max_days: Annotated[float, Field(ge=1, le=36_500)] | None = None
    min_free_mb: Annotated[float, Field(ge=0, le=1e9)] = 512
