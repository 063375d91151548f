"""The counts of a version in the shadow, kept beside the registry so that they continue after a restart.

models/shadow/<version>.json    by the version that served, by camera
"""

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from maskwatch.core.errors import MALFORMED
from maskwatch.core.records import ShadowCounts
from maskwatch.models.registry_state import checked_name
from maskwatch.platform.files import locked, make_folder, write_atomically

log = logging.getLogger(__name__)

FOLDER = "shadow"


def read_counts(registry: Path, version: str, serving: str) -> dict[str, ShadowCounts]:
    """By camera, of `version` beside `serving`; `registry` is its folder. A file that cannot be read is logged and counts for nothing."""
    return read_all_counts(registry, version).get(serving, {})


def read_all_counts(registry: Path, version: str) -> dict[str, dict[str, ShadowCounts]]:
    """The same beside each version that served, by its name; also of a run that has ended."""
    return _read(_path(registry, version))


def save_counts(registry: Path, version: str, serving: str, counts: Mapping[str, ShadowCounts]) -> None:
    """Set these cameras' counts; those of other cameras, and beside other versions, stay. Raises `OSError`."""
    path = _path(registry, version)
    make_folder(path.parent)
    with locked(path.parent / ".lock"):
        kept = _read(path)
        kept[serving] = {**kept.get(serving, {}), **counts}
        plain = {name: {c: asdict(each) for c, each in by.items()} for name, by in kept.items()}
        write_atomically(path, (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode())


def remove_counts(registry: Path, version: str) -> None:
    """Delete the counts of a version that was removed. Raises `OSError`."""
    _path(registry, version).unlink(missing_ok=True)


def _path(registry: Path, version: str) -> Path:
    return registry / FOLDER / f"{checked_name(version)}.json"


def _read(path: Path) -> dict[str, dict[str, ShadowCounts]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {
            serving: {camera: _counts(each) for camera, each in by.items()} for serving, by in data.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, *MALFORMED) as e:
        log.warning("%s: cannot be read (%s); counting begins anew", path, type(e).__name__)
        return {}


def _counts(data: Mapping[str, Any]) -> ShadowCounts:
    numbers = [data[f.name] for f in fields(ShadowCounts)]
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise ValueError("holds other counts")
    return ShadowCounts(*numbers)
