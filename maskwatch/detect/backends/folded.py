"""The networks made ready for inference: the same functions in fewer steps.

The normalisation of the pixels is folded into the first convolution, and both heads are one layer.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Protocol

import torch
from torch import Tensor, nn

from maskwatch.detect.networks import MEAN, SPREAD, Stage

Run = Callable[[Tensor], Tensor]


class Backend(Protocol):
    """The networks on `device`.

    Each takes RGB `(N, H, W, 3)` in 0..255, uint8 or float32. The stages give five numbers a place: the
    log-odds of a face and the offsets of x1, y1, x2, y2; P-Net as maps `(N, 5, H', W')`, R-Net (24 x 24) and
    O-Net (48 x 48) as `(N, 5)`. What comes out, float32, may be overwritten by the next call.
    """

    name: str
    device: torch.device
    piece_px: int
    """P-Net is quickest over pictures of at most so many pixels, all frames of a batch together."""
    old_onet: Run | None
    """As `onet`, of O-Net before its training; None where the weights do not hold it."""

    def pnet(self, rgb: Tensor) -> Tensor:
        """P-Net over pictures of at least 12 x 12: maps `(N, 5, H', W')`, one cell each two pixels; see `detect.pyramids.levels.cells`."""
        ...

    def pnet_each(self, pictures: Iterable[Tensor]) -> Iterator[Tensor]:
        """`pnet` of each picture, in their order; maps are good until the next are asked for."""
        ...

    def rnet(self, rgb: Tensor) -> Tensor:
        """R-Net over crops `(N, 24, 24, 3)`: `(N, 5)`."""
        ...

    def onet(self, rgb: Tensor) -> Tensor:
        """O-Net over crops `(N, 48, 48, 3)`: `(N, 5)`."""
        ...


def folded_stage(stage: Stage) -> list[nn.Module]:
    """The layers of P-, R- or O-Net, for RGB planes `(N, 3, H, W)` in 0..255; the last is both heads.

    They are copies. What comes out are the log-odds of a face, then the four offsets, along axis 1.
    """
    stage = deepcopy(stage)
    return [*_for_pixels(stage.layers()), _merged(*stage.heads())]


def _for_pixels(layers: list[nn.Module]) -> list[nn.Module]:
    first = layers[0]
    assert isinstance(first, nn.Conv2d)
    assert first.bias is not None
    first.bias.data -= MEAN / SPREAD * first.weight.data.sum(dim=(1, 2, 3))
    first.weight.data /= SPREAD
    return layers


def _merged(classes: nn.Module, offsets: nn.Module) -> nn.Module:
    """One head instead of two; the log-odds of a softmax over two classes is the difference of their logits."""
    head = deepcopy(classes)
    for name in ("weight", "bias"):
        kinds, sides = getattr(classes, name).data, getattr(offsets, name).data
        setattr(head, name, nn.Parameter(torch.cat([kinds[1:] - kinds[:1], sides])))
    return head
