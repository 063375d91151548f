"""The cost of a call on a device: its steps by the device's own clock, and how often the processor waits."""

import time
import warnings
from collections import defaultdict
from collections.abc import Callable

import torch


class Laps:
    """The milliseconds of steps by the device's own clock: the processor waits for a card at the end alone."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._is_card = device.type == "cuda"
        self._marks: list[tuple[str, torch.cuda.Event | float]] = []

    def lap(self, name: str) -> None:
        """A step of this name ends here; the first begins with the lap `start`."""
        if not self._is_card:
            self._marks.append((name, time.perf_counter()))
            return
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        self._marks.append((name, event))

    def take(self) -> dict[str, float]:
        """The milliseconds of each step since the last call, added up by their names."""
        if self._is_card:
            torch.cuda.synchronize(self._device)
        steps: dict[str, float] = defaultdict(float)
        for (_, before), (name, after) in zip(self._marks, self._marks[1:], strict=False):
            if isinstance(before, float) and isinstance(after, float):
                steps[name] += 1000 * (after - before)
            elif not isinstance(before, float) and not isinstance(after, float):
                steps[name] += before.elapsed_time(after)
        self._marks.clear()
        return dict(steps)


def waits(device: torch.device, call: Callable[[], object]) -> int | None:
    """How often the processor waits for the card in a call, as torch warns of it; None on the processor."""
    if device.type != "cuda":
        return None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in told)
