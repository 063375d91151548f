"""Cameras that give no frames: people are alerted, and alerts about people whom nobody sees any more end."""

import logging
import time
from collections.abc import Mapping

from maskwatch.core.records import CameraState, CameraStatus
from maskwatch.pipeline.alerting import Alerting
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.status_board import Board

log = logging.getLogger(__name__)

CHECK_S = 0.5  # between two checks
LOST_S = 5.0  # a camera without frames for so long ends the alerts about its people


class OfflineWatch:
    """Checks all cameras of a pipeline by the times of their last frames. For the engine's thread."""

    def __init__(self, cameras: Mapping[str, Camera], board: Board, alerting: Alerting) -> None:
        self._cameras = cameras
        self._board = board
        self._alerting = alerting
        self._checked_s = time.monotonic()

    def check(self, now_s: float) -> None:
        """Check them, every `CHECK_S`; to be called often, with the monotonic time."""
        if now_s - self._checked_s < CHECK_S:
            return
        self._checked_s = now_s
        self._alerting.deliver_results()
        status = self._board.snapshot()
        for name, camera in self._cameras.items():
            seen = status.cameras[name]
            if _is_lost(seen, now_s):
                self._interrupt(camera)
            if camera.offline_rule is None or seen.state is CameraState.ENDED:
                continue
            since_s = max(status.started_s, seen.frame_s or 0.0, seen.idle_s or 0.0)
            alert = camera.offline_rule.update(since_s, now_s, time.time(), seen.reason)
            self._alerting.announce_ends(camera, camera.offline_rule)
            if alert is None:
                continue
            if seen.state is not CameraState.DOWN:  # its thread still waits for a frame that does not come
                log.warning("%s: down: %s", name, alert.reason)
                self._board.set_camera_state(name, CameraState.DOWN, alert.reason)
            self._alerting.announce(camera, alert, camera.offline_rule)

    def _interrupt(self, camera: Camera) -> None:
        """End the alerts about its people and its view."""
        for rule in camera.rules:
            rule.interrupt()
            self._alerting.announce_ends(camera, rule)
        if camera.view_rule is not None:
            camera.view_rule.interrupt()
            self._alerting.announce_ends(camera, camera.view_rule)
        self._board.set_view(camera.name, None)


def _is_lost(camera: CameraStatus, now_s: float) -> bool:
    """Whether nobody sees any more what the camera's last frames showed."""
    if camera.state is CameraState.ENDED:
        return True
    if camera.frame_s is None or now_s - camera.frame_s < LOST_S:
        return False
    is_idle = camera.idle_s is not None and camera.idle_s > camera.frame_s
    return camera.state is CameraState.DOWN or is_idle
