"""Where a training stands, on disk, so that one that was stopped goes on. Written all or nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from maskwatch.platform.tensor_files import opened, save_tensors

ARCHITECTURE = "training-1"


def save_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer | None, state: Mapping[str, Any]
) -> None:
    """`state` is what else there is to know; it must be JSON."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    if optimizer is not None:
        for number, kept in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in kept.items()}
    save_tensors(path, tensors, {"architecture": ARCHITECTURE, "state": json.dumps(state)})


def load_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> dict[str, Any] | None:
    """Puts both back to where they were and returns `state`; None when there is no such file.

    Raises `ModelError`, naming the file, when it belongs to another training.
    """
    if not path.exists():
        return None
    with opened(path, ARCHITECTURE, "checkpoint of this training") as file:
        network.load_state_dict(file.under("network"))
        if optimizer is not None:
            kept: dict[int, dict[str, Tensor]] = {}
            for name, tensor in file.under("optimizer").items():
                number, key = name.split(".")
                kept.setdefault(int(number), {})[key] = tensor
            optimizer.load_state_dict({**optimizer.state_dict(), "state": kept})
        state: dict[str, Any] = file.fact("state")
    return state
