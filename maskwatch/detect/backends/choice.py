"""Which backend computes the networks."""

from importlib.util import find_spec

import torch

from maskwatch.core.errors import ConfigError
from maskwatch.detect.backends.folded import Backend
from maskwatch.detect.backends.openvino import OpenVinoBackend
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.settings import BackendName, CompileChoice
from maskwatch.detect.weights import Weights


def choose(
    name: BackendName,
    weights: Weights,
    device: torch.device,
    *,
    half: bool = False,
    exact: bool = False,
    compiles: CompileChoice = "off",
) -> Backend:
    """`auto` is the fastest that is installed: OpenVINO on the processor, else torch.

    `exact` computes in float32, also where the processor is quicker in bfloat16. `half` computes in float16, which is
    for CUDA. `compiles` is about torch alone; `auto` is on for CUDA, and `graphs` is for CUDA. Raises `ConfigError` when what is
    wanted is not there, or does not go with the device.
    """
    if half and device.type == "cpu":
        raise ConfigError("detect.half: is for CUDA, and the device is the processor")
    if name == "openvino" and device.type != "cpu":
        raise ConfigError(f"detect.backend: openvino computes on the processor, and device is {device.type}")
    has_openvino = find_spec("openvino") is not None
    if name == "openvino" and not has_openvino:
        raise ConfigError("detect.backend: openvino is not installed (pip install 'maskwatch[fast]')")
    if device.type == "cpu" and has_openvino and name != "torch":
        return OpenVinoBackend(weights, exact=exact)
    if compiles == "auto":
        compiles = "on" if device.type == "cuda" and not exact else "off"
    if device.type == "cpu" and compiles == "graphs":
        compiles = "on"
    return TorchBackend(weights, device, torch.float16 if half else torch.float32, compiles=compiles)
