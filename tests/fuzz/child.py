"""The process that takes hostile inputs: `python -m fuzz.child OUT KIND FIRST LAST …`, in `tests/`.

It appends a line of JSON to OUT before and after each input. No input may take `MEMORY` bytes of address space beyond what
the process had before it, nor `CPU_S` of the processor's time, nor `WALL_S`: it would end the process.
"""

import contextlib
import gc
import json
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

MEMORY = 1_000_000_000  # bytes
CPU_S, WALL_S = 10, 60  # the machine may be busy: the processor's time is what counts


def main(out, *arguments):
    import cv2
    import torch

    from fuzz.judging import Memory
    from fuzz.kinds import KINDS
    from maskwatch.core.errors import MaskwatchError

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    log = Memory()
    logging.basicConfig(level=logging.INFO, handlers=[log], force=True)
    with open(out, "a", buffering=1) as told, tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        for place in range(0, len(arguments), 3):
            name, first, last = arguments[place], int(arguments[place + 1]), int(arguments[place + 2])
            folder = Path(temporary, name)
            folder.mkdir()
            kind = KINDS[name](folder)
            for number in range(first, last):
                inputs = folder / "input"
                inputs.mkdir()
                path = kind.make(number, Random(f"{name} {number}"), inputs)  # noqa: S311
                if number == first:
                    with contextlib.suppress(MaskwatchError):
                        kind.warm()
                    gc.collect()
                    gc.freeze()  # libraries' objects: a look at all of them takes a tenth of a second
                told.write(json.dumps({"kind": name, "number": number, "path": str(inputs)}) + "\n")
                result = _taken(kind, path, log)
                if result["outcome"] == "fault" and (kept := os.environ.get("FUZZ_KEEP")):
                    shutil.copytree(inputs, Path(kept, f"{name}-{number}"), dirs_exist_ok=True, symlinks=True)
                shutil.rmtree(inputs, ignore_errors=True)
                told.write(json.dumps({"kind": name, "number": number, **result}) + "\n")
            kind.close()


def _taken(kind, path, log):
    from fuzz.judging import judged

    _set_peak_back()
    before = _status("VmRSS")
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + MEMORY, resource.RLIM_INFINITY))
    begun, cpu = time.monotonic(), time.process_time()
    signal.setitimer(signal.ITIMER_PROF, CPU_S)  # their signals end the process
    signal.setitimer(signal.ITIMER_REAL, WALL_S)
    try:
        outcome, text = judged(kind.take, path, log, [path.name, *kind.names])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    peak = max(0, _status("VmHWM") - before)
    if peak > MEMORY:
        outcome, text = "fault", f"took {peak / 1e6:.0f} MB"
    return {
        "outcome": outcome,
        "text": text,
        "s": time.monotonic() - begun,
        "cpu_s": time.process_time() - cpu,
        "mb": peak / 1e6,
    }


def _set_peak_back():
    Path("/proc/self/clear_refs").write_text("5")


def _status(name):
    """Bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
