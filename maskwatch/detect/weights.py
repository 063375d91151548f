"""The published MTCNN weights, read from the installed facenet-pytorch without importing it.

Importing that package imports torchvision, which costs seconds and memory and does not load beside
every build of torch.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import TypeVar

import torch
from torch import nn

from maskwatch.core.errors import ModelError
from maskwatch.detect.networks import ONet, PNet, RNet
from maskwatch.detect.scout import Scout, load_scout
from maskwatch.resources import shipped

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Weights:
    """The networks of a cascade, ready to predict; `version` tells them from others."""

    pnet: PNet
    rnet: RNet
    onet: ONet
    scout: Scout | None
    version: str


def load_stock() -> Weights:
    """The published weights, and the scout that was trained for them.

    Raises `ModelError`, naming the file, when one is missing or not what was published.
    """
    folder = _folder()
    version = f"stock@{_digest(folder)}"
    return Weights(
        _load(PNet(), folder / "pnet.pt"),
        _load(RNet(), folder / "rnet.pt"),
        _load(ONet(), folder / "onet.pt"),
        load_scout(shipped("models/scout.safetensors"), made_for=version),
        version,
    )


def _digest(folder: Path) -> str:
    """The start of the SHA-256 over the three weight files."""
    digest = hashlib.sha256()
    for name in ("pnet.pt", "rnet.pt", "onet.pt"):
        path = folder / name
        try:
            digest.update(path.read_bytes())
        except OSError as e:
            raise ModelError(f"{path}: cannot be read ({e.strerror})") from e
    return digest.hexdigest()[:12]


def _folder() -> Path:
    spec = find_spec("facenet_pytorch")  # a top-level name is found without running the package
    if spec is None or spec.origin is None:
        raise ModelError("facenet-pytorch, whose package carries the MTCNN weights, is not installed")
    return Path(spec.origin).parent / "data"


def _load(network: Network, path: Path) -> Network:
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError) as e:
        raise ModelError(f"{path}: cannot be read as MTCNN weights ({type(e).__name__})") from e
    return network.eval().requires_grad_(requires_grad=False)
