"""The composition root: who is given what, and the long-running service."""
