"""Ways to tell people: each module in `kinds/` is one.

To add a kind, write such a module, with `Settings` and `build` (see `maskwatch.plugins`); nothing else names it.
From another package, an entry point of the group `maskwatch.alerts` names the module.

registry.py   the kinds by their names
picture.py    an alert's frame as a JPEG
speak.py      the child process of `kinds/voice.py`
"""
