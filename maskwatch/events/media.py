"""Stills and clips of alerts: files beside the database, named by the event's id."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from maskwatch.platform.files import replacing

ID = re.compile(r"[0-9a-f]{32}")
STALE_S = 60.0  # a half-written file of this age was left by a service that was killed


@dataclass(frozen=True, slots=True)
class Media:
    """The files `stills/ID.jpg` and `clips/ID.mp4` in `folder`."""

    folder: Path

    def still(self, event_id: str) -> Path:
        """The path of the JPEG, whether it exists or not. Raises `ValueError` for what is no event's id."""
        return self.folder / "stills" / f"{_checked(event_id)}.jpg"

    def clip(self, event_id: str) -> Path:
        """The path of the H.264 video, as `still`."""
        return self.folder / "clips" / f"{_checked(event_id)}.mp4"

    def write_still(self, event_id: str, jpeg: bytes) -> None:
        """Write the still atomically, readable by its user alone. Raises `OSError` and `ValueError`."""
        with replacing(self.still(event_id)) as part:
            part.touch(mode=0o600)
            part.write_bytes(jpeg)

    def keep_within(self, max_bytes: int) -> int:
        """Delete the oldest stills and clips until the rest takes at most `max_bytes`, and what a crash left half written.

        Returns how many files were deleted. One that may not be deleted stays.
        """
        whole, gone = [], 0
        for path in (*self.folder.glob("stills/*.jpg"), *self.folder.glob("clips/*.mp4")):
            with suppress(OSError):  # somebody else deleted it
                stat = path.stat()
                if not path.name.startswith("."):
                    whole.append((stat.st_mtime, stat.st_size, path))
                elif time.time() - stat.st_mtime > STALE_S:
                    path.unlink()
                    gone += 1
        used = sum(size for _, size, _ in whole)
        for _, size, path in sorted(whole):
            if used <= max_bytes:
                break
            with suppress(OSError):
                path.unlink()
                used -= size
                gone += 1
        return gone


def _checked(event_id: str) -> str:
    if not ID.fullmatch(event_id):
        raise ValueError(f"{event_id[:64]!r} is no event's id")
    return event_id
