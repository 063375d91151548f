"""Ray's local cluster of several nodes, for tests."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

CORES = 2  # a node


@contextmanager
def local_cluster():
    """A cluster of one node on this machine, to which this process belongs; its workers find what tests import."""
    ray = pytest.importorskip("ray", reason="Ray is not installed (maskwatch[scale])")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)]))
        cluster = Cluster()
        add_node(cluster)
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def add_node(cluster):
    """On a busy machine Ray gives up after half a minute, so it is tried again; in the end the test is skipped."""
    for attempt in range(4):
        try:
            cluster.add_node(
                num_cpus=CORES, include_dashboard=False, include_log_monitor=False, no_monitor=True
            )
            return
        except Exception as e:  # noqa: BLE001 - Ray raises just that
            if attempt == 3:
                pytest.skip(f"Ray does not start here: {e}")
