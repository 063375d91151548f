"""What half precision costs in recall and precision, with the processor in the card's place.

As a card does it, weights, inputs, and what goes from layer to layer are rounded, while sums are made in float32. The
processor's own float16 rounds sums, too, and takes ten times as long.

    python tests/harness/half_precision.py DATA [DATA …] [--part validation]
"""

import argparse
from pathlib import Path

import torch

from maskwatch.bench.agreement import accuracy
from maskwatch.datasets.formats.registry import read
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_weights
from maskwatch.evaluation.detection import Searched, boxes, found_in, lowered, tally
from maskwatch.evaluation.images import choose_of_several, opened
from maskwatch.evaluation.matching import match
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.models.registry import shipped_files

CPU = torch.device("cpu")


class RoundedBackend(TorchBackend):
    """A `Backend` that computes as a card does in `rounded_to`."""

    def __init__(self, weights, rounded_to):
        self._rounded_to = rounded_to
        super().__init__(weights, CPU)
        self.name = f"{rounded_to}, with the processor in the card's place"

    def _rounded(self, values):
        return values.to(self._rounded_to).float()

    def _ready(self, layers):
        network = super()._ready(layers)
        network.to(self._rounded_to).float()
        for layer in network:
            layer.register_forward_hook(lambda _layer, _given, answer: self._rounded(answer))
        return network

    def _run(self, network, rgb):
        return super()._run(network, self._rounded(rgb))


def detector(rounded_to, settings=None):
    """The shipped detector as a card computes it in `rounded_to`; in float32 it is the processor's own."""
    weights = load_weights(str(shipped_files().detector))
    return Mtcnn(RoundedBackend(weights, rounded_to), settings or Settings(), weights.version, weights.point)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--part", type=SplitChoice, default=SplitChoice.VALIDATION)
    asked = parser.parse_args()
    material = choose_of_several({str(path): read(path) for path in asked.data}, asked.part, iter)
    own = detector(torch.float32).thresholds
    detectors = {
        str(kind).removeprefix("torch."): detector(kind, lowered(Settings(), own))
        for kind in (torch.float32, torch.float16, torch.bfloat16)
    }
    searched = {name: [] for name in detectors}
    for _, image, rgb in opened(material.images, iter, None):
        for name, each in detectors.items():
            searched[name].append(Searched(image, match(found_in(rgb, each), boxes(image), image.unclear)))
    print(f"{len(material.images)} images of the {asked.part} part")
    for name, each in searched.items():
        found = tally(tuple(each), own[-1])
        counts = found.counts()
        print(f"{name}: {accuracy(found)}, {counts.truths} faces, {counts.false_alarms} false boxes")


if __name__ == "__main__":
    main()
