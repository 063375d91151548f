"""What the shared database takes from services, measured on a real PostgreSQL server on this machine; run by hand.

    PYTHONPATH=tests python tests/harness/fleet_measure.py costs -o FILE            a row, a batch, a connection: bytes, processor, disk
    PYTHONPATH=tests python tests/harness/fleet_measure.py fleets FILE [--services 1,3,10,30] [--seconds 120] [--per-second 0.5]
    PYTHONPATH=tests python tests/harness/fleet_measure.py backlogs [--services 1,3,10,30] [--events 3000] [--delay-ms 20]

`fleets` lets so many services, whose forwarder is the real one, copy what was drawn for a fleet of one busy door each, and
puts beside it what `fleet_day.py` reckons from the costs in FILE. `backlogs` gives how quickly all is copied after the
server was away, each service `--delay-ms` away from it.
"""

import argparse
import json
import os
import platform
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import psutil
from pydantic import SecretStr

from harness import fleet_day
from harness.postgres import Postgres
from harness.relay import Relay
from maskwatch.core.events import Event, EventKind
from maskwatch.core.text import pluralize
from maskwatch.events import postgres
from maskwatch.events.forwarder import Forwarder
from maskwatch.events.store import Copy, EventStore

DATA = {
    "passage": {"label": "protected", "direction": "entering", "line": "door", "zones": []},
    "alert": {
        "rule": "protected_ratio", "alert_kind": "unprotected", "level": 1, "quiet": False, "withheld": False,
        "say": "Please wear your mask.", "people": 2, "unprotected": 2, "protected_ratio": 0.0, "reason": None,
        "delivered": True, "sinks": {"voice": "delivered", "log": "delivered"},
    },
    "announcement": {"told": True, "addressed": 2, "put_on": 1, "unknown": 0},
    "outage": {"reason": "no answer in time"},
}  # fmt: skip


def event(kind, site="site 1", number=None):
    id_ = uuid4().hex if number is None else UUID(int=number).hex
    return Event(id_, EventKind(kind), time.time(), "entrance", None, DATA[kind], site)


class Server:
    """A server behind a relay that counts bytes."""

    def __init__(self, stack, delay_s=0.0):
        self.server = stack.enter_context(Postgres())
        self.relay = stack.enter_context(Relay(self.server.port, delay_s))
        self.url = SecretStr(self.server.url.replace(f":{self.server.port}/", f":{self.relay.port}/"))

    def cpu_s(self):
        """Of all its processes, those that ended too."""
        server = psutil.Process(self.server._process.pid)
        if server.name() != "postgres":  # setpriv became it
            server = server.children()[0]
        ended = server.cpu_times()
        running = sum(_ran_s(each.pid) for each in (server, *server.children()))
        return ended.children_user + ended.children_system + running

    def counters(self):
        passed = self.relay.passed()
        ((disk, wal),) = self.server.execute(
            "SELECT pg_total_relation_size('events'), pg_current_wal_insert_lsn() - '0/0'"
        )
        return {**asdict(passed), "cpu": 1000 * self.cpu_s(), "disk": float(disk), "wal": float(wal)}

    @contextmanager
    def counted(self, number=1):
        """What it took, by each of `number`, once the block is over."""
        before, found = self.counters(), {}
        yield found
        time.sleep(0.5)
        after = self.counters()
        found.update({name: (after[name] - before[name]) / number for name in after})


def _ran_s(pid):
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended, so that the server counts it
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


