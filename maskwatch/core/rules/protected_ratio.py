"""When to speak: the protected ratio was under the bound for long enough, and nobody spoke just now."""

from dataclasses import replace

from maskwatch.core.records import Alert, FrameReport, Label


class Rule:
    """Decides for one camera, frame by frame. Time is the frames' own (`report.at`), in seconds.

    It answers with an alert when the ratio (0..1) has been strictly under `protected_ratio` for `for_s` seconds
    with at least `min_people` assessed; `say` is what the alert says. The alert is then in flight until `delivered` or `failed`
    is called, and no other is given meanwhile. `cooldown_s` of silence starts at the delivery. After
    more than `max_gap_s` without a frame, nobody knows what was meanwhile, and `for_s` counts anew.

    A delivered alert ends when the ratio is at the bound again, or when for more than `max_gap_s` there were too few
    people to tell.
    """

    def __init__(
        self,
        *,
        protected_ratio: float = 0.75,
        min_people: int = 1,
        for_s: float = 1.0,
        cooldown_s: float = 30.0,
        say: str = "Please wear your mask.",
        max_gap_s: float = 5.0,
    ) -> None:
        self._protected_ratio = protected_ratio
        self._min_people = min_people
        self._for_s = for_s
        self._cooldown_s = cooldown_s
        self._say = say
        self._max_gap_s = max_gap_s
        self._last_at: float | None = None
        self._under_since: float | None = None
        self._delivered_at: float | None = None
        self._in_flight: Alert | None = None
        self._standing: Alert | None = None  # delivered, and not over
        self._over: Alert | None = None
        self._under_at = 0.0  # last

    def update(self, report: FrameReport) -> Alert | None:
        """The alert that is due with this frame, mostly None; call it with each report of a camera, in order."""
        at, ratio = report.at, report.protected_ratio
        self._look_for_the_end(report)
        if self._last_at is not None and at - self._last_at > self._max_gap_s:
            self._under_since = None
        self._last_at = at
        if self._delivered_at is not None and at < self._delivered_at:
            self._delivered_at = at  # the clock was set back: never silent for longer than the cooldown
        if ratio is None or report.people < self._min_people or ratio >= self._protected_ratio:
            self._under_since = None
            return None
        if self._under_since is None or at < self._under_since:
            self._under_since = at
        if self._in_flight or self._is_quiet(at) or at - self._under_since < self._for_s:
            return None
        self._in_flight = Alert(
            camera=report.camera,
            at=at,
            protected_ratio=ratio,
            people=report.people,
            unprotected=report.count(Label.UNPROTECTED),
            say=self._say,
            faces=report.faces,
        )
        return self._in_flight

    def ended(self) -> Alert | None:
        """The alert that is over since the last `update`; given once."""
        over, self._over = self._over, None
        return over

    def delivered(self, at: float) -> None:
        """The alert reached people at `at`, on the camera's clock: the cooldown starts."""
        self._standing, self._in_flight = self._in_flight or self._standing, None
        self._delivered_at = at

    def failed(self) -> None:
        """Nobody was told: no cooldown, but `for_s` must pass again, so that a broken sink is not hammered."""
        self._in_flight = None
        self._under_since = None

    def _look_for_the_end(self, report: FrameReport) -> None:
        at, ratio = report.at, report.protected_ratio
        enough = ratio is not None and report.people >= self._min_people
        if enough and ratio is not None and ratio < self._protected_ratio:
            self._under_at = at
        elif self._standing is not None and (enough or not 0 <= at - self._under_at <= self._max_gap_s):
            self._over, self._standing = replace(self._standing, ended_at=at), None

    def _is_quiet(self, at: float) -> bool:
        return self._delivered_at is not None and at - self._delivered_at < self._cooldown_s
