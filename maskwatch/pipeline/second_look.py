"""Second looks at a few frames beside the live analysis; their results come back to the engine's thread."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from maskwatch.core.errors import MaskwatchError
from maskwatch.core.geometry import clip_faces, in_any
from maskwatch.core.ports import SecondLook
from maskwatch.core.records import Face, Frame, FrameReport
from maskwatch.core.selection import Pick
from maskwatch.pipeline.camera import Camera, CameraModels
from maskwatch.pipeline.worker import BackgroundWorker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _LookedAgain:
    """A frame, what was seen in it at first, and the faces of the second look."""

    frame: Frame
    report: FrameReport
    faces: tuple[Face, ...]


class SecondLooks:
    """One frame at a time, on a thread of the lowest priority; `inline`, at once and on the caller's thread.

    When a look fails, that is logged, and these models look no more. Everything but the look itself happens on the engine's
    thread.
    """

    def __init__(
        self, cameras: Mapping[str, Camera], on_crash: Callable[[BaseException], None], *, inline: bool
    ) -> None:
        self._cameras = cameras
        self._looks = {name: camera.second_look for name, camera in cameras.items()}
        self._worker = BackgroundWorker("second look", on_crash=on_crash, inline=inline)
        self._found: deque[_LookedAgain] = deque()

    @property
    def is_busy(self) -> bool:
        """Whether a frame is being looked at."""
        return self._worker.is_busy

    def swap(self, models: Mapping[str, CameraModels]) -> None:
        """Look by other models from now on."""
        self._looks |= {name: new.second_look for name, new in models.items()}

    def consider(self, frame: Frame, report: FrameReport) -> None:
        """Look at the frame again, if it is sampled and no other look is under way."""
        look, selection = self._looks[frame.camera], self._cameras[frame.camera].selection
        if look is None or selection is None or self.is_busy or not selection.wants_second_look(report):
            return
        self._worker.submit(lambda: self._look(look, frame, report))

    def picks(self) -> Iterator[Pick]:
        """The frames, looked at since the last call, in which a face had been missed."""
        while self._found:
            looked = self._found.popleft()
            frame, camera = looked.frame, self._cameras[looked.frame.camera]
            faces = [face for face in looked.faces if not in_any(camera.ignore, face.box, frame.size)]
            if camera.selection is not None:
                yield from camera.selection.looked_again(frame, looked.report, clip_faces(faces, *frame.size))

    def close(self, timeout_s: float) -> None:
        """Wait for a look that is under way, at most `timeout_s`; there is no other after it."""
        self._worker.close(timeout_s)

    def _look(self, look: SecondLook, frame: Frame, report: FrameReport) -> None:
        try:
            self._found.append(_LookedAgain(frame, report, look.faces(frame.rgb)))
        # RuntimeError: what torch raises for a device that is gone, or full
        except (MaskwatchError, OSError, RuntimeError, MemoryError) as e:
            log.warning("%s: second looks fail and are left out: %s", frame.camera, e)
            self._looks = {name: None if each is look else each for name, each in self._looks.items()}
