"""Where frames come from: each module in `kinds/` is one kind of source.

To add a kind, write such a module, with `Settings` and `build` (see `maskwatch.plugins`), and with `fit` where an
address alone is to mean it; nothing else names it. From another package, an entry point of the group
`maskwatch.sources` names the module.

registry.py   the kinds by their names, and which of them an address means
"""
