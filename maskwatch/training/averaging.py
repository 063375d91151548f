"""What a network knew and what it learnt, in one: its weights before and after a training, averaged.

After Wortsman et al. 2022, Robust fine-tuning of zero-shot models (arXiv:2109.01903), who find that the mean of both keeps
most of what was learnt and does better than either on data of another source.
"""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


@torch.no_grad()
def average(learnt: Network, before: Network, share: float) -> Network:
    """`learnt`, changed in place: each number is `share` (0..1) of that of `before`, which is of the same shape, and else its own."""
    for own, old in zip(learnt.parameters(), before.parameters(), strict=True):
        own.lerp_(old.to(own), share)
    return learnt
