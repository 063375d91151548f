"""`maskwatch schema`: what an editor needs to know about the configuration."""

import json
from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.terminal import out


def schema(
    target: Annotated[Path | None, typer.Option("-o", "--output", help="Write it to this file.")] = None,
) -> None:
    """Give the JSON Schema of the configuration, for editors that complete and check YAML."""
    from maskwatch.config.json_schema import json_schema
    from maskwatch.platform.files import write_atomically

    text = json.dumps(json_schema(), indent=2) + "\n"
    if target is None:
        out.file.write(text)
    else:
        write_atomically(target, text.encode())
