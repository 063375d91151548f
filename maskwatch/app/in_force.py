"""Records which state of the configuration file is in force, for the page that changes it."""

import time
from collections.abc import Callable
from pathlib import Path

from maskwatch.app.service import RunningParts
from maskwatch.config.edit import digest_of
from maskwatch.core.errors import MaskwatchError
from maskwatch.web.service_view import ConfigInForce

Build = Callable[[RunningParts | None], RunningParts]


def noted(build: Build, config: Path, in_force: ConfigInForce) -> Build:
    """The same `build`, from the file `config`; the outcome of each reading is recorded."""

    def building(before: RunningParts | None) -> RunningParts:
        digest = digest_of(config.read_bytes()) if config.is_file() else ""  # before it is read
        try:
            made = build(before)
        except MaskwatchError as e:
            in_force.refuse(digest, str(e))
            raise
        in_force.take(digest, time.time())
        return made

    return building
