"""Training the classifier. The loop reads from top to bottom; what varies stands in `ClassifierRecipe`."""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from maskwatch.classify.crop import crop
from maskwatch.classify.network import MaskNet, Shape
from maskwatch.core.errors import DataError
from maskwatch.core.records import Rgb
from maskwatch.datasets.faces import LabelledFace
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import Split
from maskwatch.platform.cuda import uploaded
from maskwatch.platform.threads import in_threads
from maskwatch.training.checkpoint import load_checkpoint, save_checkpoint
from maskwatch.training.face_crops import augmented_crop
from maskwatch.training.rate import Rate
from maskwatch.training.schedule import warm_then_cosine

Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True, slots=True)
class ClassifierRecipe:
    """`seed` decides the first weights, the order and the augmentation.

    An epoch draws as many faces as there are, half of them protected; a worn-wrong one is drawn
    `worn_wrong` times as often as another unprotected one. What is kept is an average of the last weights,
    each step's counting `1 - average` (Polyak). Training ends after `patience` epochs that were not better.
    """

    epochs: int = 60
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.02
    worn_wrong: float = 4.0
    average: float = 0.995
    patience: int = 25
    seed: int = 0

    def going_on(self) -> "ClassifierRecipe":
        """The same for weights that were trained already: half the learning rate, so that less of them is lost."""
        return replace(self, learning_rate=self.learning_rate / 2)


@dataclass(frozen=True, slots=True)
class Epoch:
    """The figures of one epoch; `number` counts from 1.

    `loss` is the mean binary cross-entropy of the training batches, with smoothed labels. `validation_loss`,
    without smoothing and as calibrated, and `validation_accuracy` (0..1, at a probability of 0.5) are those of the averaged
    weights. `balanced_loss` is the mean of the validation losses of each label, however few faces have it. `best`: the validation loss is the lowest so far.
    `images_per_s` are the faces that the training took a second.
    """

    number: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    balanced_loss: float
    best: bool
    images_per_s: float = field(default=0.0, compare=False)


