"""Two hundred clips by processes of this machine and by Ray's local cluster: what it costs, and that nothing changes the result.

.venv/bin/python -m pytest -m slow -s tests/app/test_archive_at_scale.py
"""

import contextlib
import os
import random
import shutil
import signal
import threading
import time
from contextlib import closing

import psutil
import pytest
from harness.ray_cluster import add_node, local_cluster
from harness.walkers import MODELS, StubWork, planned, write_clip

from maskwatch.app.archive.analysis import AnalysisSetup
from maskwatch.app.archive.chunks import find_clips
from maskwatch.app.archive.run import ArchivePlan, ArchiveRun
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.parallel.local_workers import LocalWorkers
from maskwatch.parallel.ray_workers import RayWorkers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

CLIPS, FRAMES, KILLED = 200, 50, 20


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nvr")
    first = write_clip(folder / "000.mp4", FRAMES)
    for number in range(1, CLIPS):
        shutil.copyfile(first, folder / f"{number:03}.mp4")
    return find_clips([str(folder)])


def local(setup, count):
    return LocalWorkers(setup, count)


def on_ray(setup, count):
    return RayWorkers(setup, "auto", count)


def archived(clips, out, workers, on_clip=lambda: None):
    """What lies in the folder afterwards, and the events."""
    plan = planned("", out, queue=False)
    for result in ArchiveRun(ArchivePlan(out, plan, MODELS, "here"), workers, lambda _: None).results(clips):
        assert result.broken is None
        on_clip()
    files = {
        path.relative_to(out): path.read_bytes() for path in (out / "clips").rglob("*") if path.is_file()
    }
    with closing(EventStore.in_folder(out / "events")) as store:
        return files, sorted(store.find(EventFilter(), limit=10_000), key=lambda event: event.id)


def work_in(folder):
    return StubWork(AnalysisSetup(planned("", folder, queue=False), folder, "cpu"))


def processor_s():
    """Of this process and all that it started and that live."""
    total = 0.0
    for process in (own := psutil.Process(), *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:2])
    return total


def costs(name, clips, out, workers):
    """The result, and what is printed: processor and wall time, once the workers are there."""
    with workers as ready:
        archived(clips[:8], out / "first", ready)
        before, began = processor_s(), time.monotonic()
        result = archived(clips, out / "all", ready)
        spent_s, took_s = processor_s() - before, time.monotonic() - began
    print(f"{name}: {spent_s:.1f} s of processors, {took_s:.1f} s on the clock, {spent_s / took_s:.2f} cores")
    return result


def test_however_many_do_it_and_wherever_the_result_is_the_same(clips, tmp_path):
    results = []
    with local_cluster() as cluster:
        add_node(cluster)
        for count in (1, 2, 4):
            for name, make in (("local", local), ("Ray", on_ray)):
                out = tmp_path / f"{name}{count}"
                results.append(costs(f"{name}, {count} workers", clips, out, make(work_in(out), count)))
    assert len(results[0][0]) >= 2 * CLIPS
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("kind", ["local", "ray"])
def test_workers_killed_at_random_change_nothing_in_two_hundred_clips(kind, clips, tmp_path, monkeypatch):
    monkeypatch.setattr("maskwatch.parallel.workers.MAX_DEATHS", 1000)
    chance, killed, done = random.Random(1), [], []

    def kill(workers):
        """A clip each time: all are killed while there is work."""
        while len(killed) < KILLED:
            if len(done) > len(killed) * CLIPS // (KILLED + 2) and (pids := workers_of(workers)):
                killed.append(chance.choice(pids))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(killed[-1], signal.SIGKILL)
            time.sleep(0.05)

    with contextlib.ExitStack() as stack:
        if kind == "ray":
            stack.enter_context(local_cluster())
        make = on_ray if kind == "ray" else local
        with make(work_in(tmp_path), 2) as workers:
            whole = archived(clips, tmp_path / "whole", workers)
        with make(work_in(tmp_path), 2) as workers:
            thread = threading.Thread(target=kill, args=(workers,), daemon=True)
            thread.start()
            again = archived(clips, tmp_path / "killed", workers, lambda: done.append(1))
            thread.join(60)
    assert len(killed) == KILLED
    assert again == whole


def workers_of(workers):
    """The processes that do pieces."""
    if isinstance(workers, LocalWorkers):
        return workers.pids
    names = {each.pid: each.name() for each in psutil.Process().children(recursive=True)}
    return [pid for pid, name in names.items() if name.startswith("ray::_Actor")]
