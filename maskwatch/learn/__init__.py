"""The learning loop: what was queued, what it is trained on, how it is measured."""