def costs(given):
    with ExitStack() as stack:
        server = Server(stack)
        store = EventStore.shared(server.url, "site 1")
        postgres.create_tables(store.engine)
        told = {f"row_{what}": {} for what in ("up", "disk", "wal")}
        ones, many = {}, {}
        for kind in fleet_day.KINDS:
            with server.counted(50) as ones[kind]:
                for _ in range(50):
                    store.copy_in([Copy(event(kind), time.time_ns() // 1000)])
            with server.counted(20) as many[kind]:
                for _ in range(20):
                    store.copy_in([Copy(event(kind), time.time_ns() // 1000) for _ in range(100)])
            told["row_up"][kind] = (many[kind]["up"] - ones[kind]["up"]) / 99
            told["row_disk"][kind], told["row_wal"][kind] = many[kind]["disk"] / 100, many[kind]["wal"] / 100
        for what in ("down", "cpu"):
            told[f"row_{what}"] = np.mean([(many[k][what] - ones[k][what]) / 99 for k in fleet_day.KINDS])
        for what in ("up", "down", "cpu"):
            rows = told["row_up"] if what == "up" else dict.fromkeys(fleet_day.KINDS, told[f"row_{what}"])
            told[f"batch_{what}"] = np.mean([ones[k][what] - rows[k] for k in fleet_day.KINDS])
        with server.counted(40) as connecting:
            for _ in range(40):
                store.close()
                store.copy_in([Copy(event("passage"), time.time_ns() // 1000)])
        with server.counted(50) as announcing:
            for _ in range(50):
                with store.begin() as connection:
                    postgres.announce(connection, "site 1", "0" * 32)
        for what in ("up", "down", "cpu"):
            told[f"announcing_{what}"] = announcing[what]
            # its first statements come in full, later ones by a name
            row = told["row_up"]["passage"] if what == "up" else told[f"row_{what}"]
            told[f"connection_{what}"] = connecting[what] - told[f"batch_{what}"] - row
        with server.counted(20) as nothing:
            time.sleep(20)
        told["idle_cpu"] = nothing["cpu"]
        backend = server.server.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'maskwatch%'"
        )
        told["connection_mb"] = psutil.Process(backend[0][0]).memory_full_info().uss / 1e6
        store.close()
        version = server.server.execute("SHOW server_version")[0][0]
    about = {"machine": f"{platform.machine()}, {pluralize(os.cpu_count(), 'core')}", "postgresql": version}
    Path(given.output).write_text(
        json.dumps({**about, "load": os.getloadavg()[0], "costs": _rounded(told)}, indent=1) + "\n"
    )


def _rounded(told):
    return {
        name: _rounded(each) if isinstance(each, dict) else float(f"{each:.3g}")
        for name, each in told.items()
    }


def fleets(given):
    figures, chance = fleet_day.Costs.read(Path(given.file)), np.random.default_rng(0)
    print(
        f"{'services':>9} {'':18}{'rows':>9}{'batches':>9}{'kB up':>9}{'kB down':>9}{'ms CPU':>9}{'connections':>12}"
    )
    for number in given.services:
        seconds = given.seconds
        door = fleet_day.Door(given.per_second * seconds, given.per_second * seconds / 20, 0)
        drawn = [fleet_day.draw([door], chance, seconds) for _ in range(number)]
        load = fleet_day.Load.none(seconds)
        for writes in drawn:
            fleet_day.add(load, writes, 0)
        expected = fleet_day.reckon(load, figures)
        measured = _driven(drawn, seconds)
        rows = (load.rows.sum(), load.batches.sum(), expected["up"].sum() / 1e3, expected["down"].sum() / 1e3)
        lines = {
            "reckoned": (*rows, 1000 * expected["cpu_s"].sum(), load.connections.sum()),
            "measured": (measured["rows"], measured["batches"], measured["up"] / 1e3, measured["down"] / 1e3, measured["cpu"],
                         measured["connections"]),
        }  # fmt: skip
        for name, line in lines.items():
            print(f"{number:9} {name:18}" + "".join(f"{value:9.0f}" for value in line), flush=True)
        ratio = [100 * (a / b - 1) if b else 0 for a, b in zip(*lines.values(), strict=True)]
        print(f"{'':10}{'reckoned too much %':18}" + "".join(f"{value:+9.1f}" for value in ratio), flush=True)


def _driven(drawn, seconds):
    """What these services, whose events are written when they are due, took of a server."""
    with ExitStack() as stack:
        server = Server(stack)
        services = [_Service(stack, server.url, number) for number in range(len(drawn))]
        due = sorted(
            (at, service, event, kind)
            for service, writes in enumerate(drawn)
            for at, event, kind in zip(writes.at, writes.event, writes.kind, strict=True)
        )
        services[0].make_tables()
        copied = stack.enter_context(_copies_counted())
        with server.counted() as found:
            began_s = time.monotonic()
            for service in services:
                stack.enter_context(service.forwarder)
            for at, service, number, kind in due:
                time.sleep(max(0.0, began_s + at - time.monotonic()))
                services[service].own.add(
                    [event(fleet_day.KINDS[kind], f"site {service}", service << 32 | int(number))]
                )
            time.sleep(max(0.0, began_s + seconds - time.monotonic()))
            _until_copied(services)
        return found | {"batches": len(copied), "rows": sum(copied)}


class _Service:
    """One of many in this process; its own database lies in memory, as those of a fleet are on other machines."""

    def __init__(self, stack, url, number):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-", dir="/dev/shm")))
        self.own = EventStore.in_folder(folder)
        stack.callback(self.own.close)
        self.forwarder = Forwarder(folder, url, f"site {number}", _crashed)

    def make_tables(self):
        postgres.create_tables(self.forwarder._shared.engine)
        self.forwarder._shared.close()


def _crashed(error):
    raise error


def _until_copied(services):
    while any(service.own.count_uncopied() for service in services):
        time.sleep(0.2)


@contextmanager
def _copies_counted():
    """How many rows each batch of all services has."""
    whole, lock, sizes = EventStore.copy_in, threading.Lock(), []

    def counting(store, copies):
        whole(store, copies)
        with lock:
            sizes.append(len(copies))

    EventStore.copy_in = counting
    try:
        yield sizes
    finally:
        EventStore.copy_in = whole


def backlogs(given):
    for number in given.services:
        with ExitStack() as stack:
            server = Server(stack, given.delay_ms / 1000)
            services = [_Service(stack, server.url, place) for place in range(number)]
            for service in services:
                service.own.add([event("passage") for _ in range(given.events)])
            services[0].make_tables()
            with server.counted() as found:
                began_s = time.monotonic()
                for service in services:
                    stack.enter_context(service.forwarder)
                _until_copied(services)
                took_s = time.monotonic() - began_s
        rows = number * given.events
        print(
            f"{pluralize(number, 'service')}: {rows} rows in {took_s:.1f} s, {rows / took_s:.0f} a second; "
            f"{1e3 * found['cpu'] / rows:.0f} µs of the server's processor a row, {found['up'] / rows:.0f} bytes",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("costs")
    one.add_argument("-o", "--output", required=True)
    one.set_defaults(run=costs)
    two, three = commands.add_parser("fleets"), commands.add_parser("backlogs")
    for each, run in ((two, fleets), (three, backlogs)):
        each.add_argument(
            "--services", type=lambda text: [int(n) for n in text.split(",")], default=[1, 3, 10, 30]
        )
        each.set_defaults(run=run)
    two.add_argument("file")
    two.add_argument("--seconds", type=int, default=120)
    two.add_argument("--per-second", type=float, default=0.5)
    three.add_argument("--events", type=int, default=3000)
    three.add_argument("--delay-ms", type=float, default=0)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
