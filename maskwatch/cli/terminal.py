"""The two consoles: results on standard output, progress and errors on standard error."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment

from maskwatch.cli.progress_log import ProgressLog
from maskwatch.core.text import terminal_safe


class SafeConsole(Console):
    """A console on which names and messages from elsewhere cannot do anything but stand there."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments, of which the text is `terminal_safe`; rich's own control codes stay."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(terminal_safe(text), style)


out = SafeConsole()
errors = SafeConsole(stderr=True)

Item = TypeVar("Item")
Classes = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME=LABEL",
        help="What a class of the data means: protected, unprotected, worn_wrong, unknown, or no_face. "
        "May be given several times; the usual names are known.",
    ),
]

Flat = Annotated[
    bool, typer.Option("--flat", help="No sub-folders: `_` for `/` in names, for tools that read none.")
]


def _bars() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=errors, transient=True)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Show a bar while the block runs, on a terminal, else log a line now and then.

    Returns the function to call for each finished item, or with how many are.
    """
    if not errors.is_terminal:
        yield ProgressLog(what, total).advance
        return
    with _bars() as bars:
        task = bars.add_task(what, total=total)
        yield lambda count=1: bars.advance(task, count)


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Like `progress`, of work in stages, a bar each; returns the function to call with a stage, its steps done and its steps."""
    if not errors.is_terminal:
        yield _log_stages()
        return
    with _bars() as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, of: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=of)
            bars.update(tasks[stage], completed=done)

        yield show


def _log_stages() -> Callable[[str, int, int], None]:
    logs: dict[str, ProgressLog] = {}

    def show(stage: str, done: int, of: int) -> None:
        if stage not in logs:
            logs[stage] = ProgressLog(stage, of)
        logs[stage].update(done)

    return show


def tracked(what: str) -> Callable[[Iterable[Item]], Iterable[Item]]:
    """A bar around whatever is gone through."""

    def through(items: Iterable[Item]) -> Iterator[Item]:
        items = list(items)
        with progress(what, len(items)) as advance:
            for item in items:
                yield item
                advance()

    return through


def say(line: str) -> None:
    """A line on standard output just as it is: no markup is read in it, and nothing breaks it."""
    out.print(line, markup=False, soft_wrap=True)


def is_wanted(told: str, option: str, *, yes: bool) -> bool:
    """Whether what is `told` is to be done: said by the option `yes`, which `option` tells of, or when asked at a terminal."""
    if yes:
        return True
    say(f"{told}; --yes {option}")
    return sys.stdin.isatty() and sys.stdout.isatty() and typer.confirm("Now?")


def tell_problems(problems: Iterable[str]) -> None:
    """What could not be used, a line each, on standard error."""
    for problem in problems:
        errors.print(problem, style="yellow", markup=False, soft_wrap=True)
