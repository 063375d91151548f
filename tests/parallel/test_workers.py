"""Pieces of work and who does them: processes of this machine, or actors of a Ray cluster."""

import socket
import sys

import pytest
from harness.pieces import Describe, Piece
from harness.ray_cluster import add_node, local_cluster

from maskwatch.core.errors import ConfigError, DataError, ModelError
from maskwatch.parallel.local_workers import LocalWorkers
from maskwatch.parallel.ray_workers import RayWorkers
from maskwatch.parallel.settings import WorkerSettings, workers_of
from maskwatch.parallel.this_process import ThisProcess
from maskwatch.parallel.workers import MAX_DEATHS, WorkError, in_order, in_parallel

TWELVE = [Piece(number) for number in range(12)]
DESCRIBED = [f"piece {number}, 1 thread" for number in range(12)]


@pytest.fixture(params=["local", "ray"])
def workers_for(request):
    """Make workers of either kind, two of them."""
    if request.param == "local":
        return lambda setup: LocalWorkers(setup, 2)
    pytest.importorskip("ray", reason="Ray is not installed (maskwatch[scale])")
    request.getfixturevalue("ray_cluster")
    return lambda setup: RayWorkers(setup, "auto", 2)


@pytest.fixture(scope="module")
def ray_cluster():
    with local_cluster() as cluster:
        yield cluster


@pytest.mark.integration
def test_workers_do_every_piece_whoever_dies_meanwhile(workers_for, tmp_path):
    """One worker dies once, and its piece is done again."""
    with workers_for(Describe(die_of=5, mark=tmp_path / "died")) as workers:
        done = list(in_parallel(workers, TWELVE))
    assert (tmp_path / "died").exists()
    assert sorted((each.piece.number, each.result) for each in done) == list(enumerate(DESCRIBED))


@pytest.mark.integration
def test_a_piece_that_kills_its_workers_is_given_up_and_the_others_are_done(workers_for):
    with workers_for(Describe(die_of=5)) as workers:
        done = {each.piece.number: each.result for each in in_parallel(workers, TWELVE)}
    failed = done.pop(5)
    assert isinstance(failed, WorkError)
    assert str(failed) == f"piece 5: {MAX_DEATHS} workers died of it"
    assert sorted(done.values()) == sorted(each for n, each in enumerate(DESCRIBED) if n != 5)


@pytest.mark.integration
def test_workers_that_cannot_begin_or_go_on_say_why(workers_for):
    for setup, kind, told in (
        (Describe(broken=True), ModelError, r"^weights\.safetensors: is damaged$"),
        (Describe(refuses=3), DataError, "^piece 3: cannot be done$"),
    ):
        with workers_for(setup) as workers, pytest.raises(kind, match=told):
            list(in_parallel(workers, TWELVE))


@pytest.mark.integration
def test_where_fewer_workers_can_start_than_are_asked_for_those_do_all(workers_for, tmp_path):
    with workers_for(Describe(slots=(tmp_path / "one",), takes_s=0.3)) as workers:
        done = list(in_parallel(workers, TWELVE))
    assert sorted((each.piece.number, each.result) for each in done) == list(enumerate(DESCRIBED))


@pytest.mark.integration
def test_where_every_worker_dies_as_it_starts_the_work_ends(workers_for):
    with workers_for(Describe(slots=())) as workers, pytest.raises(WorkError, match="died as they started"):
        list(in_parallel(workers, TWELVE))


@pytest.mark.integration
def test_results_come_in_the_order_of_their_pieces_however_long_each_takes(workers_for):
    with workers_for(Describe(takes_s=0.05)) as workers:
        assert list(in_order(workers, TWELVE)) == DESCRIBED
    with workers_for(Describe(die_of=5)) as workers, pytest.raises(WorkError, match=r"^piece 5: "):
        list(in_order(workers, TWELVE))


def test_results_wait_for_those_before_them():
    class LastFirst(ThisProcess):
        @property
        def room(self):
            return 4 - len(self._waiting)

        def next_done(self):
            self._waiting.rotate(1)
            return super().next_done()

    with LastFirst(Describe()) as workers:
        done = [each.piece.number for each in in_parallel(workers, TWELVE)]
    assert sorted(done) == list(range(12)) != done
    with LastFirst(Describe()) as workers:
        assert [each.partition(",")[0] for each in in_order(workers, TWELVE)] == list(map(str, TWELVE))


def test_who_does_it_is_what_the_options_say():
    assert isinstance(workers_of(None, Describe()), ThisProcess)
    assert isinstance(workers_of(WorkerSettings(3), Describe()), LocalWorkers)
    assert WorkerSettings(3).workers(Describe()).room == 6
    assert isinstance(workers_of(WorkerSettings(3, "auto"), Describe()), RayWorkers)


@pytest.mark.integration
def test_a_node_that_is_added_meanwhile_is_used(ray_cluster):
    with RayWorkers(Describe(takes_s=0.25), "auto", None) as workers:
        seen = 0
        for _ in in_parallel(workers, [Piece(number) for number in range(400)]):
            seen = max(seen, workers.count)
            if seen == 2 and len(ray_cluster.list_all_nodes()) == 1:
                add_node(ray_cluster)
            if seen > 2:
                break
    assert seen > 2


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_where_no_cluster_answers_one_line_says_so_with_the_address(scheme, monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed (maskwatch[scale])")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # this process may belong to the tests' cluster
    with socket.socket() as bound:  # which does not listen
        bound.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ConfigError) as error, WorkerSettings(1, address).workers(Describe()):
            pass
    assert str(error.value) == f"--ray: {address}: no Ray cluster answers there"
    with (
        pytest.raises(ConfigError, match="must be auto, local, host:port"),
        WorkerSettings(1, "nonsense").workers(Describe()),
    ):
        pass


@pytest.mark.integration
def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ConfigError, match=r"pip install 'maskwatch\[scale\]'"),
        RayWorkers(Describe(), "auto", 1),
    ):
        pass
