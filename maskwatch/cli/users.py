"""`maskwatch users`: who may use the console, and what each may do."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import out, say
from maskwatch.console.users import Role, checked_password, checked_user_name
from maskwatch.core.errors import ConfigError, UserError

if TYPE_CHECKING:
    from maskwatch.console.users import Users

app = typer.Typer(help="Who may use the console, and what each may do.", no_args_is_help=True)

Config = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration file, whose console.dir has the users."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
RoleOption = Annotated[
    Role,
    typer.Option("--role", help="viewer looks, labeller also labels, admin also changes settings and users."),
]
FromStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Take the password from standard input, its first line; for scripts."
    ),
]
TRIES = 3


@app.command()
def add(
    name: Name, role: RoleOption = Role.VIEWER, config: Config = None, from_stdin: FromStdin = False
) -> None:
    """Add a user. Asks for the password."""
    users = _users(config)
    name = checked_user_name(name)
    if users.get(name) is not None:
        raise UserError(f"{name}: is a user already")
    made = users.add(name, role, _password(name, from_stdin=from_stdin))
    say(f"{made.name} is {made.role}")


@app.command("list")
def list_users(config: Config = None) -> None:
    """List the users."""
    users = _users(config)
    found = users.all()
    if not found:
        say(f"{users.path}: no users yet; maskwatch users add NAME --role admin")
        return
    table = Table("name", "role", "since")
    for each in found:
        table.add_row(escape(each.name), each.role, each.made_at)
    out.print(table)


@app.command()
def remove(name: Name, config: Config = None) -> None:
    """Remove a user, whose sessions end."""
    _users(config).remove(name)
    say(f"{name} is removed")


@app.command()
def password(name: Name, config: Config = None, from_stdin: FromStdin = False) -> None:
    """Give a user another password; sessions end. Asks for it."""
    users = _users(config)
    if users.get(name) is None:
        raise UserError(f"{name}: there is no such user")
    users.set_password(name, _password(name, from_stdin=from_stdin))
    say(f"{name} has another password")


@app.command()
def role(name: Name, role_: Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, labeller or admin.")],
         config: Config = None) -> None:  # fmt: skip
    """Give a user another role; sessions end."""
    _users(config).set_role(name, role_)
    say(f"{name} is {role_}")


def _users(config: Path | None) -> "Users":
    from maskwatch.console.users import Users

    return Users(settings_for("users", config).console.dir)


def _password(name: str, *, from_stdin: bool) -> str:
    """Entered twice, or the first line of standard input. Raises `UserError`, which does not tell it."""
    if from_stdin:
        return checked_password(name, sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    if not sys.stdin.isatty():
        raise ConfigError(
            "standard input is no terminal to ask for the password at; --password-stdin reads it"
        )
    return _asked(name, lambda text: typer.prompt(text, hide_input=True, prompt_suffix=": "))


def _asked(name: str, ask: Callable[[str], str]) -> str:
    for left in reversed(range(TRIES)):
        try:
            return _same(checked_password(name, ask("Password")), ask("Repeat the password"))
        except UserError as e:
            if not left:
                raise
            typer.echo(f"{e}", err=True)
    raise AssertionError


def _same(first: str, second: str) -> str:
    if first != second:
        raise UserError("the two passwords differ")
    return first
