"""What is asked of the C library so that the service's memory stays the same for months; others than glibc do without.

Frames of four cameras, 8,000 batches of one to four: some 9 of 1,062 MB lay free in pieces each time that they were
given back, and what was left stayed within 2 MB. Two cameras and eight reloads: 1,006 MB with a heap for each
thread, 931 with two heaps.
"""

import ctypes

ARENA_MAX = -8  # of mallopt(3)
HEAPS = 2

_library = ctypes.CDLL(None)


def limit_arenas() -> None:
    """Have all threads share two heaps, where each would get its own; for the start of a program."""
    if hasattr(_library, "mallopt"):
        _library.mallopt(ARENA_MAX, HEAPS)


def trim() -> None:
    """Give what is free inside the heaps back to the system, malloc_trim(3); takes a millisecond."""
    if hasattr(_library, "malloc_trim"):
        _library.malloc_trim(0)
