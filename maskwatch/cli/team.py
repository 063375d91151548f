"""`maskwatch queue agreement` and `queue progress`: how people label together."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.queue import Config, Folder
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, say
from maskwatch.core.text import pluralize
from maskwatch.platform.paths import looked_at

if TYPE_CHECKING:
    from maskwatch.samples.agreement import Figure, Interval
    from maskwatch.samples.store import Queue

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")]


def _queues(folder: Path | None, config: Path | None) -> "tuple[Queue, Queue | None]":
    """The queue, and the samples that were learned from; these only of a configuration's own queue."""
    from maskwatch.samples.store import Queue

    settings = settings_for("queue", config)
    if folder is not None:
        return Queue(folder), None
    return Queue(settings.queue.dir), Queue(settings.learn.archive / "samples")


def agreement(folder: Folder = None, config: Config = None, as_json: AsJson = False) -> None:
    """How far two people who labelled the same picture agree, by label, by pair and by person.

    Kappa is 1 where all labels are the same, 0 where they agree as by chance; with its 95 % interval.
    """
    from maskwatch.samples.agreement import agreement as summed
    from maskwatch.samples.agreement import comparisons

    queue, learned = _queues(folder, config)
    found = summed(comparisons([*queue.samples(), *(learned.samples() if learned else ())]))
    if as_json:
        say(json.dumps(found.to_json(), ensure_ascii=False, indent=1))
        return
    table = Table("", "pictures", "faces", "kappa", "found by both")
    rows = [("all", found.total), *((f"label {each.value}", figure) for each, figure in found.labels.items())]
    rows += [(f"{one} and {other}", figure) for (one, other), figure in found.pairs.items()]
    rows += [(f"{name} and others", figure) for name, figure in found.people.items()]
    for name, figure in rows:
        table.add_row(escape(name), str(figure.pictures), str(figure.faces), *_figures(figure))
    if found.total.pictures:
        out.print(table)
    seen = pluralize(found.total.pictures, "picture")
    say(f"{seen} labelled by two in {looked_at(queue.folder)}")


def _figures(figure: "Figure") -> tuple[str, str]:
    return _with_interval(figure.kappa, figure.kappa_interval), _with_interval(
        figure.found_by_both, figure.found_interval
    )


def _with_interval(value: float | None, interval: "Interval | None") -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")


def progress(folder: Folder = None, config: Config = None, as_json: AsJson = False) -> None:
    """What each person has labelled: today, in seven days, in all, by label, and what still waits for her."""
    from maskwatch.platform.clock import utc_now
    from maskwatch.samples.team import read_team
    from maskwatch.samples.work_done import work_done

    queue, learned = _queues(folder, config)
    team = read_team(queue.folder)
    done = work_done(queue.samples(), team, utc_now(), learned.samples() if learned else ())
    if as_json:
        say(json.dumps([each.to_json() for each in done], ensure_ascii=False, indent=1))
        return
    columns = ("name", "today", "7 days", "all", "faces", "median s", "waiting", "returned")
    table = Table(*(Column(name, overflow="fold") for name in columns))
    for each in done:
        median = "-" if each.median_s is None else f"{each.median_s:.1f}"
        faces = [f"{count} {label.replace('_', ' ')}" for label, count in each.labels.items() if count]
        numbers = (str(each.today), str(each.week), str(each.total))
        waiting = (str(each.waiting), str(each.returned))
        table.add_row(escape(each.name), *numbers, "\n".join(faces), median, *waiting)
    if done:
        out.print(table)
    say(f"{pluralize(len(done), 'person')} in {looked_at(queue.folder)}")
