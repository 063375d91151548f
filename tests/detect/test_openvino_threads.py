"""OpenVINO called by several threads: none waits forever, and ours end with their backend."""

import gc
import subprocess
import sys
import threading

import pytest
import torch

from maskwatch.detect.backends.openvino import OpenVinoBackend
from maskwatch.detect.weights import load_stock

pytest.importorskip("openvino")

AT_ONCE = """
import threading, time, torch
from maskwatch.detect.backends.openvino import OpenVinoBackend
from maskwatch.detect.weights import load_stock

backend = OpenVinoBackend(load_stock())
import openvino

threading.setprofile(lambda *_: time.sleep(0.01))  # whatever runs Python code meanwhile lets the others run
together = threading.Barrier(3)

def first_call():
    together.wait()
    openvino.Type.u8.to_dtype()

threads = [threading.Thread(target=first_call, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
threading.setprofile(None)
pictures = [torch.zeros((1, 12 + n, 12, 3), dtype=torch.uint8) for n in range(50)]
assert len([maps.shape for maps in backend.pnet_each(pictures)]) == 50
"""


def test_no_thread_waits_forever_where_several_call_openvino_first():
    """In a new process: what stood still was its first call of `to_dtype`, by two threads at once."""
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr


def test_threads_that_compute_pnet_end_with_their_backend():
    before = set(threading.enumerate())
    backend = OpenVinoBackend(load_stock())
    backend.pnet(torch.zeros((1, 50, 50, 3), dtype=torch.uint8))
    own = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("P-Net")]
    assert own
    del backend
    gc.collect()
    for thread in own:
        thread.join(10)
        assert not thread.is_alive()
