"""`maskwatch console` as a process."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager

END_S = 60


@contextmanager
def console(config, *, log, prefix=(), more=()):
    """Serve the console of a configuration's path; gives the link that it prints, which lets its reader in.

    It ends by Ctrl-C, in order, and has logged no error.
    """
    command = [*prefix, sys.executable, "-m", "maskwatch", "console", "-c", str(config), *more]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            told = process.stdout.readline()
            assert "http" in told, log.read_text()
            yield re.search(r"https?://\S+", told).group()
        finally:
            process.send_signal(signal.SIGINT)
            ended = process.wait(timeout=END_S)
    assert ended == 0
    assert "ERROR" not in log.read_text()
    assert "Traceback" not in log.read_text()
