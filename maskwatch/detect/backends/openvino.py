"""OpenVINO on the processor: it fuses convolution and activation, and lays pixels out as the processor likes."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from maskwatch.detect.backends.folded import Run, folded_stage
from maskwatch.detect.networks import ByColumns
from maskwatch.detect.weights import Weights
from maskwatch.platform.threads import cores

if TYPE_CHECKING:
    import openvino

PIECE_PX = 1 << 18  # of P-Net's pictures: small enough for all cores to have one, and for their caches
MAX_STREAMS = 4  # pictures side by side, each on its share of the cores; each takes memory for its shapes
CROPS = 48  # at once; more only need more memory
STEP = 8  # a smaller batch is filled up to a multiple: each new shape costs a compilation, and memory
CACHED = 512  # compiled shapes kept

_FIRST_USE = Lock()


class OpenVinoBackend:
    """A `Backend`. Raises `ImportError` where OpenVINO is not installed.

    It computes in bfloat16 where the processor does: the log-odds of a face move by 0.02, and of 406
    faces in street photographs one less is found. Boxes move, too: only 87 % of the published ones are found again at an
    IoU of 0.9. So with `exact` it is float32.
    """

    piece_px = PIECE_PX

    def __init__(self, weights: Weights, *, exact: bool = False) -> None:
        openvino = _silent_openvino()
        core = openvino.Core()
        halves = not exact and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        precision = "bf16" if halves else "f32"
        told = "bfloat16" if halves else "float32"
        self.name = f"openvino {openvino.__version__.split('-')[0]} {told}"
        self.device = torch.device("cpu")
        self._pnet = _Streams(core, folded_stage(weights.pnet), precision)
        self._rnet = _Network(core, folded_stage(weights.rnet), precision)
        self._onet = _Network(core, folded_stage(weights.onet), precision)
        old = weights.old_onet
        self.old_onet: Run | None = None if old is None else _Network(core, folded_stage(old), precision)

    def pnet(self, rgb: Tensor) -> Tensor:
        return torch.cat([maps.clone() for maps in self.pnet_each(rgb.split(1))])  # type: ignore[no-untyped-call]

    def pnet_each(self, pictures: Iterable[Tensor]) -> Iterator[Tensor]:
        return self._pnet(pictures)

    def rnet(self, rgb: Tensor) -> Tensor:
        return self._rnet(rgb)

    def onet(self, rgb: Tensor) -> Tensor:
        return self._onet(rgb)


class _Network:
    """One network over crops, all cores at one batch; compiled for the number format of its first pixels."""

    def __init__(self, core: "openvino.Core", layers: list[nn.Module], precision: str) -> None:
        self._core = core
        self._layers = layers
        self._options = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "CPU_RUNTIME_CACHE_CAPACITY": CACHED,
        }
        self._requests: dict[torch.dtype, openvino.InferRequest] = {}

    def _request(self, dtype: torch.dtype) -> "openvino.InferRequest":
        if dtype not in self._requests:
            graph = _graph(self._layers, np.uint8 if dtype == torch.uint8 else np.float32)
            compiled = self._core.compile_model(graph, "CPU", self._options)
            self._requests[dtype] = compiled.create_infer_request()
        return self._requests[dtype]

    def __call__(self, rgb: Tensor) -> Tensor:
        if len(rgb) == 1:
            return self._infer(rgb)
        return torch.cat([self._filled_up(some) for some in rgb.split(CROPS)])  # type: ignore[no-untyped-call]

    def _filled_up(self, rgb: Tensor) -> Tensor:
        missing = -len(rgb) % STEP
        if missing:  # by NumPy: torch would have all cores copy
            crops = rgb.numpy()
            filled = np.zeros((len(crops) + missing, *crops.shape[1:]), crops.dtype)
            filled[: len(crops)] = crops
            return self._infer(torch.from_numpy(filled))[: len(rgb)].clone()
        return self._infer(rgb).clone()

    def _infer(self, rgb: Tensor) -> Tensor:
        return _inferred(self._request(rgb.dtype), rgb.contiguous().numpy())


class _Streams:
    """One network over pictures of many sizes, several of them side by side.

    Threads of ours make the calls, and compute. With AMX, OpenVINO's own (`start_async`) take nearly twice as long: what
    P-Net's first convolution puts on their stack lies across two memory pages. Without it, the same time. See docs/speed.md.
    """

    def __init__(self, core: "openvino.Core", layers: list[nn.Module], precision: str) -> None:
        self._core = core
        self._layers = layers
        self._streams = min(cores(), MAX_STREAMS)
        self._options = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": self._streams,
            "INFERENCE_NUM_THREADS": cores(),
            "CPU_RUNTIME_CACHE_CAPACITY": CACHED,
        }
        self._requests: dict[torch.dtype, list[openvino.InferRequest]] = {}
        self._threads = ThreadPoolExecutor(self._streams, "P-Net")

    def _ready(self, dtype: torch.dtype) -> "list[openvino.InferRequest]":
        """One more than there are streams: while the caller reads what one found, all are busy."""
        if dtype not in self._requests:
            graph = _graph(self._layers, np.uint8 if dtype == torch.uint8 else np.float32)
            compiled = self._core.compile_model(graph, "CPU", self._options)
            self._requests[dtype] = [compiled.create_infer_request() for _ in range(self._streams + 1)]
        return self._requests[dtype]

    def __call__(self, pictures: Iterable[Tensor]) -> Iterator[Tensor]:
        """The answers `(1, …)` of each picture `(1, H, W, 3)`, all of one number type; good until the next is asked for."""
        busy: deque[tuple[openvino.InferRequest, Future[Tensor]]] = deque()
        idle: list[openvino.InferRequest] | None = None
        try:
            for rgb in pictures:
                idle = list(self._ready(rgb.dtype)) if idle is None else idle
                if not idle:
                    yield busy[0][1].result()
                    idle.append(busy.popleft()[0])
                request = idle.pop()
                pixels = rgb.contiguous().numpy()
                busy.append((request, self._threads.submit(_inferred, request, pixels)))
            while busy:
                yield busy[0][1].result()
                busy.popleft()
        finally:
            # given up half way: the next call finds the requests at rest
            wait([answer for _, answer in busy])


def _inferred(request: "openvino.InferRequest", pixels: np.ndarray) -> Tensor:
    # shared memory both ways: nothing is copied, and the next call writes over the result
    results = request.infer([pixels], share_inputs=True, share_outputs=True)
    return torch.from_numpy(results[0])


def _silent_openvino() -> Any:
    """OpenVINO without its telemetry, which reports to its makers that it was imported.

    Where the package of that name cannot be imported, OpenVINO takes a stub for it.

    Its first call of `to_dtype` makes a table, under a lock of C++ and with Python's own released at times: two threads
    that both call it first wait for each other forever. So the first call of a process is made here, by one thread.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    with _FIRST_USE:
        openvino = import_module("openvino")
        openvino.Type.u8.to_dtype()
    return openvino


