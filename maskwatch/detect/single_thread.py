"""Small operations on one thread. For some torch wakes all cores, however few numbers there are, and on a processor those are
busy with the networks. On a card they are torch's own operations.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def log_sigmoid(odds: Tensor) -> Tensor:
    """The logarithms of the probabilities behind log-odds `(N,)`; the last bit may be another than torch's."""
    if odds.device.type != "cpu":
        return logsigmoid(odds)
    return odds.clamp(max=0) - (-odds.abs()).exp().log1p()


def strictly_lower(table: Tensor) -> Tensor:
    """`table` `(N, N)` bool, False on the diagonal and above."""
    if table.device.type != "cpu":
        return table.tril(-1)
    order = torch.arange(len(table))
    return table & (order < order[:, None])


def mirrored(crops: Tensor) -> Tensor:
    """`crops` `(N, S, S, 3)` flipped left to right."""
    if crops.device.type != "cpu":
        return crops.flip(2)
    return torch.from_numpy(np.ascontiguousarray(crops.numpy()[:, :, ::-1]))
