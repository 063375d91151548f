"""Text on pictures, in a font that has Chinese, Japanese and Korean."""

import cv2

from maskwatch.core.records import Rgb

Colour = tuple[int, int, int]


def write(image: Rgb, text: str, at: tuple[int, int], colour: Colour, text_px: int) -> None:
    """Write into the picture; `at` is where the first letter stands: its left, and the line under it."""
    cv2.putText(image, text, at, colour, _font(), text_px)


def text_width(text: str, text_px: int) -> int:
    """In pixels, rounded up."""
    return int(cv2.getTextSize((10_000, 100), text, (0, 0), _font(), text_px)[2])


def shortened(text: str, width: int, text_px: int) -> str:
    """As much of it as goes into `width` pixels, with dots for the rest."""
    if text_width(text, text_px) <= width:
        return text
    fits = next((n for n in range(len(text), 0, -1) if text_width(f"{text[:n]}…", text_px) <= width), 0)
    return f"{text[:fits].rstrip()}…" if fits else ""


def _font() -> cv2.FontFace:
    return cv2.FontFace("uni")  # OpenCV's own
