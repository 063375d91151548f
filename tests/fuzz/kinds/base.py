"""What a kind of hostile input is."""

from fuzz.mutation import drawn

MOST = 400  # documents that are drawn


class Kind:
    """Makes inputs of one kind, and lets the program take them. `names`: what an error may call the input besides its file."""

    names = ()

    def __init__(self, folder, last):
        """`folder` is for what all inputs need, of which there will be `last`."""
        self.folder = folder
        self.last = last

    def drawn(self, strategy, share, name):
        """So many examples as are used where every `share`th input is one."""
        return drawn(strategy, min(MOST, self.last // share + 1), name)

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
