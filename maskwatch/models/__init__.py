"""The versions of the models: the registry, the smoke test, the hot swap, what differs."""
