"""Which workers do work that can be split: what a command's `--workers` and `--ray` say."""

from dataclasses import dataclass

from maskwatch.parallel.local_workers import LocalWorkers
from maskwatch.parallel.ray_workers import RayWorkers
from maskwatch.parallel.this_process import ThisProcess
from maskwatch.parallel.workers import Piece, Result_co, Setup, Workers
from maskwatch.platform.threads import cores


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`count` workers at once, None for one a core; `ray` is the address of the cluster that they are on, None for this machine."""

    count: int | None = None
    ray: str | None = None

    def workers(self, setup: Setup[Piece, Result_co]) -> Workers[Piece, Result_co]:
        """The workers, to be used in a `with`."""
        if self.ray is not None:
            return RayWorkers(setup, self.ray, self.count)
        return LocalWorkers(setup, self.count or cores())


def workers_of(
    worker_settings: WorkerSettings | None, setup: Setup[Piece, Result_co]
) -> Workers[Piece, Result_co]:
    """The workers of the settings; without settings, this process."""
    if worker_settings is None:
        return ThisProcess(setup)
    return worker_settings.workers(setup)
