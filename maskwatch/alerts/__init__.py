"""Ways to tell people: one file a kind.

To add a kind, write a module with a class that is an `AlertSink`, and name it in `registry.py`.
"""
