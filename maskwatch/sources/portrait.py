"""A public-domain portrait with one bare face, which matplotlib ships: found without importing it."""

from importlib.util import find_spec
from pathlib import Path

from maskwatch.core.records import Box, Rgb
from maskwatch.sources.images import read_rgb

# Grace Hopper's face in the portrait, by eye, in its pixels
FACE = Box(163, 82, 345, 305)


def portrait() -> Rgb:
    """Rear Admiral Grace Hopper, an official photograph of the US Navy: `(600, 512, 3)` uint8, RGB."""
    package = find_spec("matplotlib")
    assert package is not None
    assert package.origin is not None
    return read_rgb(Path(package.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg")
