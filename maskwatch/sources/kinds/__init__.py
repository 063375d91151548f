"""Each module is a kind of source, by its name; what reads the frames stands beside this package, and is loaded by `build`."""
