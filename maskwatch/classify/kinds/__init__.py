"""Each module is a kind of classifier, by its name. To add one, write such a module; nothing else names it."""
