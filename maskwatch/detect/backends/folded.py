"""The networks made ready for inference: the same functions in fewer steps.

The normalisation of the pixels is folded into the first convolution, and the heads are one layer.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Protocol

import torch
from torch import Tensor, nn

from maskwatch.detect.networks import MEAN, SPREAD, ONet, Stage

Run = Callable[[Tensor], Tensor]


class Backend(Protocol):
    """The networks on `device`.

    Each takes RGB `(N, H, W, 3)` in 0..255, uint8 or float32. The stages give five numbers a place: the
    log-odds of a face and the offsets of x1, y1, x2, y2; P-Net as maps `(N, 5, H', W')`, R-Net (24 x 24) as `(N, 5)`.
    O-Net (48 x 48) gives two more, `(N, 7)`: x and y from the left eye to the right one, as in the picture, in units of the
    crop's side. What comes out, float32, may be overwritten by the next call.
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
        """O-Net over crops `(N, 48, 48, 3)`: `(N, 7)`."""
        ...


def folded_stage(stage: Stage) -> list[nn.Module]:
    """The layers of P-, R- or O-Net, for RGB planes `(N, 3, H, W)` in 0..255; the last is all heads.

    They are copies. What comes out are the log-odds of a face, the four offsets, and of O-Net the line through the eyes, along
    axis 1.
    """
    stage = deepcopy(stage)
    return [*_for_pixels(stage.layers()), _merged(stage)]


def _for_pixels(layers: list[nn.Module]) -> list[nn.Module]:
    first = layers[0]
    assert isinstance(first, nn.Conv2d)
    assert first.bias is not None
    first.bias.data -= MEAN / SPREAD * first.weight.data.sum(dim=(1, 2, 3))
    first.weight.data /= SPREAD
    return layers


def _merged(stage: Stage) -> nn.Module:
    """One head instead of several; the log-odds of a softmax over two classes is the difference of their logits."""
    classes, offsets = stage.heads()
    head = deepcopy(classes)
    for name in ("weight", "bias"):
        kinds, sides = getattr(classes, name).data, getattr(offsets, name).data
        rows = [kinds[1:] - kinds[:1], sides]
        if isinstance(stage, ONet):  # x of the five points, then y; the eyes come first
            x, y = getattr(stage.dense6_3, name).data.unflatten(0, (2, 5))
            rows += [x[1:2] - x[:1], y[1:2] - y[:1]]
        setattr(head, name, nn.Parameter(torch.cat(rows)))
    return head
