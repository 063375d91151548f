"""A training that a person at the terminal can follow."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from maskwatch.cli.terminal import say, tell_problems, tracked

if TYPE_CHECKING:
    from maskwatch.training import Callbacks


def callbacks(stage: Callable[[str, int, int], None] = lambda *_: None) -> "Callbacks":
    """Lines, problems and bars on the terminal; `stage` gets a stage, its steps done, and its steps."""
    from maskwatch.training import Callbacks

    return Callbacks(say, tell_problems, tracked, stage)
