"""Waiting for what another thread or process does, however slow the machine is."""

import time

PATIENCE_S = 60.0


def until(condition, within_s=PATIENCE_S):
    """Wait until `condition()` is true; fails after `within_s`."""
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"it did not happen within {within_s} s"
        time.sleep(0.005)
