"""The running service follows the registry's shadow: a candidate is loaded in the background, and its verdicts are counted."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from maskwatch.core.records import ShadowStatus
from maskwatch.models.registry import Registry
from maskwatch.models.registry_state import Shadow
from maskwatch.models.shadow_counts import read_counts, save_counts
from maskwatch.pipeline.camera import ShadowModels
from maskwatch.pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)

SAVE_S = 60.0


class ShadowFollower:
    """Begins and ends the pipeline's shadow run as the registry says, and keeps its counts beside the registry.

    `load` returns a candidate's models for the cameras that it is to see, tried out; whatever it raises ends the run
    before it begins, which is reported once, in the log and on the board. `share` (0..1) of the time may be spent on it.
    """

    def __init__(
        self,
        registry: Registry,
        pipeline: Pipeline,
        load: Callable[[Shadow], Mapping[str, ShadowModels]],
        share: float,
    ) -> None:
        self._registry = registry
        self._pipeline = pipeline
        self._load = load
        self._share = share
        self._followed: tuple[Shadow | None, str] = (None, "")
        self._saved: ShadowStatus | None = None
        self._saved_s = time.monotonic()
        self._saving = threading.Lock()
        self._fails = False

    def follow(self, wanted: Shadow | None, serving: str) -> None:
        """Compare as the registry wants it now, with the version that serves; takes as long as loading does."""
        if wanted is not None and wanted.version == serving:
            wanted = None
        if (wanted, serving) == self._followed:
            return
        self._followed = wanted, serving
        self.save()
        self._pipeline.shadow.end()
        if wanted is not None:
            self._begin(wanted, serving)

    def save_now_and_then(self) -> None:
        """Every `SAVE_S` seconds."""
        if time.monotonic() - self._saved_s >= SAVE_S:
            self.save()

    def save(self) -> None:
        """Write the counts if they have changed. A failure is logged once, and tried again; thread-safe."""
        with self._saving:
            self._saved_s = time.monotonic()
            status = self._pipeline.board.shadow.status()
            if status is None or not status.cameras or status == self._saved:
                return
            try:
                save_counts(self._registry.folder, status.version, status.serving, status.cameras)
            except OSError as e:
                if not self._fails:
                    log.error("shadow: %s: %s; counted on in memory", e.filename or "", e.strerror or e)
                self._fails = True
            else:
                self._fails, self._saved = False, status

    def _begin(self, wanted: Shadow, serving: str) -> None:
        counted = read_counts(self._registry.folder, wanted.version, serving)
        status = ShadowStatus(wanted.version, serving, wanted.since, counted)
        try:
            models = self._load(wanted)
        except Exception as e:  # noqa: BLE001 - whatever is wrong with a candidate, those that serve go on
            self._pipeline.board.shadow.begin(status)
            self._pipeline.board.shadow.fail(str(e))
            log.error("version %s: its shadow run has not begun: %s", wanted.version, e)
            return
        self._pipeline.shadow.begin(status, models, self._share)
        log.info(
            "version %s is in the shadow of %s, at %s",
            wanted.version,
            serving,
            ", ".join(models) or "no camera",
        )
