"""Settings by mouse: places and thresholds."""
