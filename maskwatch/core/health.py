"""Whether the service works, decided from the status board's snapshot alone; None means that it does."""

from maskwatch.core.records import CameraState, Status

STUCK_S = 20.0  # an engine without a round for so long makes no progress


def why_not_alive(status: Status, now_s: float) -> str | None:
    """Why the service should be restarted; `now_s` is monotonic time, as `engine_beat` is."""
    idle_s = now_s - status.engine_beat
    return f"the engine has made no progress for {idle_s:.0f} s" if idle_s >= STUCK_S else None


def why_not_ready(status: Status, now_s: float) -> str | None:
    """Why the service is not ready: it is not alive, or no camera gives frames."""
    reason = why_not_alive(status, now_s)
    if reason is None and all(c.state is not CameraState.UP for c in status.cameras.values()):
        reason = "no camera is up"
    return reason