def _graph(layers: list[nn.Module], pixels: type) -> "openvino.Model":
    """The layers as an OpenVINO model of `(N, H, W, 3)` pixels; dense layers are square crops' alone."""
    openvino = _silent_openvino()
    ops = openvino.opset1
    rgb = ops.parameter([-1, -1, -1, 3], pixels)
    x = ops.transpose(ops.convert(rgb, np.float32), np.array([0, 3, 1, 2]))
    for layer in layers:
        x = _added(ops, x, layer)
    return openvino.Model([x], [rgb])


def _added(ops: Any, x: Any, layer: nn.Module) -> Any:
    match layer:
        case nn.Conv2d():
            none = [0, 0]
            x = ops.convolution(x, _numbers(layer.weight), list(layer.stride), none, none, [1, 1])
            return ops.add(x, _numbers(layer.bias).reshape(1, -1, 1, 1))
        case nn.Linear():
            x = ops.matmul(x, _numbers(layer.weight), transpose_a=False, transpose_b=True)
            return ops.add(x, _numbers(layer.bias).reshape(1, -1))
        case nn.PReLU():
            return ops.prelu(x, _numbers(layer.weight))
        case nn.ReLU():
            return ops.relu(x)
        case nn.MaxPool2d():
            kernel, stride = [layer.kernel_size] * 2, [layer.stride] * 2
            return ops.max_pool(x, stride, [0, 0], [0, 0], kernel, rounding_type="ceil")
        case ByColumns():
            return ops.reshape(ops.transpose(x, np.array([0, 3, 2, 1])), np.array([0, -1]), special_zero=True)
    raise TypeError(type(layer).__name__)


def _numbers(parameter: Tensor | None) -> np.ndarray:
    assert parameter is not None
    return np.asarray(parameter.detach().numpy(), np.float32)
