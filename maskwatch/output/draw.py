"""What people look at: boxes and a banner on frames, an annotated video, a plot of a replay."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maskwatch.core.records import Alert, Face, FrameReport, Label, Polygon, Rgb, require_rgb
from maskwatch.platform.files import replacing

# blue and orange stay apart for people who cannot tell green from red
COLOURS = {
    Label.PROTECTED: (64, 160, 255),
    Label.UNPROTECTED: (255, 110, 40),
    Label.UNKNOWN: (170, 170, 170),
}
WORDS = {Label.PROTECTED: "mask", Label.UNPROTECTED: "no mask", Label.UNKNOWN: "unknown"}
ALERT_COLOUR = (200, 30, 30)
BANNER_COLOUR = (24, 24, 24)
ALERT_SHOWN_S = 2.0


def annotated(
    rgb: Rgb,
    report: FrameReport,
    alert: Alert | None = None,
    *,
    ignore: Sequence[Polygon] = (),
    numbered: bool = False,
) -> Rgb:
    """A copy of the frame with a box and a verdict on every face, and a banner under the picture.

    What is inside an `ignore` polygon is shown dark. `numbered` puts each face's number before the verdict, from 1.
    """
    require_rgb(rgb)
    text_px = max(12, rgb.shape[0] // 32)
    image = _darkened(rgb, ignore)
    for number, face in enumerate(report.faces, 1):
        _draw_face(image, face, text_px, f"{number} " if numbered else "")
    return np.concatenate([image, _banner(rgb.shape[1], report, alert, text_px)])


def _darkened(rgb: Rgb, polygons: Sequence[Polygon]) -> Rgb:
    """A copy, dark and framed inside the polygons, whose corners are shares of the frame."""
    dark = rgb.copy()
    height, width = rgb.shape[:2]
    corners = [(np.array(polygon) * (width, height)).astype(np.int32) for polygon in polygons]
    for polygon in corners:
        cv2.fillPoly(dark, [polygon], (0, 0, 0))
    image = np.asarray(cv2.addWeighted(rgb, 0.3, dark, 0.7, 0), np.uint8) if corners else dark
    cv2.polylines(image, corners, isClosed=True, color=COLOURS[Label.UNKNOWN], thickness=2)
    return image


def _draw_face(image: Rgb, face: Face, text_px: int, number: str) -> None:
    colour = COLOURS[face.label]
    x1, y1, x2, y2 = (round(v) for v in face.box)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, max(2, text_px // 8))
    word = number + WORDS[face.label]
    if face.protected is not None:
        sure = face.protected if face.label is Label.PROTECTED else 1 - face.protected
        word += f" {sure:.0%}"
    width = _text_width(word, text_px)
    left = min(max(0, x1), max(0, image.shape[1] - width - 6))
    top = y1 - text_px - 8 if y1 >= text_px + 8 else y2
    cv2.rectangle(image, (left, top), (left + width + 6, top + text_px + 8), colour, cv2.FILLED)
    _write(image, word, (left + 3, top + text_px), (0, 0, 0), text_px)


def _banner(width: int, report: FrameReport, alert: Alert | None, text_px: int) -> Rgb:
    height = 2 * (text_px + text_px // 2)
    banner = np.empty((height + height % 2, width, 3), np.uint8)
    banner[:] = ALERT_COLOUR if alert else BANNER_COLOUR
    ratio = report.protected_ratio
    seen = (
        "nobody to assess"
        if ratio is None
        else f"{report.count(Label.PROTECTED)} of {report.people} protected, {ratio:.0%}"
    )
    white = (255, 255, 255)
    line_px = text_px + text_px // 2
    _write(
        banner, f"{report.camera}   {_clock(report.at)}   {seen}", (8, line_px - text_px // 3), white, text_px
    )
    if alert:
        _write(banner, f"Alert: {alert.say}", (8, 2 * line_px - text_px // 3), white, text_px)
    return banner


def _clock(at: float) -> str:
    """Seconds of a clip as m:ss.t; Unix time as date and time in UTC."""
    if at < 1_000_000_000:
        return f"{int(at // 60)}:{at % 60:04.1f}"
    return f"{np.datetime64(int(at), 's')}Z".replace("T", " ")


def _font() -> cv2.FontFace:
    return cv2.FontFace("uni")  # OpenCV's own font with Chinese, Japanese and Korean


def _write(image: Rgb, text: str, at: tuple[int, int], colour: tuple[int, int, int], text_px: int) -> None:
    cv2.putText(image, text, at, colour, _font(), text_px)


def _text_width(text: str, text_px: int) -> int:
    return cv2.getTextSize((10_000, 100), text, (0, 0), _font(), text_px)[2]


class VideoWriter:
    """Writes annotated frames as H.264 that a browser plays; use it in a `with`.

    The file appears when the block ends well. All frames take the size of the first, brought to even
    numbers, which the codec wants; one of another size is fitted into it.
    """

    def __init__(self, path: Path) -> None:
        self._replacing = replacing(path)
        self._size: tuple[int, int] | None = None
        self._last_pts = -1

    def __enter__(self) -> Self:
        self._part = self._replacing.__enter__()
        self._container = av.open(str(self._part), "w", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream(
            "libx264", rate=25, options={"crf": "23", "preset": "veryfast"}
        )
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, 1000)
        return self

    def write(self, rgb: Rgb, at: float) -> None:
        """Add a frame to be shown at `at` seconds; times must rise."""
        if self._size is None:
            height, width = rgb.shape[:2]
            self._size = width + width % 2, height + height % 2
            self._stream.width, self._stream.height = self._size
        frame = av.VideoFrame.from_ndarray(_fitted(rgb, self._size), format="rgb24")
        frame.pts = self._last_pts = max(self._last_pts + 1, round(at * 1000))
        frame.time_base = Fraction(1, 1000)
        self._container.mux(self._stream.encode(frame))

    def __exit__(self, *error: object) -> None:
        try:
            if self._size is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        finally:
            self._replacing.__exit__(*error)  # type: ignore[arg-type]


def _fitted(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """The picture in a frame of `size` (width, height): scaled down when larger, the rest black."""
    width, height = size
    scale = min(1.0, width / rgb.shape[1], height / rgb.shape[0])
    if scale < 1:
        small = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
        rgb = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.uint8)
    if rgb.shape[:2] == (height, width):
        return np.ascontiguousarray(rgb)
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: rgb.shape[0], : rgb.shape[1]] = rgb
    return canvas


def plot(
    path: Path, title: str, reports: Sequence[FrameReport], alerts: Sequence[Alert], bound: float
) -> None:
    """Draw the protected ratio over time with its bound and the alerts, and below it the people counted."""
    at = [report.at for report in reports]
    ratio = [float("nan") if r.protected_ratio is None else r.protected_ratio for r in reports]
    figure = Figure(figsize=(11, 5), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.step(at, ratio, where="post", color="#2060b0", label="protected ratio")
    upper.axhline(bound, linestyle="--", color="#c05010", label=f"alert under {bound:.0%}")
    for number, alert in enumerate(alerts):
        label = "alert" if number == 0 else None
        upper.axvline(alert.at, color="#c81e1e", alpha=0.4)
        ratio_then = bound if alert.protected_ratio is None else alert.protected_ratio
        upper.plot(alert.at, ratio_then, "v", color="#c81e1e", markersize=10, label=label)
    upper.set(ylim=(-0.05, 1.08), ylabel="protected ratio", title=title)
    upper.legend(loc="upper left", bbox_to_anchor=(1, 1))
    protected = [report.count(Label.PROTECTED) for report in reports]
    people = [report.people for report in reports]
    lower.fill_between(at, people, step="post", color="#ff6e28", label="without mask")
    lower.fill_between(at, protected, step="post", color="#40a0ff", label="with mask")
    lower.set(ylim=(0, max([*people, 1]) + 0.5), ylabel="people", xlabel="seconds")
    lower.legend(loc="upper left", bbox_to_anchor=(1, 1))
    with replacing(path) as part:
        figure.savefig(part, dpi=120)
