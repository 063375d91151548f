"""`maskwatch models`: which version of the models serves, and which did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from maskwatch.cli.models_shadow import shadow
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, say
from maskwatch.core.text import pluralize
from maskwatch.platform.paths import looked_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maskwatch.models.registry import Registry, Version

app = typer.Typer(help="Versions of the models.", no_args_is_help=True)
app.command()(shadow)

Folder = Annotated[
    Path | None, typer.Option("--dir", help="The registry's folder; else the configuration's.")
]
Config = Annotated[Path | None, typer.Option("-c", "--config", help="The configuration file.")]
Why = Annotated[str | None, typer.Option("--why", help="The reason, which `models events` tells.")]
Name = Annotated[str, typer.Argument(metavar="VERSION", help="As `models list` gives it, or `shipped`.")]


def _registry(folder: Path | None, config: Path | None) -> "Registry":
    from maskwatch.models.registry import Registry

    return Registry(folder or settings_for("models", config).models.dir)


@app.command("list")
def list_(folder: Folder = None, config: Config = None) -> None:
    """All versions, oldest first, which of them serves, and which is in the shadow."""
    from maskwatch.models.registry import SHIPPED

    registry = _registry(folder, config)
    state = registry.state()
    roles = {state.serving: "serves"} | ({state.shadow.version: "shadow"} if state.shadow else {})
    table = Table(Column("version", no_wrap=True), "", "made (UTC)", "from", "samples", "figures")
    for version in [registry.version(SHIPPED), *registry.versions()]:
        table.add_row(
            version.id,
            roles.get(version.id, ""),
            "-" if version.id == SHIPPED else f"{version.made_at:%Y-%m-%d %H:%M}",
            version.parent or "-",
            str(len(version.samples)) if version.samples else "-",
            _short(version.figures),
        )
    out.print(table)
    if state.shadow is not None:
        since = f"since {state.shadow.since:%Y-%m-%d %H:%M} UTC"
        said = f"{state.shadow.version} is in the shadow of {state.shadow.camera_list} {since}"
        out.print(said, markup=False, highlight=False, soft_wrap=True)
    say(
        f"{pluralize(table.row_count - 1, 'version')} besides the shipped one in {looked_at(registry.folder)}"
    )


@app.command()
def show(version: Name, folder: Folder = None, config: Config = None) -> None:
    """Where a version comes from, its figures, its files, and the cards of its models."""
    from maskwatch.platform.package_data import shipped

    registry = _registry(folder, config)
    found, files = registry.version(version), registry.files(version)
    _print_rows(_facts(found))
    home = files.detector.parent if version != "shipped" else shipped("models/detector.safetensors").parent
    for name in ("detector.md", "classifier.md"):
        card = home / name
        if card.exists():
            out.print(f"\n{card.read_text(encoding='utf-8')}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def add(
    detector: Annotated[Path, typer.Option(help="Weights that `train detector` wrote.")],
    classifier: Annotated[Path, typer.Option(help="Weights that `train classifier` wrote.")],
    folder: Folder = None,
    config: Config = None,
) -> None:
    """Put models that you trained yourself into the registry; they do not serve before `models promote`."""
    from maskwatch.models.registry import CLASSIFIER, DETECTOR, Version, new_id
    from maskwatch.platform.clock import utc_now

    registry = _registry(folder, config)
    files = {DETECTOR: detector, CLASSIFIER: classifier}
    for name, path in list(files.items()):
        if (card := path.with_suffix(".md")).is_file():
            files[Path(name).with_suffix(".md").name] = card
    version = registry.add(files, Version(new_id(), registry.state().serving, utc_now()))
    out.print(version.id)


@app.command()
def promote(version: Name, why: Why = None, folder: Folder = None, config: Config = None) -> None:
    """Let a version serve; a running service takes it within two seconds."""
    state = _registry(folder, config).promote(version, why)
    _say_served(f"{state.serving} serves", why)


@app.command()
def rollback(why: Why = None, folder: Folder = None, config: Config = None) -> None:
    """Let the version serve again that did before the present one."""
    state = _registry(folder, config).rollback(why)
    _say_served(f"{state.serving} serves again", why)


@app.command()
def events(
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    folder: Folder = None,
    config: Config = None,
) -> None:
    """What was promoted, rolled back, refused and tried in the shadow, and why; the newest first."""
    registry = _registry(folder, config)
    found = registry.state().events
    table = Table(Column("time (UTC)", no_wrap=True), "what", Column("version", no_wrap=True), "why")
    for event in found[: -limit - 1 : -1]:
        at = f"{event.at:%Y-%m-%d %H:%M}"
        table.add_row(at, escape(event.what), escape(event.version), escape(event.why or "-"))
    out.print(table)
    say(f"{table.row_count} of {pluralize(len(found), 'event')} in {looked_at(registry.folder)}")


def _say_served(told: str, why: str | None) -> None:
    say(f"{told}: {why}" if why else told)


@app.command()
def diff(a: Name, b: Name, folder: Folder = None, config: Config = None) -> None:
    """What differs between two versions: where they come from, their figures, how far the weights moved."""
    from maskwatch.models.diff import moved

    registry = _registry(folder, config)
    one, other = _facts(registry.version(a)), _facts(registry.version(b))
    table = Table("", a, b)
    for key in dict.fromkeys([*one, *other]):
        left, right = one.get(key, "-"), other.get(key, "-")
        if left != right:
            table.add_row(key, left, right)
    out.print(table)
    weights = Table("weights of", "moved by")
    for network, share in moved(registry.files(a), registry.files(b)).items():
        weights.add_row(network, "another shape" if share is None else f"{share:.2%}")
    out.print(weights)


def _facts(version: "Version") -> dict[str, str]:
    from maskwatch.models.registry import SHIPPED

    facts = {
        "version": version.id,
        "parent": version.parent or "-",
        "made": "-" if version.id == SHIPPED else f"{version.made_at:%Y-%m-%d %H:%M:%S}",
        "samples": str(len(version.samples)),
    }
    facts |= _flat(version.figures)
    return facts | {f"SHA-256 {name}": digest for name, digest in sorted(version.files.items())}


def _flat(figures: "Mapping[str, object]", before: str = "") -> dict[str, str]:
    """Figures within figures by their path."""
    facts: dict[str, str] = {}
    for key, value in figures.items():
        if isinstance(value, dict):
            facts |= _flat(value, f"{before}{key}, ")
        else:
            facts[f"{before}{key}"] = f"{value:.4g}" if isinstance(value, float) else str(value)
    return facts


def _short(figures: "Mapping[str, object]") -> str:
    flat = _flat(figures)
    return ", ".join(f"{key} {value}" for key, value in list(flat.items())[:3]) or "-"


def _print_rows(facts: dict[str, str]) -> None:
    table = Table(show_header=False)
    for key, value in facts.items():
        table.add_row(key, value)
    out.print(table)
