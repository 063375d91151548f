"""Each module is a kind of source, named after it; the code that reads the frames is beside this package, loaded by `build`."""
