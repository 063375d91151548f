"""Memory stays: pictures of ever new sizes, which makes other implementations grow."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, os, sys
import cv2, numpy as np, torch
from maskwatch.bench import scene
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_stock

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

whole = cv2.resize(scene.crowd(), (960, 540), interpolation=cv2.INTER_AREA)
random = np.random.default_rng(0)
sizes = [tuple(int(v) for v in random.integers(120, 540, 2)) for _ in range(200)]
assert len(set(sizes)) == 200
detector = Mtcnn(choose(sys.argv[1], load_stock(), torch.device("cpu")), Settings(), "x")
seen, faces = [], 0
for number in range(2000):
    width, height = sizes[number % 200]
    faces += len(detector.detect([cv2.resize(whole, (width, height))])[0])
    if number % 200 == 199:
        seen.append(resident_mb())
print(json.dumps({"mb": seen, "faces": faces}))
"""


@pytest.mark.timeout(280)
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_pictures_of_200_sizes_do_not_make_it_grow(backend):
    if backend == "openvino":
        pytest.importorskip("openvino")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, backend], capture_output=True, text=True, timeout=270
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["faces"] > 2000
    assert max(figures["mb"][1:]) - figures["mb"][0] < 30
