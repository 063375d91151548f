"""`maskwatch train`: new weights from labelled pictures. One file a model."""

import typer

from maskwatch.cli.train import classifier, detector, scout

app = typer.Typer(help="Train the models.", no_args_is_help=True)
app.command()(detector.detector)
app.command()(classifier.classifier)
app.command()(scout.scout)
