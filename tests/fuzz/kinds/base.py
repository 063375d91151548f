"""What a kind of hostile input is."""


class Kind:
    """Makes inputs of one kind, and lets the program take them. `names`: what an error may call the input besides its file."""

    names = ()

    def __init__(self, folder):
        """`folder` is for what all inputs need."""
        self.folder = folder

    def make(self, number, random, folder):
        """Puts the input of a number into an empty folder; gives its path."""
        raise NotImplementedError

    def take(self, path):
        """Lets the program take it. May give the lines that a person is told besides."""
        raise NotImplementedError

    def warm(self):
        """Loads what is loaded once, which is no input's fault."""

    def close(self):
        """Ends what was started."""
