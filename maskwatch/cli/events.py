"""`maskwatch events`: what happened, at the terminal, as a table, as a report to mail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import is_wanted, out, progress, say
from maskwatch.core.errors import ConfigError, EventError
from maskwatch.core.events import EventKind
from maskwatch.core.text import pluralize
from maskwatch.platform.clock import local_day, utc_now

if TYPE_CHECKING:
    from maskwatch.config.load import Config as Settings
    from maskwatch.events.store import EventFilter, EventStore

app = typer.Typer(help="What happened: alerts, outages, who passed.", no_args_is_help=True)


class Language(StrEnum):
    """Of the report."""

    EN = "en"
    KO = "ko"


Config = Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file of the service.")]
Since = Annotated[str | None, typer.Option("--since", metavar="DAY", help="On this day or later.")]
Until = Annotated[str | None, typer.Option("--until", metavar="DAY", help="On this day or before.")]
Cameras = Annotated[
    list[str] | None,
    typer.Option("--camera", metavar="NAME", help="Of this camera; may be given several times."),
]
Kinds = Annotated[
    list[EventKind] | None, typer.Option("--kind", help="Of this kind alone; may be given several times.")
]


@app.command("list")
def list_(
    since: Since = None,
    until: Until = None,
    camera: Cameras = None,
    kind: Kinds = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a line, with all that is known.")
    ] = False,
    config: Config = None,
) -> None:
    """The newest events first."""
    from maskwatch.console.history.sentences import badges, sentence
    from maskwatch.console.texts import Texts

    with _store(settings_for("events", config)) as store:
        wanted = _wanted(since, until, camera, kind)
        found = store.find(wanted, limit=limit)
        total = store.count(wanted)
    if as_json:
        for event in found:
            about: dict[str, object] = {
                "id": event.id,
                "kind": event.kind.value,
                "at": event.at,
                "ended_at": event.ended_at,
            }
            about |= {"camera": event.camera, "site": event.site, "data": dict(event.data)}
            say(json.dumps(about, ensure_ascii=False))
        return
    t = Texts("en")
    table = Table(*(Column(name, overflow="fold") for name in ("time", "kind", "camera", "what")))
    for event in found:
        what = " · ".join([sentence(t, event), *badges(t, event)])
        at = f"{datetime.fromtimestamp(event.at).astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(at, event.kind.value, escape(event.camera or ""), escape(what))
    out.print(table)
    all_of_them = pluralize(total, "event")
    say(f"{len(found)} of {all_of_them}" if len(found) < total else all_of_them)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The table to write (CSV).")],
    since: Since = None,
    until: Until = None,
    camera: Cameras = None,
    kind: Kinds = None,
    config: Config = None,
) -> None:
    """All events as a table for a spreadsheet, for you alone to read."""
    from maskwatch.events.csv_export import csv_lines
    from maskwatch.events.timeline import walk
    from maskwatch.platform.files import replacing

    with _store(settings_for("events", config)) as store:
        wanted = _wanted(since, until, camera, kind)
        total = store.count(wanted)
        with (
            progress("events", total) as advance,
            replacing(file) as part,
            part.open("w", encoding="utf-8", newline="") as table,
        ):
            for line in csv_lines(walk(store, wanted)):
                table.write(line)
                advance()
    say(f"{file}: {pluralize(total, 'event')}")


@app.command()
def report(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The report to write (PDF).")],
    week: Annotated[
        str | None,
        typer.Option(
            "--week", metavar="WEEK", help="Like 2026-W48, or a day of it; else the last whole week."
        ),
    ] = None,
    camera: Cameras = None,
    pictures: Annotated[
        bool,
        typer.Option("--pictures", help="With pictures of the worst moments: people are to be seen on them."),
    ] = False,
    language: Annotated[Language, typer.Option("--language", help="Of its texts.")] = Language.EN,
    config: Config = None,
) -> None:
    """A week on one to three pages, to mail, for you alone to read."""
    from maskwatch.console.texts import Texts
    from maskwatch.events.media import Media
    from maskwatch.events.week import week_of
    from maskwatch.output.week_report import pdf
    from maskwatch.platform.files import write_atomically

    settings = settings_for("events", config)
    day = _day_of_week(week)
    with _store(settings) as store:
        found = week_of(store, day, camera or (), now=utc_now().timestamp())
    if not found.events:
        raise EventError(
            f"{settings.events.dir}: no events in the week {found.days[0][0]} to {found.days[-1][0]}"
        )
    media = Media(settings.events.dir)
    stills = {event.id: media.still(event.id) for event in found.worst} if pictures else {}
    there = {event_id: path for event_id, path in stills.items() if path.is_file()}
    write_atomically(file, pdf(found, Texts(language.value), utc_now(), there))
    say(f"{file}: {found.days[0][0]} to {found.days[-1][0]}")


@app.command("remove-site")
def remove_site(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Its events.site, as the page *Sites* has it.")],
    store: Annotated[
        str,
        typer.Option(
            "--store",
            help="The shared database, as its owner, who may delete; {MASKWATCH_NAME} stands for a password.",
        ),
    ],
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Delete it; without this, tell what would go, and ask at a terminal."),
    ] = False,
) -> None:
    """Take a site that is no more off the page *Sites*: all its events in the shared database go."""
    from contextlib import closing

    from maskwatch.cli.console import store_address
    from maskwatch.events.erase import erase_site
    from maskwatch.events.sites import SiteState, sites_of
    from maskwatch.events.store import EventFilter, EventStore

    with closing(EventStore.shared(store_address(store), "remove-site")) as shared:
        sites = {each.name: each for each in sites_of(shared, utc_now().timestamp())}
        if (found := sites.get(site)) is None:
            raise EventError(f"{site!r} is no site of that database; it has {', '.join(sites) or 'none'}")
        if found.state not in {SiteState.SILENT, SiteState.STOPPED}:
            raise EventError(
                f"{site!r}: its service writes still, and would come back; stop it, or take its events.url away"
            )
        number = pluralize(shared.count(EventFilter(sites=(site,))), "event")
        heard = f"{datetime.fromtimestamp(found.heard_at).astimezone():%Y-%m-%d %H:%M}"
        if not is_wanted(
            f"{site}, heard of last on {heard}: {number} would go", "deletes them for good", yes=yes
        ):
            return
        say(
            f"{site}: {pluralize(erase_site(shared, site), 'event')} deleted; its own database, if there is one still, stays"
        )


@contextmanager
def _store(settings: "Settings") -> Iterator["EventStore"]:
    """That of the service; none is made where none is."""
    from maskwatch.events.store import FILE, EventStore

    path = settings.events.dir / FILE
    if not path.is_file():
        raise EventError(
            f"{path}: no events are kept there (events.dir); -c names the service's configuration"
        )
    store = EventStore.in_folder(settings.events.dir)
    try:
        yield store
    finally:
        store.close()


def _wanted(
    since: str | None, until: str | None, cameras: list[str] | None, kinds: list[EventKind] | None
) -> "EventFilter":
    from maskwatch.events.ratios import day_span
    from maskwatch.events.store import EventFilter

    first, last = (_day(name, text) for name, text in (("since", since), ("until", until)))
    return EventFilter(
        None if first is None else day_span(first).since,
        None if last is None else day_span(last).until,
        tuple(cameras or ()),
        tuple(kinds or ()),
    )


def _day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as e:
        raise ConfigError(f"--{option}: must be a day like 2026-11-01, got {text!r}") from e


def _day_of_week(text: str | None) -> date:
    if text is None:
        return local_day(utc_now().timestamp()) - timedelta(days=7)
    try:
        return date.fromisoformat(text)  # 2026-W48, too: its Monday
    except ValueError as e:
        raise ConfigError(f"--week: must be like 2026-W48 or 2026-11-23, got {text!r}") from e
