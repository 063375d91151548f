"""A cascade's weights: a file of our own, or the published ones from the installed facenet-pytorch.

That package is not imported: it imports torchvision, which costs seconds and memory and does not load
beside every build of torch.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import TypeVar

import torch
from torch import Tensor, nn

from maskwatch.core.errors import ModelError
from maskwatch.detect.networks import ONet, PNet, RNet
from maskwatch.platform.package_data import shipped
from maskwatch.platform.tensor_files import opened, save_tensors

Network = TypeVar("Network", bound=nn.Module)


ARCHITECTURE = "mtcnn-1"


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a cascade draws its lines; chosen on validation data, for its weights alone.

    `thresholds` are the lowest probabilities that pass P-Net, R-Net and the end. A face's score, which the
    last is held against, is the product of the three networks' probabilities, each to its power. With `mirrored`
    O-Net is asked once more about each box that it gave, mirrored, and the mean of the log-odds counts.
    """

    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.8)
    powers: tuple[float, float, float] = (0, 0, 1)
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """The networks of a cascade, on the processor, ready to predict.

    `version` tells them from others: the file's name and the start of its SHA-256. `old_onet` is O-Net as it was before
    any training of ours: what is `mirrored` is asked of it, too, as it is, because it knows bare faces that nobody
    trained on. None for the published weights and in files of earlier releases.
    """

    pnet: PNet
    rnet: RNet
    onet: ONet
    version: str
    point: OperatingPoint = OperatingPoint()
    old_onet: ONet | None = None


def load_weights(name: str | None) -> Weights:
    """A file that training wrote, `stock` for the published weights, or None for those that are shipped.

    Raises `ModelError`, naming the file.
    """
    path = shipped("models/detector.safetensors") if name is None else Path(name)
    return load_stock() if name == "stock" else load_detector(path)


def save_detector(weights: Weights, path: Path, about: dict[str, object]) -> str:
    """Write the networks and their operating point, all or nothing; returns the file's SHA-256 in hexadecimal.

    `about` is what a person may want to know of the training; it must go into JSON. Raises `OSError` when the file
    cannot be written.
    """
    metadata = {
        "architecture": ARCHITECTURE,
        "point": json.dumps(asdict(weights.point)),
        "about": json.dumps(about, sort_keys=True),
    }
    parts: dict[str, nn.Module] = {"pnet": weights.pnet, "rnet": weights.rnet, "onet": weights.onet}
    if weights.old_onet is not None:
        parts["old_onet"] = weights.old_onet
    tensors = {f"{name}.{key}": t for name, net in parts.items() for key, t in net.state_dict().items()}
    return save_tensors(path, tensors, metadata)


def load_detector(path: Path) -> Weights:
    """Raises `ModelError`, naming the file, when it is missing, damaged, or no detector.

    A fourth network that earlier releases wrote into it, the scout, is not read.
    """
    with opened(path, ARCHITECTURE, "detector") as file:
        point, old_onet = file.fact("point"), file.under("old_onet")
        return Weights(
            _filled(PNet(), file.under("pnet")),
            _filled(RNet(), file.under("rnet")),
            _filled(ONet(), file.under("onet")),
            file.version,
            OperatingPoint(
                tuple(point["thresholds"]), tuple(point["powers"]), bool(point.get("mirrored", False))
            ),
            _filled(ONet(), old_onet) if old_onet else None,
        )


def _filled(network: Network, state: dict[str, Tensor]) -> Network:
    network.load_state_dict(state)
    return network.eval().requires_grad_(requires_grad=False)


def load_stock() -> Weights:
    """The published weights.

    Raises `ModelError`, naming the file, when one is missing or not what was published.
    """
    folder = _folder()
    version = f"stock@{_digest(folder)}"
    return Weights(
        _load(PNet(), folder / "pnet.pt"),
        _load(RNet(), folder / "rnet.pt"),
        _load(ONet(), folder / "onet.pt"),
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
        return _filled(network, torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError) as e:
        raise ModelError(f"{path}: cannot be read as MTCNN weights ({type(e).__name__})") from e
