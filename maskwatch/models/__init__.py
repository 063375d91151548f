"""The versions of the models: registry, loading, smoke test, hot swap, shadow runs, and differences between versions."""
