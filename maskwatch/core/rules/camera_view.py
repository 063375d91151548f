"""Alerts about a camera that sees nothing useful: it is covered, turned away, dark, stuck, and the like."""

from collections import deque

from maskwatch.core.records import Alert, AlertKind, Frame, FrameReport
from maskwatch.core.rules.one_alert import OneAlert
from maskwatch.core.view import Fault, Measure, UsualView

NAME = "camera_view"  # of the rule, in its alerts
EVERY_S = 1.0  # between two pictures that are measured
MIN_MATCHING = 0.2  # share of the pattern that matches: less is another view
MIN_SHARPNESS = 0.5  # of the usual
MIN_TEXTURE = 0.4  # of the usual: less is something before the lens
LEARN_S = 3600.0  # the first hour, in which it is learnt how little of the pattern a busy place leaves
BY_LEARNT = 0.5  # of the least match that was learnt
SETTLED_S = 600.0  # a camera that has been turned for so long shows its new usual view
MAX_STUCK_S = 30.0  # a picture that stays the same for longer is never normal


class CameraView(OneAlert):
    """Decides for one camera, from its pictures in order, by their own clock.

    A fault that lasts for `after_s` causes an alert; if that reached nobody (`failed`), another one after another `after_s`.
    The alert ends when the view has been as usual for `after_s`.
    """

    def __init__(self, camera: str, *, after_s: float, say: str) -> None:
        # quiet: it is for those who maintain the camera, not for the people before it
        super().__init__(camera, say, AlertKind.CAMERA_VIEW, NAME, quiet=True)
        self._after_s = after_s
        self._usual = UsualView()
        self._started_at: float | None = None
        self._measured_at = float("-inf")
        self._least = 1.0  # of `Measure.matching`, in the first hour
        self._lows: deque[float] = deque(maxlen=round(after_s / EVERY_S) + 1)
        self._digest: int | None = None
        self._same_since = 0.0
        self._usual_stuck_s = 0.0
        self._fault: Fault | None = None
        self._told: Fault | None = None
        self._since = 0.0
        self._due_at: float | None = None

    @property
    def fault(self) -> Fault | None:
        """What has been wrong with the view for `after_s`; None where nothing has."""
        return self._told if self._standing or self._in_flight else None

    def update(self, frame: Frame, report: FrameReport) -> Alert | None:
        """The alert that is due with this picture, mostly None."""
        at = frame.at
        if self._started_at is None or at < self._measured_at:  # the first, or a clock that was set back
            self._begin(frame)
        if at - self._measured_at < EVERY_S:
            return None
        self._measured_at = at
        fault = self._seen(self._usual.measure(frame), report, at)
        if fault is None:
            self._usual.learn()
        self._settle(fault, at)
        return self._decided(fault, at)

    def failed(self) -> None:
        """Note that the alert reached nobody."""
        self._in_flight, self._due_at = None, self._measured_at + self._after_s

    def interrupt(self) -> None:
        """End a delivered alert, as the camera gives no frames."""
        self._end(self._measured_at)
        self._fault, self._digest = None, None

    def _begin(self, frame: Frame) -> None:
        self._started_at = self._since = self._same_since = frame.at
        self._measured_at = float("-inf")
        self._digest = None

    def _seen(self, measure: Measure, report: FrameReport, at: float) -> Fault | None:
        """What is wrong with this one picture: the first fault that fits, or None."""
        is_stuck = self._is_stuck(measure, at)
        is_another = measure.matching is not None and self._is_another(measure.matching, report, at)
        has_texture = measure.texture is not None and measure.texture >= MIN_TEXTURE
        faults = {
            Fault.DARK: measure.is_dark,
            Fault.DAZZLED: measure.is_dazzled,
            Fault.STUCK: is_stuck,
            Fault.COVERED: measure.is_flat or (is_another and not has_texture),
            Fault.TURNED: is_another,
            Fault.BLURRED: measure.sharpness is not None and measure.sharpness < MIN_SHARPNESS,
        }
        return next((fault for fault, is_so in faults.items() if is_so), None)

    def _is_stuck(self, measure: Measure, at: float) -> bool:
        """Whether the picture has not changed for clearly longer than ever before."""
        if measure.digest != self._digest:
            same_s = self._measured_at - self._same_since if self._digest is not None else 0.0
            if same_s < MAX_STUCK_S:
                self._usual_stuck_s = max(self._usual_stuck_s, same_s)
            self._digest, self._same_since = measure.digest, at
        return at - self._same_since > min(MAX_STUCK_S, 1.5 * self._usual_stuck_s)

    def _is_another(self, matching: float, report: FrameReport, at: float) -> bool:
        assert self._started_at is not None
        self._lows.append(matching)
        if at - self._started_at < LEARN_S and len(self._lows) == self._lows.maxlen:
            lasting = max(self._lows)  # for a moment, anything may stand before the lens
            if lasting > MIN_MATCHING / 2:
                self._least = min(self._least, lasting)
        if matching >= min(MIN_MATCHING, BY_LEARNT * self._least):
            return False
        # a crowd before the lens hides all else, but shows faces
        return not report.faces or self._fault in {Fault.TURNED, Fault.COVERED}

    def _settle(self, fault: Fault | None, at: float) -> None:
        if fault is not self._fault:
            self._fault = fault
            self._since = self._same_since if fault is Fault.STUCK else at
            self._due_at = None if self._standing or self._in_flight else self._since + self._after_s
        if fault is Fault.TURNED and at - self._since >= SETTLED_S:
            self._usual.reset()

    def _decided(self, fault: Fault | None, at: float) -> Alert | None:
        lasts_s = at - self._since
        if fault is None:
            if lasts_s >= self._after_s:
                self._end(at)
            return None
        if self._standing or self._in_flight or self._due_at is None or at < self._due_at:
            return None
        self._due_at, self._told = None, fault
        return self._decide(at, str(fault))
