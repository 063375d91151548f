"""What is decided on each analysed frame: people, alerts, what came of announcements, the camera's view, samples."""

import logging
from collections.abc import Mapping

from maskwatch.core.records import Decision, Frame, FrameReport, Outcome
from maskwatch.pipeline.alerting import Alerting
from maskwatch.pipeline.camera import Camera
from maskwatch.pipeline.sampling import Sampling
from maskwatch.pipeline.status_board import Board

log = logging.getLogger(__name__)


class Decisions:
    """Asks the parts of each camera, and hands on what they decide. For the engine's thread."""

    def __init__(
        self, cameras: Mapping[str, Camera], board: Board, alerting: Alerting, sampling: Sampling
    ) -> None:
        self._cameras = cameras
        self._board = board
        self._alerting = alerting
        self._sampling = sampling

    def decide(self, frame: Frame, found: FrameReport) -> Decision:
        """The decision on a frame, given what was found in it; alerts and samples are under way then."""
        camera = self._cameras[frame.camera]
        report, passages = camera.people.update(frame, found) if camera.people else (found, ())
        outcomes = self._follow_effect(camera, report)
        alerts = []
        for rule in camera.rules:
            alert = rule.update(report, passages)
            self._alerting.announce_ends(camera, rule)
            if alert is not None:
                alert = camera.effect.decided(alert, report) if camera.effect else alert
                alerts.append(alert)
                self._alerting.announce(camera, camera.with_picture(alert, frame, report), rule)
        self._check_view(camera, frame, report)
        queued = self._sampling.take(frame, report)
        return Decision(frame, report, tuple(alerts), queued, passages, outcomes)

    def _follow_effect(self, camera: Camera, report: FrameReport) -> tuple[Outcome, ...]:
        if camera.effect is None:
            return ()
        outcomes = camera.effect.update(report)
        self._board.set_effect(camera.name, camera.effect.status)
        for each in outcomes:
            counts = map(len, (each.addressed, each.put_on, each.unknown))
            text = "%s: an announcement (%s) addressed %d without a mask: %d put one on, of %d it is unknown"
            log.info(text, camera.name, "told" if each.told else "withheld", *counts)
        return outcomes

    def _check_view(self, camera: Camera, frame: Frame, report: FrameReport) -> None:
        rule = camera.view_rule
        if rule is None:
            return
        alert = rule.update(frame, report)
        self._alerting.announce_ends(camera, rule)
        self._board.set_view(camera.name, rule.fault)
        if alert is not None:
            self._alerting.announce(camera, camera.with_picture(alert, frame, report), rule)
