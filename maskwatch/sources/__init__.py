"""Where frames come from: one file a kind.

To add a kind, write a module with `matches(address)` and a class that is a `Source`, and name it in `registry.py`.
"""
