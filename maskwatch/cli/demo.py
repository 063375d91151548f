"""`maskwatch demo`: the main job on a clip that it makes itself."""

from pathlib import Path
from typing import Annotated

import typer

from maskwatch.cli.replay import replay_and_tell
from maskwatch.cli.terminal import out


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to leave the video, the report and the plot.")] = Path(
        "demo"
    ),
) -> None:
    """Compose a clip of two people who put masks on, replay it, and leave a video, a report and a plot."""
    from maskwatch.app.footage import ReplayPlan
    from maskwatch.app.replay import Outputs
    from maskwatch.config import load as configuration
    from maskwatch.core.address import Address
    from maskwatch.models.loading import Models, pick_device
    from maskwatch.output.demo_clip import write_clip

    settings = configuration.default()
    clip = folder / "clip.mp4"
    with out.status("composing the clip"):
        write_clip(clip)
    plan = ReplayPlan("demo", Address(str(clip)), settings.defaults, None)
    outputs = Outputs(folder / "annotated.mp4", folder / "report.jsonl", folder / "plot.png")
    replay_and_tell(plan, Models(pick_device(settings.device)), outputs)
