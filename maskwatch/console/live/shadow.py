"""What the page says of a version in the shadow: a table, a row a camera."""

from collections.abc import Mapping
from typing import Any

from maskwatch.console.reasons import in_words
from maskwatch.console.texts import Texts

COLUMNS = (
    "camera",
    "frames",
    "differing",
    "candidate_only",
    "serving_only",
    "relabelled",
    "decisions",
    "time",
)


def shadow_view(shadow: Mapping[str, Any] | None, t: Texts) -> dict[str, object] | None:
    """Of the status' `shadow`; None where no version is in the shadow."""
    if shadow is None:
        return None
    rows = [_row(name, counts) for name, counts in shadow["cameras"].items()]
    note = "" if rows else t("live.shadow_none")
    if shadow["problem"]:
        note = t("live.shadow_ended", reason=in_words(shadow["problem"], t))
    return {
        "title": t("live.shadow", version=shadow["version"], serving=shadow["serving"]),
        "note": note,
        "heads": [t(f"live.shadow_{column}") for column in COLUMNS],
        "rows": rows,
    }


def _row(camera: str, counts: Mapping[str, Any]) -> list[str]:
    frames, differing = counts["frames"], counts["differing"]
    times = {who: f"{1000 * (counts[f'{who}_s'] or 0):.0f}" for who in ("candidate", "serving")}
    return [
        camera,
        f"{frames:,}",
        f"{differing:,} ({differing / max(1, frames):.1%})",
        *(f"{counts[column]:,}" for column in COLUMNS[3:-1]),
        f"{times['candidate']} ms ({times['serving']} ms)",
    ]
