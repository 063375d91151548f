"""Fine-tuning the cascade on labelled boxes. The stages are trained in the order in which they see a frame.

P-Net learns on whole views of a level; R-Net and O-Net on what the stages before them let through, which is
mined anew in every round. What varies stands in `DetectorRecipe`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss

from maskwatch.core.errors import DataError
from maskwatch.datasets.faces import SeenImage
from maskwatch.detect.backends.choice import choose
from maskwatch.detect.cascade import RNET_PX, Mtcnn
from maskwatch.detect.looks import ONET_PX
from maskwatch.detect.networks import ONet, PNet, Stage, normalise
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import Weights
from maskwatch.training.averaging import average
from maskwatch.training.batches import MinedBatches, PyramidBatches, TrainingBatch, in_order
from maskwatch.training.checkpoint import load_checkpoint, save_checkpoint
from maskwatch.training.mining import Kind, mine
from maskwatch.training.rate import Rate
from maskwatch.training.schedule import warm_then_cosine

HARD = 0.7  # share of a batch's negatives that are learnt from, the worst ones (Zhang et al. 2016)
FOCUS, FACE_SHARE = 2.0, 0.5  # P-Net's focal loss (Lin et al. 2017, arXiv:1708.02002)
OFFSET_WEIGHT = 5.0  # of the offsets' loss beside that of the score
LANDMARK_WEIGHT = 0.5
MIN_VIEWS = 20
VALIDATION_VIEWS = 8  # so many times fewer than of the training part
SURE_FACE = 0.7  # the first O-Net's landmarks are kept for crops that it gives this probability


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """Steps of each stage and round; every `epoch` steps the network is tried on the validation part.

    A stage ends early after `patience` epochs without a better validation loss, and keeps its best epoch.
    `views` are made of the pictures in each round of R- and O-Net (see `augmentation.camera_view`), to mine samples from.
    `kept` is the share (0..1) of the weights that the training began from, in the mean that P-, R- and O-Net end as.
    """

    pnet_steps: int = 2000
    rnet_steps: tuple[int, ...] = (1000, 1000)
    onet_steps: tuple[int, ...] = (1000, 2400)
    views: int = 3000
    pnet_batch: int = 16
    rnet_batch: int = 512
    onet_batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    kept: tuple[float, float, float] = (0.3, 0.3, 0.0)
    min_face_px: float = 10
    loose: tuple[float, float] = (0.2, 0.05)
    epoch: int = 250
    patience: int = 5
    seed: int = 0

    def scaled(self, effort: float) -> "DetectorRecipe":
        """The recipe with `effort` times the steps and views."""
        several = [
            tuple(max(1, round(steps * effort)) for steps in stage)
            for stage in (self.rnet_steps, self.onet_steps)
        ]
        return replace(
            self,
            views=max(MIN_VIEWS, round(self.views * effort)),
            pnet_steps=max(1, round(self.pnet_steps * effort)),
            rnet_steps=several[0],
            onet_steps=several[1],
        )


@dataclass(frozen=True, slots=True)
class Epoch:
    """`recall` and `precision` are of the stage's own task on the validation part, at a probability of 0.5.

    `images_per_s` are the views, or crops, that the training took a second.
    """

    stage: str
    step: int
    loss: float
    validation_loss: float
    recall: float
    precision: float
    best: bool
    images_per_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Run:
    """Where and how a training runs. `folder` keeps its checkpoints: one that was stopped goes on from there.

    `on_step` is told a stage's name, its steps done, and its steps. So many threads as `workers` make pictures, None for
    one a core; the weights are the same.
    """

    recipe: DetectorRecipe
    device: torch.device
    folder: Path
    on_epoch: Callable[[Epoch], None]
    on_step: Callable[[str, int, int], None]
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class _Stage:
    """One stage's training: batches by number of the step, and the batches that it is tried on."""

    name: str
    network: Stage
    steps: int
    batches: Callable[[int, int], Iterator[TrainingBatch]]
    validation: Sequence[TrainingBatch]


