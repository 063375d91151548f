"""The confidence interval of a counted share."""

import math

Z = 1.96  # the normal distribution's 97.5 % quantile


def wilson(right: int, of: int) -> tuple[float, float] | None:
    """The 95 % interval (0..1) of the share `right` / `of`; None where `of` is 0.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if not of:
        return None
    share = right / of
    middle = (share + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2)) / (1 + Z**2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)
