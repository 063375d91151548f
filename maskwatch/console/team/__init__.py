"""Labelling as a team: shares, progress, agreement, what to decide, and the guidelines."""
