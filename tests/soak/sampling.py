"""What is measured of the process during a soak, a row at a time."""

import csv
import os
import threading
import time
from dataclasses import asdict, dataclass, fields

import psutil

MB = 1e6


@dataclass(frozen=True)
class Row:
    """`at_s` since the soak began; `latency_ms` is the slowest camera's, None where nothing is known of it.

    `machine_load` is how many processes wanted a core in the last minute, those of others included.
    """

    at_s: float
    rss_mb: float
    pss_mb: float
    threads: int
    handles: int
    children: int
    cpu_s: float
    latency_ms: float | None
    cameras_up: int | None
    analysed: int | None
    stored: int | None
    machine_load: float
    fault: str


class Sampler(threading.Thread):
    """Appends a row every `every_s` to a CSV; each is on the disk at once. `fault` is what is broken now."""

    def __init__(self, service, path, every_s):
        super().__init__(name="sampler", daemon=True)
        self.rows = []
        self.fault = ""
        self._service = service
        self._process = psutil.Process(service.pid)
        self._path = path
        self._every_s = every_s
        self._finished = threading.Event()
        self._began = time.monotonic()

    def now_s(self):
        return time.monotonic() - self._began

    def finish(self):
        self._finished.set()
        self.join()

    def run(self):
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Row)])
            writer.writeheader()
            next_s = 0.0
            while not self._finished.wait(max(0.0, next_s - self.now_s())):
                next_s = max(next_s + self._every_s, self.now_s())  # no burst after a stall
                try:
                    row = self._row()
                except psutil.Error:  # it has ended, which the soak notices itself
                    return
                self.rows.append(row)
                writer.writerow(asdict(row))
                file.flush()

    def _row(self):
        try:
            status = self._service.status()
        except OSError:  # while it reloads, say
            status = None
        with self._process.oneshot():
            memory, times = self._process.memory_full_info(), self._process.cpu_times()
            return Row(
                at_s=round(self.now_s(), 2),
                rss_mb=round(memory.rss / MB, 3),
                pss_mb=round(memory.pss / MB, 3),
                threads=self._process.num_threads(),
                handles=self._process.num_fds(),
                children=len(self._process.children(recursive=True)),
                cpu_s=round(times.user + times.system, 2),
                latency_ms=status and status.latency_ms,
                cameras_up=status and status.up,
                analysed=status and sum(map(status.analysed, status.cameras)),
                stored=status and status.stored,
                machine_load=round(os.getloadavg()[0], 2),
                fault=self.fault,
            )


def slope(rows, value):
    """Theil and Sen's line: the median of the slopes of all pairs, a second; single jumps don't turn it."""
    points = [(row.at_s, value(row)) for row in rows if value(row) is not None]
    points = points[:: max(1, len(points) // 400)]
    slopes = sorted(
        (after - before) / (later - earlier)
        for number, (earlier, before) in enumerate(points)
        for later, after in points[number + 1 :]
    )
    return slopes[len(slopes) // 2]
