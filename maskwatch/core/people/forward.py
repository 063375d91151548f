"""A time that never goes back, made of one that may."""


class ForwardTime:
    """The frames' own time in seconds, made to rise always.

    Where it stands still or jumps back, as when a clock is set or footage is joined, it goes on by the step before.
    """

    def __init__(self) -> None:
        self._frame_at: float | None = None
        self._at = 0.0
        self.step_s = float("inf")
        """Seconds from the frame before to the last one, above 0; infinite at the first."""

    def advance(self, frame_at: float) -> float:
        """The rising time of a frame, given its own."""
        if self._frame_at is None:
            self._at = frame_at
        else:
            step_s = frame_at - self._frame_at
            if step_s > 0:
                self.step_s = step_s
            self._at += self.step_s if self.step_s < float("inf") else 0.0
        self._frame_at = frame_at
        return self._at
