"""What happens at the doors of a fleet, and what copying it asks of the shared database: drawn, and reckoned from measured costs."""

import json
from dataclasses import dataclass, fields

import numpy as np

from maskwatch.events.forwarder import HEARTBEAT_S, IDLE_S, LONGEST_PAUSE_S, POLL_S

DAY_S = 86_400
NOON, SPREAD, OPEN, CLOSED = (
    13.0,
    3.0,
    7.0,
    21.0,
)  # hours: people come by a normal distribution, while it is open
KINDS = ("passage", "alert", "announcement", "outage")
TOLD_S, OVER_S = (0.1, 3.0), (20.0, 200.0)  # after an alert was decided it is told, and over
AWAY_S = (40.0, 5000.0)  # of a camera


@dataclass(frozen=True)
class Door:
    """Of a camera, by day: people who pass, alerts, and times without frames."""

    people: float
    alerts: float
    outages: float = 0.2


QUIET, BUSY = Door(60, 2), Door(1500, 40)


@dataclass(frozen=True)
class Writes:
    """Of one service: at which second of the day which event of which kind (a place in `KINDS`) is written, in order."""

    at: np.ndarray
    event: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True)
class Costs:
    """Of the shared database, as `fleet_measure.py costs` measured them on one machine.

    Bytes of payload `up` to the server and `down` from it; `cpu` in milliseconds of the server's processor, `idle_cpu`
    those of a second in which nobody asks. `row_up`, `row_disk` (with indexes) and `row_wal` (the server's journal) are
    by kind.
    """

    row_up: dict[str, float]
    row_disk: dict[str, float]
    row_wal: dict[str, float]
    row_down: float
    row_cpu: float
    batch_up: float
    batch_down: float
    batch_cpu: float
    connection_up: float
    connection_down: float
    connection_cpu: float
    announcing_up: float
    announcing_down: float
    announcing_cpu: float
    idle_cpu: float
    connection_mb: float

    @classmethod
    def read(cls, path):
        told = json.loads(path.read_text())["costs"]
        return cls(**{field.name: told[field.name] for field in fields(cls)})


@dataclass
class Load:
    """By second: rows of each kind, batches, connections that are made, that are open, and announcements."""

    rows: np.ndarray
    batches: np.ndarray
    connections: np.ndarray
    open: np.ndarray
    announcements: np.ndarray
    events: np.ndarray  # begun, by kind, in all

    @classmethod
    def none(cls, seconds=DAY_S):
        return cls(
            np.zeros((len(KINDS), seconds)), *(np.zeros(seconds) for _ in range(4)), np.zeros(len(KINDS))
        )

    @property
    def seconds(self):
        return self.rows.shape[1]


def draw(doors, chance, seconds=DAY_S):
    """A day of a service with these doors; with fewer `seconds`, all of it evenly within them."""

    def moments(number):
        if seconds < DAY_S:
            return chance.uniform(0, seconds, number)
        hours = chance.normal(NOON, SPREAD, number)
        is_open = (hours >= OPEN) & (hours < CLOSED)
        return np.where(is_open, hours, chance.uniform(OPEN, CLOSED, number)) * 3600

    passed = moments(chance.poisson(sum(door.people for door in doors)))
    alerts = moments(chance.poisson(sum(door.alerts for door in doors)))
    away = chance.uniform(0, seconds, chance.poisson(sum(door.outages for door in doors)))
    told, over = (alerts + chance.uniform(*span, alerts.size) for span in (TOLD_S, OVER_S))
    back = away + chance.uniform(*AWAY_S, away.size)
    parts = [
        (passed, 0, 0),
        (alerts, 1, 1),
        (told, 1, 1),
        (over, 1, 1),
        (alerts + 20.1, 2, 2),
        (away, 3, 3),
        (back, 3, 3),
    ]
    at = np.concatenate([times for times, _, _ in parts])
    first = np.cumsum([0, passed.size, alerts.size, alerts.size])
    event = np.concatenate([np.arange(times.size) + first[group] for times, _, group in parts])
    kind = np.concatenate([np.full(times.size, place) for times, place, _ in parts])
    order = np.argsort(at)
    order = order[at[order] < seconds]
    return Writes(at[order], event[order].astype(int), kind[order])


def add(load, writes, phase_s):
    """What the forwarder of one service makes of what it wrote: one batch a look, each event once in it.

    It announces itself first at the second `phase_s`.
    """
    looks = np.ceil(writes.at / POLL_S).astype(int)
    _, first = np.unique(np.stack([looks, writes.event]), axis=1, return_index=True)
    second = np.minimum(looks[first] * POLL_S, load.seconds - 1).astype(int)
    np.add.at(load.rows, (writes.kind[first], second), 1)
    batches = np.unique(second)
    load.batches[batches] += 1
    load.events += np.bincount(
        writes.kind[np.unique(writes.event, return_index=True)[1]], minlength=len(KINDS)
    )
    opens = batches[np.diff(batches, prepend=-DAY_S) > IDLE_S]
    closes = batches[np.diff(batches, append=2 * DAY_S) > IDLE_S] + int(IDLE_S)
    announcing = np.arange(phase_s, load.seconds, HEARTBEAT_S).astype(int)
    load.announcements[announcing] += 1
    is_open = np.searchsorted(opens, announcing, "right") > np.searchsorted(closes, announcing, "left")
    load.connections[opens] += 1
    load.connections[announcing[~is_open]] += 1
    change = np.zeros(load.seconds + 1)
    np.add.at(change, np.concatenate([opens, announcing[~is_open]]), 1)
    np.add.at(change, np.minimum(np.concatenate([closes, announcing[~is_open] + 1]), load.seconds), -1)
    load.open += np.cumsum(change[:-1])


def reckon(load, costs):
    """What that load is for the server, by second: bytes `up` and `down`, `cpu_s`; and in all `disk` and `wal` bytes."""
    rows = load.rows.sum(axis=0)

    def total(of_rows, end):
        each = ((load.batches, "batch"), (load.connections, "connection"), (load.announcements, "announcing"))
        return of_rows + sum(number * getattr(costs, f"{name}_{end}") for number, name in each)

    by_kind = {
        name: np.array([getattr(costs, name)[kind] for kind in KINDS])
        for name in ("row_up", "row_disk", "row_wal")
    }
    return {
        "up": total(by_kind["row_up"] @ load.rows, "up"),
        "down": total(rows * costs.row_down, "down"),
        "cpu_s": (total(rows * costs.row_cpu, "cpu") + costs.idle_cpu) / 1000,
        "disk": float(by_kind["row_disk"] @ load.events),
        "wal": float(by_kind["row_wal"] @ load.rows.sum(axis=1)),
    }


def returned(services, costs):
    """Cores that a server needs when it is back after long, and each of so many services connects, announces itself and copies.

    Whether the tables are there is taken to cost as much as to announce itself. They come between half and all of the longest pause, evenly.
    """
    each_ms = costs.connection_cpu + 2 * costs.announcing_cpu + costs.batch_cpu + costs.row_cpu
    return services * each_ms / 1000 / (LONGEST_PAUSE_S / 2)
