"""Pictures made by as many threads as there are cores. There are no processes, because OpenCV hangs in forked ones."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many this process may use; the variable that torch keeps to, too, says fewer where several processes share them."""
    there, told = len(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(there, int(told))) if told.isdecimal() else there


def in_threads(
    make: Callable[[Item], Result], items: Iterable[Item], *, ahead: int = 0, workers: int | None = None
) -> Iterator[Result]:
    """What `make` makes of each item, in the items' order, however many `workers` there are (None: one a core).

    `ahead` results at least are under way or wait while the caller works on one; more would only fill the memory.
    """
    workers = workers or cores()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="made ahead")
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > max(ahead, 2 * workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
