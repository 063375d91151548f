"""What a training tells while it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from maskwatch.core.progress import Bar, no_bar


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Each does nothing unless it is given.

    `say` gets lines for people, `problems` what of the data cannot be used; `bar` shows what is gone through and
    `stage` a stage's steps done and its steps; `epoch` gets each `Epoch` with its figures.
    """

    say: Callable[[str], None] = _nothing
    problems: Callable[[Sequence[str]], None] = _nothing
    bar: Bar = no_bar
    stage: Callable[[str, int, int], None] = _nothing
    epoch: Callable[[Any], None] = _nothing
