"""Kinds for maskwatch: pyproject.toml names each module as an entry point."""