def train(
    faces: Sequence[LabelledFace],
    shape: Shape,
    recipe: ClassifierRecipe,
    device: torch.device,
    on_epoch: Callable[[Epoch], None],
    *,
    start: MaskNet | None = None,
    checkpoint: Path | None = None,
    workers: int | None = None,
) -> MaskNet:
    """The network of the epoch that was best on the validation part, on `device`, ready to predict.

    Its probabilities are calibrated on the validation part. `start` is a network of the same shape to go on from,
    and what is given when no epoch is better than it. `checkpoint` is a file from which a training that was stopped goes on. So many
    threads as `workers` make its pictures, None for one a core; the network is the same. Raises `DataError` when a class is missing from the training or the validation part.
    """
    training, validation = _both_classes(faces, Split.TRAIN), _both_classes(faces, Split.VALIDATION)
    torch.manual_seed(recipe.seed)
    network = MaskNet(shape).to(device).to(memory_format=torch.channels_last)
    if start is not None:
        network.load_state_dict(start.state_dict())
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    average, best = moving_average(network, recipe.average), deepcopy(network)
    averaged = average.module
    assert isinstance(averaged, MaskNet)
    everything = nn.ModuleDict({"network": network, "average": averaged, "best": best})
    loss_before = math.inf if start is None else _validate(best.eval(), validation, shape, device).loss
    state: dict[str, Any] = {"epoch": 0, "loss": loss_before, "since": 0}
    if checkpoint:
        state = load_checkpoint(checkpoint, everything, optimizer) or state
    batches = max(1, len(training) // recipe.batch)
    average.n_averaged += state["epoch"] * batches
    for number in range(state["epoch"] + 1, recipe.epochs + 1):
        network.train()
        torch.manual_seed(recipe.seed * 1_000_003 + number)  # the dropout's, wherever a training goes on
        total, rate = torch.zeros((), dtype=torch.float64, device=device), Rate()
        for step, (rgb, labels) in enumerate(
            augmented_batches(training, shape, recipe, number, workers), (number - 1) * batches
        ):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * warm_then_cosine(step, recipe.epochs * batches)
            logits = network(uploaded(rgb, device).permute(0, 3, 1, 2))
            target = uploaded(labels, device) * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
            loss = binary_cross_entropy_with_logits(logits, target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            average.update_parameters(network)
            total += loss.detach()
            rate.count(len(rgb))
        mean_loss, images_per_s = float(total) / batches, rate.per_s()
        averaged.eval()
        validated = _validate(averaged, validation, shape, device)
        better = validated.loss < state["loss"]
        if better:
            best.load_state_dict(averaged.state_dict())
        loss_now = min(validated.loss, state["loss"])
        state = {"epoch": number, "loss": loss_now, "since": 0 if better else state["since"] + 1}
        on_epoch(
            Epoch(
                number,
                mean_loss,
                validated.loss,
                validated.accuracy,
                validated.balanced_loss,
                better,
                images_per_s,
            )
        )
        if checkpoint:
            save_checkpoint(checkpoint, everything, optimizer, state)
        if state["since"] >= recipe.patience:
            break
    best.eval()
    _calibrate(best, validation, shape, device)
    return best


def _both_classes(faces: Sequence[LabelledFace], part: Split) -> list[LabelledFace]:
    """The faces of a part. Raises `DataError` when one of the two classes is missing."""
    chosen = [face for face in faces if face.split is part]
    if len({face.protected for face in chosen}) < 2:
        raise DataError(f"the {part} part has faces of {(len(chosen) and 1) or 0} class, 2 are needed")
    return chosen


def moving_average(network: MaskNet, decay: float) -> AveragedModel:
    """A moving average of the weights and buffers, which starts as they are (Polyak; its `.module` is the network).

    Each update keeps `decay` of the average, less in the first ones: `n / (n + 9)` in the n-th, so that what it
    started from is soon forgotten.
    """

    def update(averages: Tensors, now: Tensors, updates: int | Tensor) -> None:
        if averages[0].is_floating_point():
            count = int(updates)
            follow = get_ema_multi_avg_fn(min(decay, count / (count + 9)))  # type: ignore[no-untyped-call]
            follow(averages, now, updates)
        else:  # a count of batches
            for each, other in zip(averages, now, strict=True):
                each.copy_(other)

    average = AveragedModel(network, multi_avg_fn=update, use_buffers=True)
    average.n_averaged.fill_(1)  # what it starts from counts, too
    return average


@torch.no_grad()
def _calibrate(network: MaskNet, faces: Sequence[LabelledFace], shape: Shape, device: torch.device) -> None:
    """Divide the logits by the temperature of the lowest loss (Guo et al. 2017, arXiv:1706.04599).

    It goes into the last layer, so that whoever runs the network need not know.
    """
    temperature, _ = _best_temperature(*_judged(network, faces, shape, device))
    last = network.dense[-1]
    assert isinstance(last, nn.Linear)
    last.weight.div_(temperature)
    last.bias.div_(temperature)


def _best_temperature(logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """What logits `(N,)` are best divided by, and their mean binary cross-entropy then."""
    temperatures = torch.linspace(math.log(0.3), math.log(5), 200).exp()
    losses = [binary_cross_entropy_with_logits(logits / t, truth).item() for t in temperatures]
    best = int(np.argmin(losses))
    return float(temperatures[best]), losses[best]


class _Validated(NamedTuple):
    loss: float
    accuracy: float
    balanced_loss: float


def _validate(
    network: MaskNet, faces: Sequence[LabelledFace], shape: Shape, device: torch.device
) -> _Validated:
    logits, truth = _judged(network, faces, shape, device)
    losses = binary_cross_entropy_with_logits(logits, truth, reduction="none").cpu()
    labels = [face.label for face in faces]
    by_label = [losses[[own == label for own in labels]].mean().item() for label in set(labels)]
    accuracy = ((logits > 0) == (truth > 0.5)).float().mean().item()
    _, loss = _best_temperature(logits, truth)
    return _Validated(loss, accuracy, sum(by_label) / len(by_label))


@torch.no_grad()
def _judged(
    network: MaskNet, faces: Sequence[LabelledFace], shape: Shape, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The logits and the truth (0 or 1), each `(N,)`."""
    cut = list(in_threads(lambda f: crop(f.patch, f.box, side_px=shape.side_px, margin=shape.margin), faces))
    parts = [
        network(torch.from_numpy(np.stack(cut[start : start + 256])).to(device).permute(0, 3, 1, 2))
        for start in range(0, len(cut), 256)
    ]
    return torch.cat(parts), torch.tensor([float(f.protected) for f in faces], device=device)


def augmented_batches(
    faces: Sequence[LabelledFace],
    shape: Shape,
    recipe: ClassifierRecipe,
    epoch: int,
    workers: int | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops as a camera might have given them: `(N, side, side, 3)` uint8 and labels `(N,)` float32.

    The same seed and epoch give the same batches, however many `workers` make them.
    """
    random = np.random.default_rng((recipe.seed, epoch))
    donors = [face for face in faces if face.protected]
    order = random.choice(len(faces), len(faces), p=_shares(faces, recipe))
    starts = range(0, max(1, len(faces) - recipe.batch + 1), recipe.batch)

    def one(place: int) -> tuple[Rgb, bool]:
        return augmented_crop(
            faces[order[place]], donors, shape, np.random.default_rng((recipe.seed, epoch, place))
        )

    wanted = range(min(len(order), starts[-1] + recipe.batch))
    crops = in_threads(one, wanted, ahead=4 * recipe.batch, workers=workers)
    for _ in starts:
        rgb, protected = zip(*islice(crops, recipe.batch), strict=True)
        yield torch.from_numpy(np.stack(rgb)), torch.tensor(protected, dtype=torch.float32)


def _shares(faces: Sequence[LabelledFace], recipe: ClassifierRecipe) -> NDArray[np.float64]:
    """How often each face is drawn."""
    often = np.array([recipe.worn_wrong if f.label is FaceLabel.WORN_WRONG else 1.0 for f in faces])
    protected = np.array([f.protected for f in faces])
    for kind in (protected, ~protected):
        often[kind] *= 0.5 / often[kind].sum()
    return np.asarray(often / often.sum(), np.float64)
