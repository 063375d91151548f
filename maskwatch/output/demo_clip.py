"""The demo's clip, composed when it runs from a public-domain portrait that matplotlib ships."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import av
import cv2
import numpy as np

from maskwatch.core.records import Box, Rgb
from maskwatch.platform.files import replacing
from maskwatch.sources.portrait import FACE, portrait

FPS = 15
SCENE_S = 3.0
SIZE = (960, 540)
MASK_COLOUR = (150, 190, 220)


def with_mask(rgb: Rgb, face: Box) -> Rgb:
    """The picture with a surgical mask drawn over the lower half of a face, nose and mouth included."""
    x, y = face.centre
    width, height = face.width, face.height

    def corner(across: float, down: float) -> tuple[int, int]:
        """From the middle of the face: shares of its width and height."""
        return round(x + across * width), round(y + down * height)

    image = rgb.copy()
    outline = [
        (-0.40, 0.04),
        (0.0, -0.05),
        (0.40, 0.04),
        (0.36, 0.30),
        (0.16, 0.50),
        (-0.16, 0.50),
        (-0.36, 0.30),
    ]
    shape = np.array([corner(*point) for point in outline], np.int32)
    for side in (-1, 1):
        cv2.line(
            image, corner(side * 0.40, 0.06), corner(side * 0.56, -0.06), (235, 240, 245), 3, cv2.LINE_AA
        )
    cv2.fillPoly(image, [shape], MASK_COLOUR, cv2.LINE_AA)
    for down in (0.12, 0.22, 0.32):
        bow = np.array([corner(-0.36, down), corner(0, down + 0.03), corner(0.36, down)], np.int32)
        cv2.polylines(image, [bow], isClosed=False, color=(120, 160, 195), thickness=2, lineType=cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)


def frames() -> Iterator[Rgb]:
    """Two people, `(540, 960, 3)`: bare for 3 s, then one, then both with a mask, while the camera sways."""
    bare = portrait()
    masked = with_mask(bare, FACE)
    scenes = [(bare, bare), (masked, bare), (masked, masked)]
    for number in range(int(len(scenes) * SCENE_S * FPS)):
        at = number / FPS
        left, right = scenes[int(at / SCENE_S)]
        sway = 12 * np.sin(at * 1.3)
        yield np.concatenate([_view(left, 1.0, sway), _view(right[:, ::-1], 0.85, -sway)], axis=1)


def _view(rgb: Rgb, zoom: float, shift_px: float) -> Rgb:
    """A person in half of the scene."""
    width, height = SIZE[0] // 2, SIZE[1]
    scale = zoom * height / rgb.shape[0]
    left = width / 2 - scale * rgb.shape[1] / 2 + shift_px
    placed = np.array([[scale, 0, left], [0, scale, height - scale * rgb.shape[0]]], np.float32)
    border = cv2.BORDER_REPLICATE
    return np.asarray(
        cv2.warpAffine(rgb, placed, (width, height), flags=cv2.INTER_LINEAR, borderMode=border), np.uint8
    )


def write_clip(path: Path) -> None:
    """Write the clip as H.264, all or nothing."""
    write_h264(path, frames(), SIZE, FPS, {"crf": "20"})


def write_h264(
    path: Path, images: Iterable[Rgb], size: tuple[int, int], fps: int, options: Mapping[str, str]
) -> None:
    """Write pictures of one size (width, height) as a video, all or nothing, with options of libx264."""
    with replacing(path) as part, av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options=dict(options))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for rgb in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
