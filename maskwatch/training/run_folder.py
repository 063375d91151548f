"""A training's folder: what it was asked to do, and its figures for TensorBoard."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch.utils.tensorboard import SummaryWriter

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Rgb
from maskwatch.platform.files import parents_of, write_atomically


@contextmanager
def training_folder(folder: Path, task: Mapping[str, Any]) -> Iterator[bool]:
    """Claim the folder for the block, a training; returns what `claim` does.

    A training that is refused leaves none, so that it takes the mended data; nor does one that ends before its
    first checkpoint, as nothing in it could be gone on with.
    """
    with parents_of(folder):
        goes_on = claim(folder, task)
        try:
            yield goes_on
        except BaseException as e:
            if isinstance(e, DataError) or not _has_checkpoint(folder):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def claim(folder: Path, task: Mapping[str, Any]) -> bool:
    """Make the folder this task's; whether it was so before, so that a stopped training goes on.

    Raises `DataError` when it holds another task's checkpoints, which would be mixed up.
    """
    path = folder / "training.json"
    text = json.dumps(task, indent=1, sort_keys=True)
    if path.exists():
        if path.read_text() == text:
            return True
        if _has_checkpoint(folder):
            raise DataError(
                f"{folder}: holds a training of other data or settings; remove it, or give another -o"
            )
        shutil.rmtree(folder)
    write_atomically(path, text.encode())
    return False


def _has_checkpoint(folder: Path) -> bool:
    return any(folder.glob("[!.]*.safetensors"))


def fingerprint(images: Iterable[tuple[Rgb, *tuple[Sequence[Box], ...]]]) -> str:
    """Tells data from other data: a digest over the pixels and the boxes of one or several kinds."""
    digest = hashlib.sha256()
    for rgb, *kinds in images:
        digest.update(rgb.tobytes())
        for boxes in kinds:
            digest.update(repr([tuple(map(float, box)) for box in boxes]).encode())
    return digest.hexdigest()[:16]


class Journal:
    """Figures by step: `tensorboard --logdir FOLDER` draws them."""

    def __init__(self, folder: Path) -> None:
        self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def note(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step, each as the scalar `STAGE/NAME`."""
        for name, value in figures.items():
            self._writer.add_scalar(f"{stage}/{name}", value, step)
