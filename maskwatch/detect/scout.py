"""The scout: a glance over a level, to spare P-Net the places where no face is.

Not of the paper. P-Net slides over some 1.5 million pixels of a 1080p pyramid, and nearly all of them are
wall, floor and coat. The scout is an eighth of P-Net's arithmetic and looks at 14 x 14 pixels at every
fourth; P-Net is asked only where it sees a chance. It is trained on what the whole cascade made of P-Net's
proposals (`maskwatch train scout`), so it belongs to one set of weights.
"""

import json
from pathlib import Path

from torch import Tensor, nn

from maskwatch.platform.tensor_files import opened, save_tensors

STRIDE, VIEW_PX = 4, 14  # a view covers 2 x 2 cells of P-Net
ARCHITECTURE = "scout-1"


class Scout(nn.Module):
    """Normalised RGB `(N, 3, H, W)` to log-odds `(N, H', W')` that a face lies in the view; above 0: look.

    H' is (H - 14) // 4 + 1.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 6, stride=STRIDE)
        self.conv2 = nn.Conv2d(width, 16, 3)
        self.conv3 = nn.Conv2d(16, 1, 1)

    def layers(self) -> list[nn.Module]:
        """All layers in order; they are the module's own, not copies. The last gives one map."""
        return [self.conv1, nn.ReLU(), self.conv2, nn.ReLU(), self.conv3]

    def forward(self, x: Tensor) -> Tensor:
        """Normalised RGB `(N, 3, H, W)`, at least 14 x 14, to log-odds `(N, H', W')`."""
        for layer in self.layers():
            x = layer(x)
        return x[:, 0]


def save_scout(scout: Scout, path: Path, *, made_for: str, about: dict[str, object]) -> str:
    """Write it, all or nothing; `made_for` is the version of the cascade. Returns the SHA-256."""
    metadata = {
        "architecture": ARCHITECTURE,
        "made_for": made_for,
        "width": str(scout.conv1.out_channels),
        "about": json.dumps(about, sort_keys=True),
    }
    return save_tensors(path, scout.state_dict(), metadata)


def load_scout(path: Path, *, made_for: str) -> Scout | None:
    """The scout, ready to predict; None when it was made for other weights, and so knows nothing of these.

    Raises `ModelError`, naming the file, when it is missing or damaged.
    """
    with opened(path, ARCHITECTURE, "scout") as file:
        scout = Scout(file.fact("width"))
        scout.load_state_dict(file.tensors)
    if file.metadata.get("made_for") != made_for:
        return None
    return scout.eval().requires_grad_(requires_grad=False)
