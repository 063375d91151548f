"""Each module is a kind of rule, by its name."""
