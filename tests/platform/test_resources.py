"""A process that gets no more memory, or no more threads, says so; with both it says nothing."""

import resource
import subprocess
import sys
import threading

import pytest

from maskwatch.core.errors import OutOfResources
from maskwatch.platform.resources import SPARE_BYTES, require_resources

LIMITED = """
import resource, psutil
from maskwatch.platform.resources import require_resources
limit = psutil.Process().memory_info().vms + {spare}
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
require_resources()
"""


def _run_with(spare):
    return subprocess.run(
        [sys.executable, "-c", LIMITED.format(spare=spare)], capture_output=True, text=True, check=False
    )


def test_without_memory_it_says_so_and_with_enough_it_does_not():
    refused = _run_with(SPARE_BYTES // 4)
    assert refused.returncode != 0
    assert "OutOfResources: this process gets no more memory or threads" in refused.stderr
    thread = max(resource.getrlimit(resource.RLIMIT_STACK)[0], 8 << 20)
    assert _run_with(SPARE_BYTES + 4 * thread).returncode == 0


def test_without_threads_it_says_so(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    require_resources()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(OutOfResources, match="can't start new thread"):
        require_resources()
