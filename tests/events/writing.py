"""A process that records events as the service does: `writing.py FOLDER SITE NUMBER [URL]`; NUMBER 0: until it is killed.

It prints the id of each event that is acknowledged, and `copied` when the shared database has all.
"""

import contextlib
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from maskwatch.core.events import Event, EventKind
from maskwatch.events import forwarder as forwarder_module
from maskwatch.events.forwarder import Forwarder
from maskwatch.events.recorder import Recorder
from maskwatch.events.retention import Retention
from maskwatch.events.store import EventStore
from maskwatch.pipeline.status_board import Board


def main(folder, site, number, url=None):
    forwarder_module.LONGEST_PAUSE_S = 1.0
    whole, lock = EventStore.add, threading.Lock()

    def acknowledged(store, events):
        whole(store, events)
        with lock:
            sys.stdout.write("".join(f"{each.id}\n" for each in events))
            sys.stdout.flush()

    EventStore.add = acknowledged
    board, crashes = Board(["door"]), []
    copier = Forwarder(Path(folder), SecretStr(url), site, crashes.append) if url else None
    with Recorder(
        Retention(Path(folder), 90, 100), site, board, crashes.append, forwarder=copier
    ) as recorder:
        print("ready", flush=True)
        count = 0
        while not number or count < number:
            count += 1
            begun = Event(
                uuid4().hex, EventKind.ALERT, time.time(), "door", data={"say": "x" * (count % 700)}
            )
            recorder.record(begun)
            time.sleep(0.001)
            recorder.record(
                Event(begun.id, begun.kind, begun.at, "door", ended_at=begun.at + 1, data=begun.data)
            )
            assert not crashes, crashes
        while copier and not is_copied(recorder, Path(folder)):
            time.sleep(0.05)
            assert not crashes, crashes
        print("copied", flush=True)
        sys.stdin.read()


def is_copied(recorder, folder):
    if recorder.left():
        return False
    with contextlib.closing(EventStore.in_folder(folder)) as store:
        return store.count_uncopied() == 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
