"""What a graphics card says when its memory is full, and when it is lost.

After some errors a card answers no call of this process any more, whoever asks; only a new process may find it well
again. So which are lost is remembered here for the whole process.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from maskwatch.core.errors import DeviceLost

# what CUDA and its libraries say of themselves in a plain RuntimeError
WORDS = ("CUDA error", "CUDNN_STATUS", "cuDNN error", "CUBLAS_STATUS", "CUDA driver error")
FULL = ("out of memory", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")

_lost: set[int] = set()


def lost_cards() -> frozenset[int]:
    """The numbers of the cards that this process has lost."""
    return frozenset(_lost)


def is_full(error: BaseException) -> bool:
    """Whether an error says that the card's memory is not enough."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return _is_cards(error) and any(word in str(error) for word in FULL)


def uploaded(tensor: Tensor, card: torch.device) -> Tensor:
    """A copy on the card, through page-locked memory, so that the processor waits for nothing; on the processor itself the same tensor."""
    if card.type == "cpu":
        return tensor
    pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return pinned.copy_(tensor).to(card, non_blocking=True)


@contextmanager
def noticing_loss(device: torch.device) -> Iterator[None]:
    """Within the block, an error by which a card is lost, or too small, is raised as `DeviceLost`; others as they are."""
    try:
        yield
    except RuntimeError as e:
        if device.type == "cpu" or not (_is_cards(e) or is_full(e)):
            raise
        _lost.add(device.index or 0)
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise DeviceLost(f"device: {device} is given up: {reason}") from e


def _is_cards(error: BaseException) -> bool:
    if isinstance(error, torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)
