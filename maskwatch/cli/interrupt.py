"""Ctrl-C: it breaks a command off once, what was begun is put away, and no traceback tells of it."""

import signal
import sys
import threading
import time
from types import FrameType

AGAIN_S = 3.0  # a second one within so many seconds is the same: it must not break off the putting away
LOST_S = 0.1  # after which one that no code could take is given once more
IMPORTING = "<frozen importlib._bootstrap>"  # the file of a frame in which a module is loaded


class Interrupt:
    """Turns SIGINT into `KeyboardInterrupt` in the main thread; `seen` tells whether it came.

    A command that has a handler of its own, to end well, puts it in the place of this one.
    """

    def __init__(self) -> None:
        self.seen = False
        self._at = -AGAIN_S

    def install(self) -> None:
        """Take SIGINT, unless it is ignored: a shell does that for what it starts in the background."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            return
        signal.signal(signal.SIGINT, self._on_signal)
        sys.unraisablehook = self._on_unraisable
        threading.excepthook = self._on_thread

    def finish(self) -> None:
        """From here on nothing is left to put away: SIGINT ends the process."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _on_signal(self, _: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._at <= AGAIN_S:
            return
        if _is_importing(frame):  # what is raised in the initialisation of torch's C++ ends the process
            _give_again()
            return
        self.seen, self._at = True, now
        raise KeyboardInterrupt

    def _on_unraisable(self, lost: "sys.UnraisableHookArgs") -> None:
        """Python drops what is raised in a destructor or a callback, and prints it instead."""
        if isinstance(lost.exc_value, KeyboardInterrupt):
            self._at = -AGAIN_S
            _give_again()
        elif not self.seen:
            sys.__unraisablehook__(lost)

    def _on_thread(self, ended: threading.ExceptHookArgs) -> None:
        """A thread that stumbles over what the main thread has put away."""
        if not self.seen:
            threading.__excepthook__(ended)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def _give_again() -> None:
    """As a signal, which also wakes what waits; `interrupt_main` does not."""
    main = threading.main_thread().ident
    assert main is not None
    again = threading.Timer(LOST_S, signal.pthread_kill, (main, signal.SIGINT))
    again.daemon = True
    again.start()
