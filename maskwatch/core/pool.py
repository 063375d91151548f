"""Threads that make things ahead of their use."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def thread_pool(workers: int, name: str = "") -> Iterator[ThreadPoolExecutor]:
    """A pool for the block. Left early, by Ctrl-C say, what it has not begun is not made any more."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
