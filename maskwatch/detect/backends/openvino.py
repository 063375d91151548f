"""OpenVINO on the processor: it fuses convolution and activation, and lays pixels out as the processor likes."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from maskwatch.detect.backends.folded import folded_stage
from maskwatch.detect.networks import ByColumns
from maskwatch.detect.weights import Weights

if TYPE_CHECKING:
    import openvino

CROP_PX = 48  # larger pictures are levels, which are quickest one by one
CROPS = 48  # at once; more only need more memory
STEP = 8  # a smaller batch is filled up to a multiple: each new shape costs a compilation, and memory
CACHED = 512  # compiled shapes kept


class OpenVinoBackend:
    """A `Backend`. Raises `ImportError` where OpenVINO is not installed.

    P-, R- and O-Net compute in float32: in bfloat16 only 87 % of the published boxes are found again.
    """

    def __init__(self, weights: Weights) -> None:
        openvino = _silent_openvino()
        core = openvino.Core()
        self.name = f"openvino {openvino.__version__.split('-')[0]} float32"
        self.device = torch.device("cpu")
        self._pnet = _Network(core, folded_stage(weights.pnet), "f32")
        self._rnet = _Network(core, folded_stage(weights.rnet), "f32")
        self._onet = _Network(core, folded_stage(weights.onet), "f32")

    def pnet(self, rgb: Tensor) -> Tensor:
        return self._pnet(rgb)

    def rnet(self, rgb: Tensor) -> Tensor:
        return self._rnet(rgb)

    def onet(self, rgb: Tensor) -> Tensor:
        return self._onet(rgb)


class _Network:
    """One network, compiled for the number format of its first pixels."""

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
        if max(rgb.shape[1:3]) > CROP_PX:
            return torch.cat([self._infer(one).clone() for one in rgb.split(1)])  # type: ignore[no-untyped-call]
        return torch.cat([self._filled_up(some) for some in rgb.split(CROPS)])  # type: ignore[no-untyped-call]

    def _filled_up(self, rgb: Tensor) -> Tensor:
        missing = -len(rgb) % STEP
        filled = torch.cat([rgb, rgb.new_zeros((missing, *rgb.shape[1:]))]) if missing else rgb
        return self._infer(filled)[: len(rgb)].clone()

    def _infer(self, rgb: Tensor) -> Tensor:
        # shared memory both ways: nothing is copied, and the next call writes over the result
        pixels = rgb.contiguous().numpy()
        results = self._request(rgb.dtype).infer([pixels], share_inputs=True, share_outputs=True)
        return torch.from_numpy(results[0])


def _silent_openvino() -> Any:
    """OpenVINO without its telemetry, which reports to its makers that it was imported.

    Where the package of that name cannot be imported, OpenVINO takes a stub for it.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return import_module("openvino")


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
