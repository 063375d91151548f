"""An export as a zip file, made by a process of its own that yields to everything else: who exports costs the cameras little.

    python -m maskwatch.samples.export_process {"folder": …, "form": …, …}

writes it to standard output. Its exit code is 3 where no sample is asked for by that, which standard error says.
"""

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from maskwatch.core.errors import DataError
from maskwatch.datasets.formats.entries import zipped
from maskwatch.samples.exports import SampleFilter, exported
from maskwatch.samples.store import Queue

NICENESS = 19
CHUNK = 1 << 18  # bytes
VARIABLES = (
    "PATH",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "HOME",
    "LANG",
    "LC_ALL",
)  # that it gets: no password is among them
NOTHING_TO_EXPORT = 3


class ExportError(Exception):
    """The process did not end well."""


class ExportProcess:
    """Makes the zip file of what is `wanted` of the queue in `folder`, in one of `exports.FORMS`. Threads may ask in turn.

    To be closed, however far it came.
    """

    def __init__(self, folder: Path, wanted: SampleFilter, form: str) -> None:
        told = {"folder": str(folder), "form": form, **asdict(wanted)}
        self._said = b""
        self._process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", __name__, json.dumps(told, default=datetime.isoformat)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in VARIABLES if name in os.environ},
        )
        self._listener = threading.Thread(target=self._listen, name="export", daemon=True)
        self._listener.start()

    def read(self) -> bytes:
        """The next piece, `CHUNK` bytes at most; empty at the end.

        Raises `DataError` when there is nothing to export, and `ExportError`.
        """
        assert self._process.stdout is not None
        piece = self._process.stdout.read1(CHUNK)  # type: ignore[attr-defined] # a pipe of bytes is buffered
        if not piece:
            self._end()
        return bytes(piece)

    def close(self) -> None:
        """End it, where it has not ended."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said = line.strip() or self._said

    def _end(self) -> None:
        code = self._process.wait()
        self._listener.join()
        said = self._said.decode(errors="replace")
        if code == NOTHING_TO_EXPORT:
            raise DataError(said)
        if code:
            raise ExportError(f"the export ended with {code}: {said}")


def main() -> None:
    """As the module's docstring says."""
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    told = json.loads(sys.argv[1])
    folder, form = Path(told.pop("folder")), told.pop("form")
    moments = {key: told[key] and datetime.fromisoformat(told[key]) for key in ("since", "until")}
    try:
        entries = exported(Queue(folder), SampleFilter(**told | moments), form)
    except DataError as e:
        print(e, file=sys.stderr)  # noqa: T201 - to who started it
        sys.exit(NOTHING_TO_EXPORT)
    for piece in zipped(entries):
        sys.stdout.buffer.write(piece)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
