"""How long to wait before something that failed is tried again."""

import random


def backoff_s(failures: int, first_s: float, longest_s: float) -> float:
    """Seconds before the next attempt after `failures` in a row (at least 1): exponential backoff with jitter.

    `first_s` doubles with each failure up to `longest_s`; of that, up to a half is left out at random, so that many who
    failed at once do not come back at once.
    """
    longest = min(longest_s, first_s * 2.0 ** min(failures - 1, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret depends on it
