"""Training the classifier. The loop reads from top to bottom; what varies stands in `Recipe`."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from maskwatch.classify.crop import crop
from maskwatch.classify.network import MaskNet, Shape
from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Rgb
from maskwatch.learn.checkpoint import load_checkpoint, save_checkpoint
from maskwatch.learn.dataset import Part
from maskwatch.learn.faces import LabelledFace
from maskwatch.learn.labels import FaceLabel
from maskwatch.learn.schedule import warm_then_cosine

DRAWN = 0.35  # share of the bare faces that get a drawn mask
HANDS = 0.15  # share of the others that hold a hand over the mouth
CLOTHS = ((150, 195, 225), (235, 235, 240), (40, 40, 45), (230, 180, 190), (120, 170, 140), (60, 80, 140))


@dataclass(frozen=True, slots=True)
class Recipe:
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
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Epoch:
    number: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    best: bool


def train(
    faces: Sequence[LabelledFace],
    shape: Shape,
    recipe: Recipe,
    device: torch.device,
    on_epoch: Callable[[Epoch], None],
    *,
    checkpoint: Path | None = None,
) -> MaskNet:
    """The network of the epoch that was best on the validation part, on `device`, ready to predict.

    Its probabilities are calibrated on the validation part. `checkpoint` is a file from which a training that
    was stopped goes on. Raises `DataError` when a class is missing from the training or the validation part.
    """
    training = [face for face in faces if face.part is Part.TRAIN]
    validation = [face for face in faces if face.part is Part.VALIDATION]
    for part, chosen in ((Part.TRAIN, training), (Part.VALIDATION, validation)):
        if len({face.protected for face in chosen}) < 2:
            raise DataError(f"the {part} part has faces of {(len(chosen) and 1) or 0} class, 2 are needed")

    torch.manual_seed(recipe.seed)
    network = MaskNet(shape).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    average, best = deepcopy(network), deepcopy(network)
    everything = nn.ModuleDict({"network": network, "average": average, "best": best})
    state: dict[str, Any] = {"epoch": 0, "loss": math.inf, "since": 0}
    if checkpoint:
        state = load_checkpoint(checkpoint, everything, optimizer) or state
    batches = max(1, len(training) // recipe.batch)
    for number in range(state["epoch"] + 1, recipe.epochs + 1):
        network.train()
        torch.manual_seed(recipe.seed * 1_000_003 + number)  # the dropout's, wherever a training goes on
        total = 0.0
        for step, (rgb, labels) in enumerate(
            augmented_batches(training, shape, recipe, number), (number - 1) * batches
        ):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * warm_then_cosine(step, recipe.epochs * batches)
            logits = network(rgb.to(device).permute(0, 3, 1, 2))
            target = labels.to(device) * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
            loss = binary_cross_entropy_with_logits(logits, target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            _follow(average, network, min(recipe.average, (step + 1) / (step + 10)))
            total += loss.item()
        average.eval()
        validation_loss, accuracy = _validate(average, validation, shape, device)
        better = validation_loss < state["loss"]
        if better:
            best.load_state_dict(average.state_dict())
        loss_now = min(validation_loss, state["loss"])
        state = {"epoch": number, "loss": loss_now, "since": 0 if better else state["since"] + 1}
        on_epoch(Epoch(number, total / batches, validation_loss, accuracy, better))
        if checkpoint:
            save_checkpoint(checkpoint, everything, optimizer, state)
        if state["since"] >= recipe.patience:
            break
    best.eval()
    _calibrate(best, validation, shape, device)
    return best


@torch.no_grad()
def _follow(average: MaskNet, network: MaskNet, keep: float) -> None:
    now = network.state_dict()
    for name, tensor in average.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(now[name], 1 - keep)
        else:
            tensor.copy_(now[name])


@torch.no_grad()
def _calibrate(network: MaskNet, faces: Sequence[LabelledFace], shape: Shape, device: torch.device) -> None:
    """Divide the logits by the temperature of the lowest loss (Guo et al. 2017, arXiv:1706.04599).

    It goes into the last layer, so that whoever runs the network need not know.
    """
    logits, truth = _judged(network, faces, shape, device)
    temperatures = torch.linspace(math.log(0.3), math.log(5), 200).exp()
    losses = [binary_cross_entropy_with_logits(logits / t, truth).item() for t in temperatures]
    best = float(temperatures[int(np.argmin(losses))])
    last = network.dense[-1]
    assert isinstance(last, nn.Linear)
    last.weight.div_(best)
    last.bias.div_(best)


def _validate(
    network: MaskNet, faces: Sequence[LabelledFace], shape: Shape, device: torch.device
) -> tuple[float, float]:
    logits, truth = _judged(network, faces, shape, device)
    loss = binary_cross_entropy_with_logits(logits, truth)
    return loss.item(), ((logits > 0) == (truth > 0.5)).float().mean().item()


@torch.no_grad()
def _judged(
    network: MaskNet, faces: Sequence[LabelledFace], shape: Shape, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The logits and the truth (0 or 1), each `(N,)`."""
    cut = [crop(f.patch, f.box, side_px=shape.side_px, margin=shape.margin) for f in faces]
    parts = [
        network(torch.from_numpy(np.stack(cut[start : start + 256])).to(device).permute(0, 3, 1, 2))
        for start in range(0, len(cut), 256)
    ]
    return torch.cat(parts), torch.tensor([float(f.protected) for f in faces], device=device)


