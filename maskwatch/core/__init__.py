"""What the whole program speaks about: records, ports, pure decisions. No torch, no OpenCV.

The decisions (`rules/` and `selection/`) touch no clock and no disk either."""
