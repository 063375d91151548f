"""What `{MASKWATCH_NAME}` in the configuration stands for: systemd's credentials, or else the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from maskwatch.core.errors import ConfigError

PREFIX = "MASKWATCH_"


def variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those of the environment whose names start with `MASKWATCH_`, and over them the credentials of such names.

    systemd gives a service its credentials as files that nobody else can read (systemd.exec(5)): unlike the
    environment they go to no child process and stand in no process list. The line's end that editors leave is
    no part of one. Raises `ConfigError` when a credential cannot be read.
    """
    found = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    if folder := environment.get("CREDENTIALS_DIRECTORY"):
        try:
            paths = [path for path in Path(folder).iterdir() if path.name.startswith(PREFIX)]
        except OSError as e:
            raise ConfigError(f"{folder}: {e.strerror}") from e
        found |= {path.name: _text(path) for path in paths}
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "is not UTF-8"
        raise ConfigError(f"credential {path.name}: {why}") from None  # its context would hold the bytes
