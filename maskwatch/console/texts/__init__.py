"""Every sentence of the pages: one YAML file a page, each key with its English and Korean text."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

LANGUAGES = {"en": "English", "ko": "한국어"}
COOKIE = "maskwatch_language"


class Texts:
    """The texts in one language. `t("live.title")` is the text `title` of `live.yaml`; `{name}` in it is filled in."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"

    def __call__(self, key: str, **values: object) -> str:
        """Raises `KeyError` for a key that is in no catalogue."""
        return catalogue()[key][self.language].format(**values)


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All texts by their file and key, joined by a dot, and language."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        for key, texts in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            found[f"{path.stem}.{key}"] = texts
    return found


def language_of(cookies: Mapping[str, str], accept_language: str) -> str:
    """The language chosen before, or the first of the browser's that there is (RFC 9110, without its weights)."""
    wanted = [
        cookies.get(COOKIE, ""),
        *(each.split(";")[0].split("-")[0].strip() for each in accept_language.split(",")),
    ]
    return next((each.lower() for each in wanted if each.lower() in LANGUAGES), "en")
