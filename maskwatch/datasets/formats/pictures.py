"""Pictures that labels call otherwise than the disk: another ending or none, %20 for a blank, letters composed otherwise."""

import unicodedata
from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from maskwatch.sources.images import SUFFIXES


class Pictures:
    """The pictures below a folder, listed when the first is looked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def meant_by(self, path: Path) -> Path | None:
        """The picture that a path of the folder means at which there is none; None where none or several may be meant."""
        if not self._by_stem or not path.is_relative_to(self._folder):
            return None
        inside = str(path.relative_to(self._folder))
        for name in dict.fromkeys((_plain(inside), _plain(str(PurePosixPath(inside).with_suffix(""))))):
            found = self._by_stem.get(name, [])
            same = [each for each in found if each.suffix.lower() == path.suffix.lower()]
            if len(same or found) == 1:
                return (same or found)[0]
        return None

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        found = defaultdict(list)
        for path in sorted(self._folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                found[_plain(str(path.relative_to(self._folder).with_suffix("")))].append(path)
        return found


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", unquote(name)).casefold()
