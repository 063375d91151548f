"""maskwatch: says, at any moment, whether the people in view wear masks.

The names below are the public Python interface (see `maskwatch.api`). They are loaded when they are first asked
for: `import maskwatch` alone takes no time.
"""

from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; importing typing takes longer than all else here
if TYPE_CHECKING:
    from maskwatch.api import (
        Alert,
        Analyzer,
        Box,
        Classifier,
        ConfigError,
        Detector,
        Face,
        Frame,
        FrameReport,
        ImageError,
        Label,
        MaskwatchError,
        ModelError,
        Person,
        Rule,
        SourceError,
        load_classifier,
        load_detector,
        open_source,
    )

__version__ = "0.1.0"

__all__ = [
    "Alert",
    "Analyzer",
    "Box",
    "Classifier",
    "ConfigError",
    "Detector",
    "Face",
    "Frame",
    "FrameReport",
    "ImageError",
    "Label",
    "MaskwatchError",
    "ModelError",
    "Person",
    "Rule",
    "SourceError",
    "load_classifier",
    "load_detector",
    "open_source",
]


if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("maskwatch.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
