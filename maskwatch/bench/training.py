"""The pictures a second that a training of the detector uses on a device, by the number of threads that prepare them."""

from pathlib import Path

import torch

from maskwatch.core.progress import Bar
from maskwatch.datasets.faces import SeenImage
from maskwatch.detect.weights import load_stock
from maskwatch.platform.threads import cores
from maskwatch.sources.portrait import FACE, portrait
from maskwatch.training.detector import MIN_VIEWS, DetectorRecipe, Epoch, Run, train

STEPS = 30  # of each stage


def training(device: torch.device, folder: Path, bar: Bar) -> dict[str, object]:
    """Views a second of P-Net's training, and crops a second of R- and O-Net's: with one thread and with one a core.

    Below `folder`, which must be there, it keeps its checkpoints.
    """
    return {
        f"{workers} threads": _rates(device, folder / f"workers-{workers}", workers)
        for workers in bar("training")(sorted({1, cores()}))
    }


def _rates(device: torch.device, folder: Path, workers: int) -> dict[str, float]:
    folder.mkdir()
    rates: dict[str, float] = {}

    def note(epoch: Epoch) -> None:
        rates[epoch.stage] = round(epoch.images_per_s, 1)

    recipe = DetectorRecipe(
        pnet_steps=STEPS, rnet_steps=(STEPS,), onet_steps=(STEPS,), views=MIN_VIEWS, epoch=STEPS
    )
    seen = [SeenImage(portrait(), (FACE,))] * 4
    train(seen, seen, load_stock(), Run(recipe, device, folder, note, lambda *_: None, workers))
    return rates
