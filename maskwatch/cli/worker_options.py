"""The options of commands whose work can be spread."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from maskwatch.parallel.settings import WorkerSettings

WorkersOption = Annotated[
    int | None,
    typer.Option(min=0, max=1024, help="Processes that work at once, each on one core; 0: one a core."),
]
RayOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Work on a Ray cluster: its address, auto, or local for one of this machine; --workers is the most.",
    ),
]


def chosen_workers(workers: int | None, ray: str | None) -> "WorkerSettings | None":
    """Who is to do the work; None where neither option is given."""
    from maskwatch.parallel.settings import WorkerSettings

    return None if workers is None and ray is None else WorkerSettings(workers or None, ray)
