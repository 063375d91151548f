"""Where things are kept that can be made again: by us, and by libraries that would look for a home."""

import atexit
import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile


@cache
def cache_folder() -> Path:
    """Systemd's choice, the user's, or `~/.cache`; where nothing can be written there, a temporary folder."""
    chosen = _chosen()
    if chosen is not None and _takes_files(chosen):
        return chosen
    temporary = TemporaryDirectory(prefix="maskwatch-")
    atexit.register(temporary.cleanup)
    return Path(temporary.name)


def settle_libraries() -> None:
    """Keep libraries from complaining about a home that is missing or read-only; before they are imported."""
    home = _home()
    homes = [
        os.environ.get(variable) or (home and home / folder)
        for variable, folder in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    ]
    if all(each and _takes_files(Path(each), parents=False) for each in homes):
        return
    os.environ["XDG_CACHE_HOME"] = str(cache_folder())  # fontconfig
    os.environ.setdefault("MPLCONFIGDIR", str(cache_folder() / "matplotlib"))


def _chosen() -> Path | None:
    if "CACHE_DIRECTORY" in os.environ:
        return Path(os.environ["CACHE_DIRECTORY"].split(":")[0])
    home = _home()
    caches = os.environ.get("XDG_CACHE_HOME") or (home and home / ".cache")
    return Path(caches) / "maskwatch" if caches else None


def _home() -> Path | None:
    """None for a user of whom the machine knows nothing."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _takes_files(folder: Path, *, parents: bool = True) -> bool:
    """Whether files can be made there, by making one; the folder is made, too."""
    try:
        folder.mkdir(parents=parents, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
