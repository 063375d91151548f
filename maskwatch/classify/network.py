"""The network: two convolutions and two dense layers, of which the last gives one logit."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from maskwatch.platform.tensor_files import opened, save_tensors

ARCHITECTURE = "two-convolutions-1"
MAX_MARGIN = 2.0  # of the face's side


@dataclass(frozen=True, slots=True)
class Shape:
    """What the network and its crop are built from; it travels in the weight file.

    `side_px`: the input's side; `margin`: see `crop`; `widths`: channels of the two convolutions and
    units of the dense layer.
    """

    side_px: int = 64
    margin: float = 0.15
    widths: tuple[int, int, int] = (32, 64, 96)

    def __post_init__(self) -> None:
        """Raises `ValueError` or `TypeError` for a crop that no network can have been trained on."""
        if not (isinstance(self.side_px, int) and 0 <= self.margin <= MAX_MARGIN):
            raise ValueError(f"{self}: no size of a crop")


class MaskNet(nn.Module):
    """RGB `(N, 3, side, side)` uint8 to `(N,)` logits: above 0, a mask covers nose and mouth."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        first, second, dense = shape.widths
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, first, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(second * (shape.side_px // 8) ** 2, dense),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(dense, 1),
        )

    def forward(self, rgb: Tensor) -> Tensor:
        """RGB `(N, 3, side, side)` in 0..255, of any number type, to logits `(N,)`."""
        logits: Tensor = self.dense(self.convolutions(rgb.float() / 127.5 - 1))
        return logits.squeeze(1)


def save_network(network: MaskNet, shape: Shape, path: Path, about: dict[str, object]) -> str:
    """Write weights and metadata, all or nothing; returns the file's SHA-256 in hexadecimal.

    `about` is what a person may want to know of the training; it must go into JSON. Raises `OSError` when the file
    cannot be written.
    """
    metadata = {
        "architecture": ARCHITECTURE,
        "shape": json.dumps(asdict(shape)),
        "about": json.dumps(about, sort_keys=True),
    }
    return save_tensors(path, network.state_dict(), metadata)


def load_network(path: Path, device: torch.device) -> tuple[MaskNet, Shape, str]:
    """The network ready to predict, its shape, and its version: the file's name and the start of its SHA-256.

    Raises `ModelError`, naming the file.
    """
    with opened(path, ARCHITECTURE, "classifier") as file:
        kept = file.fact("shape")
        shape = Shape(kept["side_px"], kept["margin"], tuple(kept["widths"]))
        with torch.device("meta"):  # which takes no memory, whatever a damaged file says of its shape
            told = {name: tensor.shape for name, tensor in MaskNet(shape).state_dict().items()}
        if told != {name: tensor.shape for name, tensor in file.tensors.items()}:
            raise ValueError("the weights are of another shape")
        network = MaskNet(shape)
        network.load_state_dict(file.tensors)
    network.eval().requires_grad_(requires_grad=False).to(device)
    return network.to(memory_format=torch.channels_last), shape, file.version
