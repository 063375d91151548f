"""`maskwatch train`: new weights from labelled pictures. One file a model."""

import typer

from maskwatch.cli.terminal import errors
from maskwatch.cli.train import classifier, detector

app = typer.Typer(help="Train the models.", no_args_is_help=True)
app.command()(detector.detector)
app.command()(classifier.classifier)


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def scout() -> None:
    """Of earlier releases: P-Net looks everywhere now."""
    errors.print(
        "train scout: there is nothing to train any more, as P-Net looks everywhere; nothing is written"
    )
