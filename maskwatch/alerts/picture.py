"""What an alert is about, as a picture file: for sinks that send one. Costs nothing before it is asked for."""

from collections.abc import Iterable
from typing import Any

from maskwatch.core.errors import AlertError
from maskwatch.core.records import Alert, Face, Label

QUALITY = 90
COLOURS = {  # BGR: blue, orange and grey, as everywhere; red and green are one to some people
    Label.PROTECTED: (255, 160, 64),
    Label.UNPROTECTED: (40, 110, 255),
    Label.UNKNOWN: (160, 160, 160),
}


def jpeg(alert: Alert, *, boxes: bool = False) -> bytes | None:
    """The alert's frame as a JPEG, clean or with the faces' boxes; None where there is none (a camera that is offline).

    Raises `AlertError` when it cannot be encoded.
    """
    if alert.frame is None:
        return None
    import cv2

    bgr = cv2.cvtColor(alert.frame.rgb, cv2.COLOR_RGB2BGR)
    if boxes:
        draw_boxes(bgr, alert.faces)
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not ok:
        raise AlertError(f"{alert.camera}: a frame of {bgr.shape[1]} x {bgr.shape[0]} px is no JPEG")
    return bytes(data)


def draw_boxes(bgr: Any, faces: Iterable[Face]) -> None:
    """Draw each face's box into the picture, `(H, W, 3)` uint8 BGR, in the colour of its label."""
    import cv2

    for face in faces:
        x1, y1, x2, y2 = (round(side) for side in face.box)
        cv2.rectangle(bgr, (x1, y1), (x2, y2), COLOURS[face.label], max(2, bgr.shape[0] // 240))
