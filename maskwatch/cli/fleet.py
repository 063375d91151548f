"""`maskwatch fleet`: models that are published once and pulled by many services."""

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, say
from maskwatch.core.errors import ConfigError, FleetError, SignatureError
from maskwatch.core.text import one_line, pluralize, terminal_safe
from maskwatch.fleet.stages import Stage
from maskwatch.platform.clock import utc_now

if TYPE_CHECKING:
    from maskwatch.fleet.manifest import Manifest
    from maskwatch.fleet.publish import Publisher
    from maskwatch.fleet.report import ServiceReport

OTHERS_READ = 0o005
SOON = timedelta(days=7)

app = typer.Typer(help="Models for many services: published, staged, withdrawn.", no_args_is_help=True)

Key = Annotated[Path, typer.Option("--key", help="The private key that `fleet keygen` wrote.")]
Folder = Annotated[
    Path, typer.Option("--to", help="The fleet's folder: a file share, or what a web server serves.")
]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="As `models list` gives it.")]
Config = Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")]


@app.command()
def keygen(
    to: Annotated[
        Path, typer.Option("-o", help="The private key's file; the public one gets .pub at its end.")
    ],
) -> None:
    """Make the key that signs. With MASKWATCH_FLEET_PASSPHRASE set, it is encrypted by that."""
    from maskwatch.fleet.signing import PASSPHRASE, make_key

    public = make_key(to, os.environ.get(PASSPHRASE))
    say(f"{to}: keep it where models are published, and nowhere else")
    out.print(public.read_text(encoding="utf-8").strip(), soft_wrap=True, markup=False, highlight=False)


@app.command()
def publish(
    version: Version,
    key: Key,
    to: Folder,
    registry: Annotated[
        Path | None, typer.Option("--dir", help="The registry's folder; else the configuration's.")
    ] = None,
    config: Config = None,
) -> None:
    """Put a version of the registry into the fleet's folder, signed. It begins in the shadow."""
    from maskwatch.models.registry import Registry

    source = Registry(registry or settings_for("fleet publish", config).models.dir)
    _say_published(_publisher(to, key).publish(source, version), version, to)
    if to.stat().st_mode & OTHERS_READ != OTHERS_READ:
        say(f"{to}: other users may not read it, nor may their services (chmod o+rx {to})")


@app.command()
def stage(
    version: Version,
    stage: Annotated[str, typer.Argument(metavar="shadow|tenth|all", help="How far it may go.")],
    key: Key,
    to: Folder,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also when a service has refused it or gone back from it.")
    ] = False,
    pilots: Annotated[
        list[str] | None,
        typer.Option("--service", help="With tenth: this service in place of a tenth; repeat it."),
    ] = None,
) -> None:
    """Let a published version go on: tried in the shadow, serving at a tenth of the services, serving at all."""
    aim = _aim(stage)
    if pilots and aim is not Stage.TENTH:
        raise FleetError("--service goes with tenth alone")
    refusals = [(each.name, each.refused[version]) for each in _reports(to) if version in each.refused]
    if refusals and aim is not Stage.SHADOW and not anyway:
        name, why = refusals[0]
        raise FleetError(
            f"{pluralize(len(refusals), 'service')} refused {version} or went back from it: {name}: {why} "
            "(--anyway, to stage it all the same)"
        )
    _say_published(_publisher(to, key).stage(version, aim, pilots or ()), version, to)


@app.command()
def withdraw(version: Version, key: Key, to: Folder) -> None:
    """Take a version back: every service that took it goes back to what served before."""
    _say_published(_publisher(to, key).stage(version, Stage.WITHDRAWN), version, to)


@app.command()
def refresh(
    key: Key,
    to: Folder,
    valid_days: Annotated[
        int | None, typer.Option("--valid-days", min=1, max=3650, help="So long; else as long as before.")
    ] = None,
) -> None:
    """Sign what is published anew before it expires, which services warn of; every other publication does so, too."""
    manifest = _publisher(to, key).refresh(None if valid_days is None else timedelta(days=valid_days))
    say(f"manifest {manifest.sequence} in {to}, {_validity(manifest)}")


