"""A folder into which a camera without a stream puts clips and pictures, by FTP or SMB. Importing this loads no decoder."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from maskwatch.core.ports import Source
from maskwatch.platform.paths import StatePath, kept
from maskwatch.sources.registry import A_PATH, AddressSettings, SourceContext


class Settings(AddressSettings):
    """`address` is the folder. The list of processed files is kept in `dir`.

    A file is processed when it has not changed for `steady_s`. With `existing`, so are files older than the first start.
    """

    pattern = A_PATH
    kind: Literal["drop"] = "drop"
    dir: Annotated[StatePath, kept("*.jsonl")] = Field(default=Path("drop"), validate_default=True)
    steady_s: Annotated[float, Field(ge=0.5, le=600)] = 5
    existing: bool = False


def build(settings: Settings, context: SourceContext) -> Source:
    """The source, at most `context.fps` frames a second of a clip; nothing is read yet."""
    from maskwatch.sources.done_files import DoneFiles
    from maskwatch.sources.drop import DropSource

    folder = Path(settings.address.reveal())
    done = DoneFiles.of(settings.dir, context.camera, folder, existing=settings.existing)
    return DropSource(
        context.camera,
        folder,
        done,
        fps=context.fps,
        aspect=context.aspect,
        steady_s=settings.steady_s,
    )
