"""Killed again and again while events are written: none is half, and none is lost that was acknowledged."""

import json
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from maskwatch.core.events import EventKind
from maskwatch.events.store import EventFilter, EventStore

WRITING = Path(__file__).parent / "writing.py"


@pytest.mark.parametrize("kills", [17, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_while_events_are_written_leave_none_half_and_lose_none(tmp_path, kills):
    random.seed(0)
    acknowledged = set()
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, str(WRITING), str(tmp_path), "north", "0"],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        assert child.stdout.readline() == "ready\n"
        killer = threading.Timer(random.uniform(0.02, 0.5), child.send_signal, [signal.SIGKILL])
        killer.start()
        said = child.stdout.read()  # until its end
        assert child.wait() == -signal.SIGKILL
        child.stdin.close()
        child.stdout.close()
        acknowledged |= {line for line in said.split("\n")[:-1] if line}
        store = EventStore.in_folder(tmp_path)
        with store.begin() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        store.close()
    store = EventStore.in_folder(tmp_path)
    found = {each.id: each for each in store.find(EventFilter(), limit=1_000_000)}
    store.close()
    assert len(acknowledged) > kills
    assert acknowledged <= found.keys()
    for each in found.values():
        assert len(each.id) == 32
        json.dumps(each.data)
        if each.kind is EventKind.ALERT:  # whole, as it was at its beginning or at its end
            assert set(each.data["say"]) <= {"x"}
            assert each.ended_at is None or each.ended_at == each.at + 1 or each.data["cut_off"]
    assert not list(tmp_path.glob("*.damaged-*"))
    stops = [each for each in found.values() if each.kind is EventKind.SERVICE]
    # each start but the first found that the one before was killed, if that had come so far
    assert kills / 2 < len(stops) < kills
