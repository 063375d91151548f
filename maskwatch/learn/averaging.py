"""An average of a network's last weights, which predicts better than any of them (Polyak and Juditsky 1992)."""

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, keep: float, step: int) -> None:
    """Move the average towards the network after step number `step` (from 1): each step counts `1 - keep`.

    The first steps count more, so that the average does not hang on what training started from.
    """
    now = network.state_dict()
    kept = min(keep, (step + 1) / (step + 10))
    for name, tensor in average.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(now[name], 1 - kept)
        else:
            tensor.copy_(now[name])