@app.command()
def status(
    to: Folder,
    key: Annotated[
        str | None,
        typer.Option("--public-key", help="The public key or its file, to check the signature with."),
    ] = None,
) -> None:
    """What is published, and what each service says that it runs."""
    from maskwatch.fleet.evidence import evidence
    from maskwatch.fleet.publish import read_manifest, unverified_manifest
    from maskwatch.fleet.signing import read_public

    manifest = read_manifest(to, read_public(key)) if key else unverified_manifest(to)
    if manifest is None:
        raise FleetError(f"{to}: nothing is published there")
    table = Table(Column("version", no_wrap=True), "stage", "from", "MB")
    for each in manifest.releases:
        table.add_row(each.version, each.stage, each.parent or "-", f"{each.size / 1e6:.1f}")
    out.print(table)
    reports = _reports(to)
    services = Table("service", Column("serves", no_wrap=True), "said (UTC)", "state")
    for report in reports:
        at = f"{report.at:%Y-%m-%d %H:%M}"
        services.add_row(
            _shown(report.name), _shown(report.serves), at, _shown(_remark(report, manifest.sequence))
        )
    out.print(services)
    for each in manifest.releases:
        if (seen := evidence(each, reports, utc_now())) is not None:
            say(seen)
    say(
        f"manifest {manifest.sequence} of {manifest.published_at:%Y-%m-%d %H:%M} UTC, {_validity(manifest)}"
        f"{'' if key else ', whose signature was not checked (--public-key)'}; "
        f"{pluralize(len(reports), 'service')} told what it runs"
    )


@app.command()
def remove(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Its name, as `fleet status` has it.")],
    to: Folder,
) -> None:
    """Take a service that is no more out of `fleet status`."""
    from maskwatch.fleet.report import remove_report

    remove_report(to, service)
    say(f"{service}: removed from the services of {to}")


@app.command()
def follow(config: Annotated[Path, typer.Option("-c", "--config", help="The configuration file.")]) -> None:
    """Let the fleet decide again which version serves here, after somebody chose one."""
    from maskwatch.fleet.state import StateFiles

    settings = settings_for("fleet follow", config)
    if settings.fleet.public_key is None:  # the address may need a password
        raise ConfigError(f"{config}: has no fleet section (fleet.address, fleet.public_key)")
    was_held = StateFiles(settings.models.dir).release()
    say("the fleet is followed again" if was_held else "the fleet is followed already")


def _aim(stage: str) -> Stage:
    if stage == Stage.WITHDRAWN:
        raise FleetError("maskwatch fleet withdraw takes a version back")
    if stage not in set(Stage):
        raise FleetError(f"{stage!r} is no stage: shadow, tenth or all")
    return Stage(stage)


def _publisher(folder: Path, key: Path) -> "Publisher":
    from maskwatch.fleet.publish import Publisher
    from maskwatch.fleet.signing import PASSPHRASE, read_private

    publisher = Publisher(folder, read_private(key, os.environ.get(PASSPHRASE)))
    try:
        publisher.manifest()
    except SignatureError:
        raise FleetError(f"{folder}: the manifest there is signed with another key than {key}") from None
    return publisher


def _say_published(manifest: "Manifest", version: str, folder: Path) -> None:
    release = manifest.release(version)
    assert release is not None
    say(f"{version}: {release.stage}, by manifest {manifest.sequence} in {folder}, {_validity(manifest)}")
    if release.stage is Stage.TENTH:
        known = [each.name for each in _reports(folder)]
        tenth = [name for name in known if release.serves(name)]
        named = f": {', '.join(map(_shown, tenth))}" if tenth else ""
        say(f"{len(tenth)} of {pluralize(len(known), 'service')} known are of its tenth{named}")
        if known and not tenth:
            say(
                "it serves nowhere yet, and its shadow run ends; with fewer than about 30 services, go on to `all` "
                "or name some (--service NAME)"
            )


def _validity(manifest: "Manifest") -> str:
    if manifest.expires_at is None:
        return "valid without end (maskwatch fleet refresh gives it one)"
    left = manifest.expires_at - utc_now()
    day = f"{manifest.expires_at:%Y-%m-%d}"
    if left <= timedelta():
        return f"EXPIRED on {day}: services no longer follow it (maskwatch fleet refresh)"
    return f"valid until {day}" + (" (maskwatch fleet refresh, before that)" if left < SOON else "")


def _reports(folder: Path) -> "list[ServiceReport]":
    from maskwatch.fleet.report import read_reports

    return list(read_reports(folder))


def _remark(report: "ServiceReport", latest: int) -> str:
    now = utc_now()
    said = [f"silent since {report.at:%Y-%m-%d %H:%M}"] if report.is_silent(now) else []
    if report.may_be_retired(now):
        said.append("if it is retired: maskwatch fleet remove")
    if report.not_followed:
        said.append(f"does not follow: {report.not_followed}")
    if report.sequence != latest:
        said.append("has seen an older manifest" if report.sequence else "has seen no manifest yet")
    if report.held:
        said.append("a version was chosen there")
    if report.shadow:
        said.append(
            f"tries {report.shadow}: {report.differing} of {pluralize(report.frames, 'frame')} differ"
        )
    if report.problem:
        said.append(f"the shadow run has ended: {report.problem}")
    said += [f"refuses {version}: {why}" for version, why in report.refused.items()]
    return "; ".join(said) or "follows"


def _shown(text: str) -> str:
    """What anybody may have written who may write to the share."""
    return escape(terminal_safe(one_line(text)))
