"""The options of commands that analyse footage."""

from pathlib import Path
from typing import Annotated

import typer

CameraOption = Annotated[
    str | None, typer.Option(help="The camera of the configuration whose settings to use.")
]
QueueOption = Annotated[
    Path | None, typer.Option(help="The folder in which to store frames that the models are unsure of.")
]
EveryFrameOption = Annotated[
    bool, typer.Option("--every-frame", help="Look at the whole of each frame, also where nothing moved.")
]
FpsOption = Annotated[
    float | None,
    typer.Option(
        "--fps", min=0.01, max=1000, help="So many frames a second at most; without it every frame."
    ),
]