def train(
    training: Sequence[SeenImage], validation: Sequence[SeenImage], start: Weights, run: Run
) -> Weights:
    """The cascade fine-tuned from `start`, its operating point still that of `start`, whose O-Net it holds besides.

    Raises `DataError` when a part shows no face.
    """
    for name, part in (("training", training), ("validation", validation)):
        if not any(image.faces for image in part):
            raise DataError(f"no picture of the {name} part shows a face")
    recipe = run.recipe
    torch.manual_seed(recipe.seed)
    teacher = deepcopy(start.onet).to(run.device)
    weights = replace(
        start,
        pnet=deepcopy(start.pnet),
        rnet=deepcopy(start.rnet),
        onet=deepcopy(start.onet),
        old_onet=start.old_onet or start.onet,
    )
    views = PyramidBatches(training, recipe.pnet_batch, recipe.seed, run.workers)
    tried = list(
        PyramidBatches(validation, recipe.pnet_batch, recipe.seed + 1).batches(
            0, max(20, min(60, len(validation) // 2))
        )
    )
    _fit(_Stage("P-Net", weights.pnet, recipe.pnet_steps, views.batches, tried), run)
    for number, (rnet_steps, onet_steps) in enumerate(
        zip(recipe.rnet_steps, recipe.onet_steps, strict=True), 1
    ):
        for network, side_px, steps, size in (
            (weights.rnet, RNET_PX, rnet_steps, recipe.rnet_batch),
            (weights.onet, ONET_PX, onet_steps, recipe.onet_batch),
        ):
            name = f"{'R' if side_px == RNET_PX else 'O'}-Net {number}"
            if _is_done(run.folder, name, network):
                continue
            told = partial(run.on_step, f"{name}, mining")
            detector, seed = _loose(weights, run), (recipe.seed, number, side_px)
            crops = mine(detector, training, side_px, seed, recipe.views, on_view=told, workers=run.workers)
            drawn = MinedBatches(crops, size, seed, run.workers)
            few = max(MIN_VIEWS, recipe.views // VALIDATION_VIEWS)
            tried_on = mine(detector, validation, side_px, seed, few, workers=run.workers)
            tests = list(in_order(tried_on, 1024))
            stage = _Stage(name, network, steps, drawn.batches, tests)
            _fit(stage, run, teacher if side_px == ONET_PX else None)
    for learnt, before, share in (
        (weights.pnet, start.pnet, recipe.kept[0]),
        (weights.rnet, start.rnet, recipe.kept[1]),
        (weights.onet, start.onet, recipe.kept[2]),
    ):
        average(learnt, before, share)
    return weights


def _loose(weights: Weights, run: Run) -> Mtcnn:
    """The cascade as it stands, letting through what later stages are to learn from."""
    settings = Settings(min_face_px=run.recipe.min_face_px, thresholds=(*run.recipe.loose, 0.0))
    return Mtcnn(choose("auto", weights, run.device), settings, "training")


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-').lower()}.safetensors"


def _is_done(folder: Path, name: str, network: Stage) -> bool:
    """Whether the stage is finished; then the network is put to what it gave."""
    done = load_checkpoint(_path(folder, name).with_suffix(".done.safetensors"), network) is not None
    if done:
        network.eval().requires_grad_(requires_grad=False)
    return done


def _fit(stage: _Stage, run: Run, teacher: ONet | None = None) -> None:
    """Train the stage's network in place, on from its checkpoint; it ends as its best epoch, ready to predict."""
    network, path, recipe, device = stage.network, _path(run.folder, stage.name), run.recipe, run.device
    best_path, done_path = (path.with_suffix(f".{kind}.safetensors") for kind in ("best", "done"))
    if _is_done(run.folder, stage.name, network):
        return
    network.train().requires_grad_(requires_grad=True).to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    state: dict[str, Any] = {"step": 0, "loss": math.inf, "since": 0}
    state = load_checkpoint(path, network, optimizer) or state
    total, rate = torch.zeros((), dtype=torch.float64, device=device), Rate()
    for step, batch in enumerate(stage.batches(state["step"], stage.steps), state["step"] + 1):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warm_then_cosine(step - 1, stage.steps)
        with torch.autocast(device.type, torch.bfloat16, enabled=_has_bfloat16(device)):
            loss = _loss(network, batch.on(device), teacher)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach()
        rate.count(len(batch.rgb))
        run.on_step(stage.name, step, stage.steps)
        if step % recipe.epoch == 0 or step == stage.steps:
            mean, images_per_s = float(total), rate.per_s()  # of the training alone
            tried = _tried(network, stage.validation, device)
            better = tried[0] < state["loss"]
            state = {
                "step": step,
                "loss": min(tried[0], state["loss"]),
                "since": 0 if better else state["since"] + 1,
            }
            steps = recipe.epoch if step % recipe.epoch == 0 else step % recipe.epoch
            run.on_epoch(
                Epoch(stage.name, step, mean / steps, *tried, best=better, images_per_s=images_per_s)
            )
            total.zero_()
            rate = Rate()
            if better:
                save_checkpoint(best_path, network, None, state)
            save_checkpoint(path, network, optimizer, state)
            if state["since"] >= recipe.patience:
                break
    load_checkpoint(best_path, network)
    network.eval().requires_grad_(requires_grad=False).cpu()  # weights lie there, wherever they are used
    save_checkpoint(done_path, network, None, state)
    for unfinished in (path, best_path):
        unfinished.unlink(missing_ok=True)


def _has_bfloat16(device: torch.device) -> bool:
    """Where it is quick: half the time for O-Net, and nothing that the figures would show."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - torch has no public question


def _answers(network: Stage, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of the two classes `(K, 2)` and offsets `(K, 4)` for every place, and what the heads saw."""
    x = normalise(rgb.permute(0, 3, 1, 2))
    for layer in network.layers():
        x = layer(x)
    kinds, moves = (head(x) for head in network.heads())
    if kinds.dim() == 4:  # P-Net's maps
        kinds, moves = (maps.permute(0, 2, 3, 1).flatten(0, 2) for maps in (kinds, moves))
    return kinds, moves, x


def _loss(network: Stage, batch: TrainingBatch, teacher: ONet | None) -> Tensor:
    kinds, offsets = batch.kinds.flatten(), batch.offsets.flatten(0, -2)
    logits, moves, seen = _answers(network, batch.rgb)
    face, part, none = (kinds == kind for kind in (Kind.POSITIVE, Kind.PART, Kind.NEGATIVE))
    each = cross_entropy(logits, face.long(), reduction="none")
    if isinstance(network, PNet):  # nearly all of a view shows no face
        focused = each * (1 - (-each).exp()) ** FOCUS
        score = (FACE_SHARE * focused[face].sum() + (1 - FACE_SHARE) * focused[none].sum()) * (
            2 / max(1, int(face.sum()))
        )
    else:
        worst = each[none].topk(int(HARD * int(none.sum()))).values
        score = (each[face].sum() + worst.sum()) / max(1, int(face.sum()) + len(worst))
    near = face | part
    place = smooth_l1_loss(moves[near], offsets[near], beta=0.1) if near.any() else moves.sum() * 0
    loss = score + OFFSET_WEIGHT * place
    if teacher is not None and isinstance(network, ONet):
        with torch.no_grad():
            known, _, before = _answers(teacher, batch.rgb)
            sure = face & (known.softmax(dim=1)[:, 1] >= SURE_FACE)
            wanted = teacher.dense6_3(before)[sure]
        if sure.any():
            loss = loss + LANDMARK_WEIGHT * smooth_l1_loss(network.dense6_3(seen)[sure], wanted, beta=0.1)
    return loss


@torch.no_grad()
def _tried(
    network: Stage, validation: Sequence[TrainingBatch], device: torch.device
) -> tuple[float, float, float]:
    """Loss, and recall and precision at a probability of 0.5, over all the validation batches."""
    network.eval()
    faces = nones = found = wrong = 0
    face_loss = none_loss = moved = 0.0
    for batch in validation:
        there = batch.on(device)
        kinds, offsets = there.kinds.flatten(), there.offsets.flatten(0, -2)
        logits, moves, _ = _answers(network, there.rgb)
        face, none = kinds == Kind.POSITIVE, kinds == Kind.NEGATIVE
        each = cross_entropy(logits, face.long(), reduction="none")
        said = logits[:, 1] > logits[:, 0]
        faces, nones = faces + int(face.sum()), nones + int(none.sum())
        found, wrong = found + int(said[face].sum()), wrong + int(said[none].sum())
        face_loss, none_loss = face_loss + each[face].sum().item(), none_loss + each[none].sum().item()
        if face.any():
            moved += smooth_l1_loss(moves[face], offsets[face], beta=0.1, reduction="sum").item() / 4
    network.train()
    loss = face_loss / max(1, faces) + none_loss / max(1, nones) + OFFSET_WEIGHT * moved / max(1, faces)
    return loss, found / max(1, faces), found / max(1, found + wrong)
