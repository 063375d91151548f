"""Which cameras' frames go into the next batch, when there are more than a device should get at once."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

# Frames of one batch. Decisions on all of them come at its end. Where a larger batch takes no less time a frame, it only makes
# every camera wait: on a processor 64 frames take 5 s, and frames that come meanwhile are dropped.
MAX_ON_PROCESSOR = 4
MAX_ON_CARD = 32


class Turns:
    """Chooses cameras in turn."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._last = dict.fromkeys(cameras, 0)
        self._number = 0

    def next(self, ready: Sequence[str], device_of: Callable[[str], str]) -> list[str]:
        """Those of `ready`, in their order, whose frames are to be taken now: on each device those that have waited longest."""
        taken: Counter[str] = Counter()
        chosen = set()
        for name in sorted(ready, key=self._last.__getitem__):
            device = device_of(name)
            if taken[device] < (MAX_ON_PROCESSOR if device == "cpu" else MAX_ON_CARD):
                taken[device] += 1
                self._number += 1
                self._last[name] = self._number
                chosen.add(name)
        return [name for name in ready if name in chosen]
