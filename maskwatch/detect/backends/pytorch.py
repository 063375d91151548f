"""torch itself, on the processor or CUDA."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from maskwatch.detect.backends.compiled import HandOver, by_graphs, by_inductor
from maskwatch.detect.backends.folded import Run, folded_stage
from maskwatch.detect.weights import Weights

# bound the memory of a large batch: P-Net's first maps take 40 bytes a pixel, and so do the second
PIECE_PX, CARD_PIECE_PX = 1 << 20, 1 << 23


class TorchBackend:
    """A `Backend`, with copies of the weights on `device`. `dtype` is what they compute in; float16 is for CUDA.

    With `compiles` on, P-Net is compiled for the sizes that come again and again, beside the work; `graphs` is for CUDA.
    """

    def __init__(
        self,
        weights: Weights,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        compiles: Literal["on", "off", "graphs"] = "off",
    ) -> None:
        self.name = f"torch {str(dtype).removeprefix('torch.')} on {device.type}"
        self.device = device
        self.piece_px = PIECE_PX if device.type == "cpu" else CARD_PIECE_PX
        self._dtype = dtype
        self._pnet = self._ready(folded_stage(weights.pnet))
        self._rnet = self._ready(folded_stage(weights.rnet))
        self._onet = self._ready(folded_stage(weights.onet))
        old = weights.old_onet
        self.old_onet: Run | None = (
            None if old is None else partial(self._run, self._ready(folded_stage(old)))
        )
        plain = partial(self._run, self._pnet)
        compile_ = by_graphs if compiles == "graphs" else by_inductor
        self.pnet_run: Run = plain if compiles == "off" else HandOver("P-Net", plain, compile_)

    def _ready(self, layers: list[nn.Module]) -> nn.Module:
        network = nn.Sequential(*layers).eval().requires_grad_(requires_grad=False)
        return network.to(self.device, self._dtype).to(memory_format=torch.channels_last)

    def _run(self, network: nn.Module, rgb: Tensor) -> Tensor:
        answers: Tensor = network(rgb.permute(0, 3, 1, 2).to(self._dtype))
        return answers.float()

    def pnet(self, rgb: Tensor) -> Tensor:
        return self.pnet_run(rgb)

    def pnet_each(self, pictures: Iterable[Tensor]) -> Iterator[Tensor]:
        yield from map(self.pnet, pictures)

    def rnet(self, rgb: Tensor) -> Tensor:
        return self._run(self._rnet, rgb)

    def onet(self, rgb: Tensor) -> Tensor:
        return self._run(self._onet, rgb)
