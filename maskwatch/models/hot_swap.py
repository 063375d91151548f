"""The running service follows the registry: another version is loaded in the background, and swapped in or compared."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from maskwatch.core.errors import MaskwatchError
from maskwatch.models.registry import Registry
from maskwatch.models.registry_state import RegistryState
from maskwatch.models.shadow import ShadowFollower
from maskwatch.pipeline.camera import CameraModels
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.platform.background import BackgroundThread
from maskwatch.platform.clock import utc_now

log = logging.getLogger(__name__)

LOOK_S = 0.5
ABOUT = "models"
TURN_S = 0.0002
MAX_REASON = 500  # characters: torch names every weight that does not fit


class Follower(BackgroundThread):
    """While the block runs, a thread watches whether another version is to serve.

    `change_stamp` is the registry's from before `serving` was loaded. `load` returns what each camera is to be judged by,
    tried out. When it raises, the old models go on, which is reported once, in the log and on the board. `shadow` is notified of
    what the registry says of the version in the shadow.
    """

    def __init__(
        self,
        registry: Registry,
        change_stamp: object,
        serving: str,
        pipeline: Pipeline,
        load: Callable[[str], Mapping[str, CameraModels]],
        *,
        shadow: ShadowFollower,
    ) -> None:
        super().__init__("models", pipeline.fail, close_s=0)  # a thread that loads is not waited for
        self._registry = registry
        self._mark = change_stamp
        self._serving = serving
        self._pipeline = pipeline
        self._load = load
        self._shadow = shadow
        self._looked_at = utc_now()

    def __enter__(self) -> Self:
        self._pipeline.board.set_models(self._serving)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._shadow.save()

    def body(self) -> None:
        """Look for another version until the end."""
        self._follow_shadow()
        while not self.pause(LOOK_S):
            self._pipeline.release()
            change_stamp = self._registry.change_stamp()
            if change_stamp != self._mark:
                self._mark = change_stamp
                self._follow()
                self._follow_shadow()
            self._shadow.save_now_and_then()

    def _follow(self) -> None:
        board = self._pipeline.board
        version = ""
        try:
            state = self._registry.state()
            version = state.serving
            self._note_refusals(state)
            if version != self._serving:
                with taking_turns():
                    fitted = self._load(version)
                self._pipeline.swap(fitted)
                log.info("version %s of the models serves, after %s", version, self._serving)
                self._serving = version
                board.set_models(version, state.served_last.why if state.served_last else None)
            board.set_notice(ABOUT, None)
        # RuntimeError: what torch and OpenVINO make of weights that fit in shape and in nothing else
        except (MaskwatchError, OSError, RuntimeError) as e:
            log.error("version %s is refused, %s goes on: %s", version or "?", self._serving, e)
            why = " ".join(str(e).split())[:MAX_REASON]
            board.set_notice(ABOUT, f"models {version or '?'} refused: {why}")
            board.note_refused(version or "?", why)

    def _note_refusals(self, state: RegistryState) -> None:
        """Report the refusals that the fleet, or a training, has recorded since the last look."""
        for event in state.events:
            if event.what == "refused" and event.at > self._looked_at:
                self._pipeline.board.note_refused(event.version, event.why)
        self._looked_at = max([self._looked_at, *(event.at for event in state.events[-1:])])

    def _follow_shadow(self) -> None:
        try:
            wanted = self._registry.state().shadow
        except MaskwatchError:  # told of by who follows the serving version
            return
        with taking_turns():
            self._shadow.follow(wanted, self._serving)


@contextmanager
def taking_turns() -> Iterator[None]:
    """While the block runs, Python switches threads at shorter intervals.

    The engine gives the interpreter away with every call of OpenCV, torch and OpenVINO, dozens in a frame; each
    time it would wait for its turn behind a thread that loads.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
