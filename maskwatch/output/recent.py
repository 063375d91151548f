"""What of the last seconds is still to be seen on a frame: an alert, who passed, where people were."""

from collections import deque

from maskwatch.core.records import Alert, Decision, Passage

ALERT_SHOWN_S = 2.0
PASSAGE_SHOWN_S = 1.0
TRAIL_S = 1.0


class Recent:
    """Is given every decision, in order. Time is the frames' own, in seconds."""

    def __init__(self) -> None:
        self.alert: Alert | None = None
        self.passages: tuple[Passage, ...] = ()
        self._centres: deque[tuple[float, int, tuple[float, float]]] = deque()

    def add(self, decision: Decision) -> None:
        """Take what is new, and drop what is old."""
        report = decision.report
        at = report.at
        told = [alert for alert in decision.alerts if not alert.withheld]
        if told:
            self.alert = told[0]
        elif self.alert is not None and not 0 <= at - self.alert.at < ALERT_SHOWN_S:
            self.alert = None
        passages = (*self.passages, *decision.passages)
        self.passages = tuple(each for each in passages if 0 <= at - each.at < PASSAGE_SHOWN_S)
        for person in report.persons or ():
            if person.face is not None:
                self._centres.append((at, person.track, person.box.centre))
        while self._centres and not 0 <= at - self._centres[0][0] <= TRAIL_S:
            self._centres.popleft()

    def end(self, over: Alert) -> None:
        """That alert is over: nothing says any more that too few are protected."""
        if self.alert is not None and self.alert.id == over.id:
            self.alert = None

    @property
    def trails(self) -> dict[int, list[tuple[float, float]]]:
        """By a person's number the centres of her face in pixels, the newest last."""
        found: dict[int, list[tuple[float, float]]] = {}
        for _, track, centre in self._centres:
            found.setdefault(track, []).append(centre)
        return found
