"""What the whole program speaks about: records, ports, pure decisions. No torch, no OpenCV.

The decisions (`rule.py`, `selection.py`) touch no clock and no disk either."""
