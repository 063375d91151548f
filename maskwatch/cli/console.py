"""The two consoles: results on standard output, progress and errors on standard error."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

out = Console()
errors = Console(stderr=True)

Item = TypeVar("Item")


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show a bar while the block runs, if a person looks on; gives the function to call for each finished item."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def tracked(what: str) -> Callable[[Iterable[Item]], Iterable[Item]]:
    """A bar around whatever is gone through."""

    def through(items: Iterable[Item]) -> Iterator[Item]:
        items = list(items)
        with progress(what, len(items)) as advance:
            for item in items:
                yield item
                advance()

    return through


def tell_problems(problems: Iterable[str]) -> None:
    """What could not be used, a line each, on standard error."""
    for problem in problems:
        errors.print(problem, style="yellow", markup=False, soft_wrap=True)
