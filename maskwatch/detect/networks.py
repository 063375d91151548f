"""The three networks, with the shapes and parameter names of the published weights.

Each takes normalised RGB `(N, 3, H, W)` float32 (`normalise` below) and gives the probability of a face and
the box regression: offsets of x1, y1, x2, y2 in units of the window's side.
"""

import torch
from torch import Tensor, nn

MEAN, SPREAD = 127.5, 128.0  # of the pixels, as the published weights were trained


def normalise(rgb: Tensor) -> Tensor:
    """Pixels 0..255 of any number type to float32 of about -1..1, as the published weights were trained."""
    return (rgb.float() - MEAN) / SPREAD


def _pool(size: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(size, stride=2, ceil_mode=True)


class ByColumns(nn.Module):
    """Maps to rows of numbers, column by column: the weights came from a column-major ancestor."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `(N, C, H, W)` to `(N, W * H * C)`."""
        return maps.permute(0, 3, 2, 1).flatten(1)


class Stage(nn.Module):
    """What the three networks have in common: `layers` one after the other, then the `heads` side by side."""

    conv1: nn.Conv2d

    def layers(self) -> list[nn.Module]:
        """The layers before the heads, in order; they are the module's own, not copies."""
        raise NotImplementedError

    def heads(self) -> tuple[nn.Module, nn.Module]:
        """The layer that gives two logits, no face and face, and the one that gives the four offsets."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised RGB `(N, 3, H, W)` to probabilities of a face, 0..1, and offsets of x1, y1, x2, y2."""
        for layer in self.layers():
            x = layer(x)
        classes, offsets = self.heads()
        return torch.softmax(classes(x), dim=1)[:, 1], offsets(x)


class PNet(Stage):
    """Proposal: slides a 12 x 12 window with stride 2, fully convolutional.

    Returns probabilities `(N, H', W')` and offsets `(N, 4, H', W')`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1, self.pool1 = nn.Conv2d(3, 10, 3), nn.PReLU(10), _pool(2)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def layers(self) -> list[nn.Module]:
        first = [self.conv1, self.prelu1, self.pool1]
        return [*first, self.conv2, self.prelu2, self.conv3, self.prelu3]

    def heads(self) -> tuple[nn.Module, nn.Module]:
        return self.conv4_1, self.conv4_2


class RNet(Stage):
    """Refinement of a 24 x 24 crop: probabilities `(N,)` and offsets `(N, 4)`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1, self.pool1 = nn.Conv2d(3, 28, 3), nn.PReLU(28), _pool(3)
        self.conv2, self.prelu2, self.pool2 = nn.Conv2d(28, 48, 3), nn.PReLU(48), _pool(3)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1 = nn.Linear(128, 2)
        self.dense5_2 = nn.Linear(128, 4)

    def layers(self) -> list[nn.Module]:
        first = [self.conv1, self.prelu1, self.pool1, self.conv2, self.prelu2, self.pool2]
        return [*first, self.conv3, self.prelu3, ByColumns(), self.dense4, self.prelu4]

    def heads(self) -> tuple[nn.Module, nn.Module]:
        return self.dense5_1, self.dense5_2


class ONet(Stage):
    """Output for a 48 x 48 crop: probabilities `(N,)`, offsets `(N, 4)`.

    The weights also hold a head for five landmarks (`dense6_3`), which finding faces does not compute; see
    `detect/landmarks.py`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1, self.pool1 = nn.Conv2d(3, 32, 3), nn.PReLU(32), _pool(3)
        self.conv2, self.prelu2, self.pool2 = nn.Conv2d(32, 64, 3), nn.PReLU(64), _pool(3)
        self.conv3, self.prelu3, self.pool3 = nn.Conv2d(64, 64, 3), nn.PReLU(64), _pool(2)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1 = nn.Linear(256, 2)
        self.dense6_2 = nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def layers(self) -> list[nn.Module]:
        first = [self.conv1, self.prelu1, self.pool1, self.conv2, self.prelu2, self.pool2]
        second = [self.conv3, self.prelu3, self.pool3, self.conv4, self.prelu4]
        return [*first, *second, ByColumns(), self.dense5, self.prelu5]

    def heads(self) -> tuple[nn.Module, nn.Module]:
        return self.dense6_1, self.dense6_2
