"""The activations of the classifier's two convolutions for a face."""

from io import BytesIO
from math import ceil

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

from maskwatch.classify.crop import crop
from maskwatch.classify.network import MaskNet, Shape
from maskwatch.core.records import Box, Rgb
from maskwatch.platform.fonts import use_fonts

COLUMNS = 16
INCH = 0.75  # of a map's side


@torch.inference_mode()
def feature_maps(network: MaskNet, rgb: Rgb) -> tuple[list[torch.Tensor], float]:
    """Of a crop of the network's side: the channels `(C, H, W)` of each convolution, and its probability.

    They are the next layer's input before pooling: normalised, and at least 0.
    """
    values = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 127.5 - 1
    maps = []
    for layer in network.convolutions:
        values = layer(values)
        if isinstance(layer, nn.ReLU):
            maps.append(values[0].clone())
    probability = torch.sigmoid(network.dense(values)).item()
    return maps, probability


def drawn(network: MaskNet, shape: Shape, rgb: Rgb, box: Box) -> bytes:
    """A PNG: the face as the network sees it, and every channel of both convolutions."""
    face = crop(rgb, box, side_px=shape.side_px, margin=shape.margin)
    maps, probability = feature_maps(network, face)
    rows = [ceil(len(each) / COLUMNS) for each in maps]
    height = (sum(rows) + 4) * INCH + 1.2
    use_fonts()
    figure = Figure(figsize=(COLUMNS * INCH, height), layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(1 + len(maps), 1, squeeze=False, height_ratios=[4, *(n + 0.4 for n in rows)])
    top, *others = np.asarray(parts)[:, 0]
    top.suptitle(f"what the network sees, {shape.side_px} x {shape.side_px} px: protected {probability:.1%}")
    axes = top.subplots()
    axes.imshow(face)
    axes.set_axis_off()
    for number, (part, channels, count) in enumerate(zip(others, maps, rows, strict=True), start=1):
        _, side_px, _ = channels.shape
        part.suptitle(f"convolution {number}: {len(channels)} channels of {side_px} x {side_px}")
        bright = max(float(np.percentile(channels.numpy(), 99.5)), 1e-6)
        for place, axes in enumerate(np.ravel(part.subplots(count, COLUMNS, squeeze=False))):
            axes.set_axis_off()
            if place < len(channels):
                axes.imshow(channels[place], cmap="viridis", vmin=0, vmax=bright)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
