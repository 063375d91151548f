"""Training the classifier. The loop reads from top to bottom; what varies stands in `Recipe`."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from maskwatch.classify.crop import crop
from maskwatch.classify.network import MaskNet, Shape
from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Rgb
from maskwatch.learn.dataset import Part
from maskwatch.learn.faces import LabelledFace
from maskwatch.learn.schedule import warm_then_cosine

DRAWN = 0.35  # share of the bare faces that get a drawn mask
CLOTHS = ((150, 195, 225), (235, 235, 240), (40, 40, 45), (230, 180, 190), (120, 170, 140), (60, 80, 140))


@dataclass(frozen=True, slots=True)
class Recipe:
    """`seed` decides the first weights, the order and the augmentation."""

    epochs: int = 40
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.02
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
) -> MaskNet:
    """The network of the epoch that was best on the validation part, on `device`, in evaluation mode.

    Raises `DataError` when a class is missing from the training or the validation part.
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
    batches = max(1, len(training) // recipe.batch)
    steps = recipe.epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_then_cosine(step, steps))
    share_protected = sum(face.protected for face in training) / len(training)
    weight = torch.tensor([0.5 / (1 - share_protected), 0.5 / share_protected], device=device)
    best_loss, best_state = math.inf, network.state_dict()

    for number in range(1, recipe.epochs + 1):
        network.train()
        total = 0.0
        for rgb, labels in augmented_batches(training, shape, recipe, number):
            truth = labels.to(device)
            logits = network(rgb.to(device).permute(0, 3, 1, 2))
            target = truth * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
            loss = binary_cross_entropy_with_logits(logits, target, weight[truth.long()])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item()
        network.eval()
        validation_loss, accuracy = _validate(network, validation, shape, device)
        if better := validation_loss < best_loss:
            best_loss = validation_loss
            best_state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        on_epoch(Epoch(number, total / batches, validation_loss, accuracy, better))

    network.load_state_dict(best_state)
    network.eval()
    return network


@torch.inference_mode()
def _validate(
    network: MaskNet, faces: Sequence[LabelledFace], shape: Shape, device: torch.device
) -> tuple[float, float]:
    cut = [crop(f.patch, f.box, side_px=shape.side_px, margin=shape.margin) for f in faces]
    truth = torch.tensor([float(f.protected) for f in faces], device=device)
    logits = torch.cat(
        [
            network(torch.from_numpy(np.stack(cut[start : start + 256])).to(device).permute(0, 3, 1, 2))
            for start in range(0, len(cut), 256)
        ]
    )
    loss = binary_cross_entropy_with_logits(logits, truth)
    return loss.item(), ((logits > 0) == (truth > 0.5)).float().mean().item()


def augmented_batches(
    faces: Sequence[LabelledFace], shape: Shape, recipe: Recipe, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops as a camera might have given them: `(N, side, side, 3)` uint8 and labels `(N,)` float32.

    The same seed and epoch give the same batches. Threads make them: OpenCV hangs in forked processes.
    """
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(faces))
    starts = range(0, max(1, len(faces) - recipe.batch + 1), recipe.batch)

    def one(index: int) -> tuple[Rgb, bool]:
        return _augmented(faces[index], shape, np.random.default_rng((recipe.seed, epoch, index)))

    with ThreadPoolExecutor(recipe.workers) as pool:
        crops = pool.map(one, order[: starts[-1] + recipe.batch])
        for start in starts:
            rgb, protected = zip(*(next(crops) for _ in order[start : start + recipe.batch]), strict=True)
            yield torch.from_numpy(np.stack(rgb)), torch.tensor(protected, dtype=torch.float32)


def _augmented(face: LabelledFace, shape: Shape, random: np.random.Generator) -> tuple[Rgb, bool]:
    """A crop and its label, which a drawn mask may have changed."""
    mirrored = random.random() < 0.5
    patch = np.ascontiguousarray(face.patch[:, ::-1]) if mirrored else face.patch
    box = _mirrored(face.box, face.patch.shape[1]) if mirrored else face.box
    protected = face.protected
    if not protected and random.random() < DRAWN:
        patch, protected = _with_drawn_mask(patch, box, random)
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
