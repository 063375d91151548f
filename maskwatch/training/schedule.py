"""How the learning rate goes."""

import math


def warm_then_cosine(step: int, steps: int) -> float:
    """The share of the full rate at a step counted from 0: up over the first 5 %, then down to 0 as a cosine."""
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
