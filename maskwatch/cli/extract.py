"""`maskwatch extract`: footage to frames, for labelling."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.terminal import out, progress
from maskwatch.core.errors import ConfigError, SourceError
from maskwatch.core.text import pluralize


def extract(
    footage: Annotated[
        list[Path], typer.Argument(help="Videos, pictures or folders, and last the folder to write to.")
    ],
    every: Annotated[int, typer.Option(min=1, help="Keep one frame of so many.")] = 10,
) -> None:
    """Write every n-th frame of footage as JPEG: extract FOOTAGE... OUT --every 10. None of another clip is overwritten."""
    from maskwatch.core.address import Address
    from maskwatch.datasets.frames import Clip, FrameFolder
    from maskwatch.sources.images import ImageSource
    from maskwatch.sources.registry import open_source

    if len(footage) < 2:
        raise ConfigError("extract: needs footage and, last, the folder to write to")
    *sources, folder = footage
    if folder.is_file():
        raise ConfigError(f"{folder}: is a file; the last argument is the folder to write to")
    broken: list[SourceError] = []
    frames = FrameFolder(folder)
    for path in sources:
        try:
            source = open_source("extract", Address(str(path)))
            images = source.paths() if isinstance(source, ImageSource) else []
            clip: Clip | None = None
            with progress(str(path), source.expected()) as advance:
                for frame in source.frames():
                    if frame.seq % every == 0:
                        if clip is None or images:
                            clip = Clip(images[frame.seq] if images else path)
                        frames.write(clip, frame.seq, frame.rgb)
                    advance()
        except SourceError as e:
            broken.append(e)
    out.print(f"{pluralize(frames.written, 'frame')} in {folder}", markup=False, soft_wrap=True)
    if broken:
        raise SourceError("\n".join(str(e) for e in broken))