def augmented_batches(
    faces: Sequence[LabelledFace], shape: Shape, recipe: Recipe, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops as a camera might have given them: `(N, side, side, 3)` uint8 and labels `(N,)` float32.

    The same seed and epoch give the same batches. Threads make them: OpenCV hangs in forked processes.
    """
    random = np.random.default_rng((recipe.seed, epoch))
    order = random.choice(len(faces), len(faces), p=_shares(faces, recipe))
    starts = range(0, max(1, len(faces) - recipe.batch + 1), recipe.batch)

    def one(place: int) -> tuple[Rgb, bool]:
        return _augmented(faces[order[place]], shape, np.random.default_rng((recipe.seed, epoch, place)))

    with ThreadPoolExecutor(recipe.workers) as pool:
        crops = pool.map(one, range(min(len(order), starts[-1] + recipe.batch)))
        for start in starts:
            rgb, protected = zip(*(next(crops) for _ in order[start : start + recipe.batch]), strict=True)
            yield torch.from_numpy(np.stack(rgb)), torch.tensor(protected, dtype=torch.float32)


def _shares(faces: Sequence[LabelledFace], recipe: Recipe) -> NDArray[np.float64]:
    """How often each face is drawn."""
    often = np.array([recipe.worn_wrong if f.label is FaceLabel.WORN_WRONG else 1.0 for f in faces])
    protected = np.array([f.protected for f in faces])
    for kind in (protected, ~protected):
        often[kind] *= 0.5 / often[kind].sum()
    return np.asarray(often / often.sum(), np.float64)


def _augmented(face: LabelledFace, shape: Shape, random: np.random.Generator) -> tuple[Rgb, bool]:
    """A crop and its label, which a drawn mask may have changed."""
    mirrored = random.random() < 0.5
    patch = np.ascontiguousarray(face.patch[:, ::-1]) if mirrored else face.patch
    box = _mirrored(face.box, face.patch.shape[1]) if mirrored else face.box
    protected = face.protected
    if face.label is FaceLabel.UNPROTECTED:
        if random.random() < DRAWN:
            patch, protected = _with_drawn_mask(patch, box, random)
        elif random.random() < HANDS:
            patch = _with_hand(patch, box, random)
    picture = crop(patch, _jittered(box, random), side_px=shape.side_px, margin=shape.margin)
    return _degraded(picture, random), protected


def _with_drawn_mask(patch: Rgb, box: Box, random: np.random.Generator) -> tuple[Rgb, bool]:
    """A bare face with a mask held or worn: over nose and mouth, which protects, or too low, or too high.

    Heights are shares of the box: in MTCNN's boxes the nose's tip lies at about 0.58, the mouth at 0.78.
    """
    place = random.choice(["right", "low", "high"], p=[0.4, 0.35, 0.25])
    top = {"right": (0.36, 0.50), "low": (0.64, 0.82), "high": (0.02, 0.22)}[place]
    bottom = {"right": (0.95, 1.15), "low": (1.1, 1.3), "high": (0.50, 0.68)}[place]
    y1, y2 = random.uniform(*top), random.uniform(*bottom)
    half, narrow = random.uniform(0.36, 0.52), random.uniform(0.6, 1.0)
    arch = random.uniform(0, 0.10)
    middle = 0.5 + random.uniform(-0.06, 0.06)
    corners = [
        (middle - half, y1 + arch), (middle, y1), (middle + half, y1 + arch),
        (middle + half * narrow, y2 - arch), (middle, y2), (middle - half * narrow, y2 - arch),
    ]  # fmt: skip
    turn = random.uniform(-0.15, 0.15)
    centre = np.array([middle, (y1 + y2) / 2])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    points = (np.array(corners) - centre) @ rotation.T + centre
    outline = (points * (box.width, box.height) + (box.x1, box.y1)).round().astype(np.int32)
    cloth = np.clip(np.array(CLOTHS[random.integers(len(CLOTHS))]) + random.uniform(-25, 25, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(cover, [outline], 255, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.75, 1.1), random.uniform(0.75, 1.1), patch.shape[0])[:, None, None]
    share = cover[..., None] / 255
    drawn = patch * (1 - share) + np.clip(cloth * shade, 0, 255) * share
    return np.asarray(drawn, np.uint8), place == "right"


def _with_hand(patch: Rgb, box: Box, random: np.random.Generator) -> Rgb:
    """A bare face with a hand over its mouth, in the colour of its own skin: that protects nobody."""
    x, y = int(box.x1 + box.width / 2), int(box.y1 + box.height * 0.45)
    around = patch[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3)
    skin = np.median(around, axis=0) if len(around) else np.full(3, 140.0)
    skin = np.clip(skin * random.uniform(0.8, 1.15) + random.uniform(-8, 8, 3), 0, 255)
    cover = np.zeros(patch.shape[:2], np.uint8)
    middle = np.array([random.uniform(0.3, 0.7), random.uniform(0.65, 0.9)])
    size = np.array([random.uniform(0.2, 0.4), random.uniform(0.1, 0.22)])
    turn = random.uniform(-50, 50)
    for finger in range(int(random.integers(2, 5))):
        place = middle + np.array([0, (finger - 1.5) * size[1] * 0.8])
        centre = (place * (box.width, box.height) + (box.x1, box.y1)).round().astype(int)
        axes = np.maximum(1, size * (box.width, box.height * 0.5)).round().astype(int)
        cv2.ellipse(cover, centre.tolist(), axes.tolist(), turn, 0, 360, 255, -1, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.8, 1.1), random.uniform(0.8, 1.1), patch.shape[1])[None, :, None]
    share = cover[..., None] / 255
    return np.asarray(patch * (1 - share) + np.clip(skin * shade, 0, 255) * share, np.uint8)


def _mirrored(box: Box, width: int) -> Box:
    return Box(width - box.x2, box.y1, width - box.x1, box.y2)


def _jittered(box: Box, random: np.random.Generator) -> Box:
    """As a detector might have put it: shifted by some 5 %, scaled by some 10 %."""
    side = max(box.width, box.height)
    dx, dy = np.clip(random.normal(0, 0.05, 2), -0.15, 0.15) * side
    grow = (np.exp(np.clip(random.normal(0, 0.1), -0.25, 0.25)) - 1) / 2 * side
    return Box(box.x1 + dx - grow, box.y1 + dy - grow, box.x2 + dx + grow, box.y2 + dy + grow)


def _degraded(rgb: Rgb, random: np.random.Generator) -> Rgb:
    """Turned a little, then far away, out of focus, badly lit, noisy and compressed, each at times."""
    side = rgb.shape[0]
    if random.random() < 0.5:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), random.uniform(-15, 15), 1)
        rgb = np.asarray(cv2.warpAffine(rgb, turn, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    if random.random() < 0.5:
        small = int(np.exp(random.uniform(math.log(10), math.log(side))))
        down = cv2.resize(rgb, (small, small), interpolation=cv2.INTER_AREA)
        rgb = np.asarray(cv2.resize(down, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if random.random() < 0.2:
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.4, 1.6)), np.uint8)
    values = rgb.astype(np.float32)
    if random.random() < 0.15:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    contrast, light = random.uniform(0.6, 1.4), random.uniform(-40, 40)
    tint = random.uniform(-12, 12, 3).astype(np.float32)
    values = (values - 127.5) * contrast + 127.5 + light + tint
    values = 255 * (np.clip(values, 0, 255) / 255) ** np.exp(random.uniform(-0.4, 0.4))
    if random.random() < 0.3:
        values = values + random.normal(0, random.uniform(1, 10), values.shape)
    rgb = np.clip(values, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        quality = int(random.integers(25, 90))
        _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
        rgb = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return rgb
