"""The published MTCNN weights, read from the installed facenet-pytorch without importing it.

Importing that package imports torchvision, which costs seconds and memory and does not load beside
every build of torch.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import TypeVar

import torch
from torch import nn

from maskwatch.core.errors import ModelError
from maskwatch.detect.networks import ONet, PNet, RNet

Network = TypeVar("Network", bound=nn.Module)


def load_stock(device: torch.device) -> tuple[PNet, RNet, ONet]:
    """The three networks with the published weights, on `device` and ready to predict.

    Raises `ModelError`, naming the file, when one is missing or not what was published.
    """
    folder = _folder()
    return (
        _load(PNet(), folder / "pnet.pt", device),
        _load(RNet(), folder / "rnet.pt", device),
        _load(ONet(), folder / "onet.pt", device),
    )


def stock_version() -> str:
    """`stock@` and the start of the SHA-256 over the three weight files."""
    digest = hashlib.sha256()
    for name in ("pnet.pt", "rnet.pt", "onet.pt"):
        digest.update((_folder() / name).read_bytes())
    return f"stock@{digest.hexdigest()[:12]}"


def _folder() -> Path:
    spec = find_spec("facenet_pytorch")  # a top-level name is found without running the package
    if spec is None or spec.origin is None:
        raise ModelError("facenet-pytorch, whose package carries the MTCNN weights, is not installed")
    return Path(spec.origin).parent / "data"


def _load(network: Network, path: Path, device: torch.device) -> Network:
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError) as e:
        raise ModelError(f"{path}: cannot be read as MTCNN weights ({type(e).__name__})") from e
    network.eval().requires_grad_(requires_grad=False)
    return network.to(device).to(memory_format=torch.channels_last)
