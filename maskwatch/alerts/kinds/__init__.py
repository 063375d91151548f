"""Each module is a kind of alert sink, by its name."""
