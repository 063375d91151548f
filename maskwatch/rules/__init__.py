"""Rules that the configuration may name: each module in `kinds/` is one. What they decide is in `core/rules/`.

To add a kind, write such a module, with `Settings` and `build` (see `maskwatch.plugins`); nothing else names it.
From another package, an entry point of the group `maskwatch.rules` names the module.

registry.py   the kinds by their names
settings.py   the keys that all of them have
timing.py     these keys for `core/rules/timed_rule.py`
"""
