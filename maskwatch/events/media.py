"""Stills and clips of alerts: files beside the database, named by the event's id."""

import re
from dataclasses import dataclass
from pathlib import Path

ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Media:
    """Where they lie: `stills/ID.jpg` and `clips/ID.mp4` in `folder`."""

    folder: Path

    def still(self, event_id: str) -> Path:
        """The JPEG's path, there or not. Raises `ValueError` when that is no event's id."""
        return self.folder / "stills" / f"{_checked(event_id)}.jpg"

    def clip(self, event_id: str) -> Path:
        """The path of the H.264 video, as `still`."""
        return self.folder / "clips" / f"{_checked(event_id)}.mp4"


def _checked(event_id: str) -> str:
    if not ID.fullmatch(event_id):
        raise ValueError(f"{event_id[:64]!r} is no event's id")
    return event_id
