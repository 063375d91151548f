"""`maskwatch evaluate`: how good the models are on pictures that they were not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maskwatch.cli.measuring import deliver, shown
from maskwatch.cli.sections import settings_for
from maskwatch.cli.terminal import Classes, out, say
from maskwatch.cli.worker_options import RayOption, WorkersOption, chosen_workers
from maskwatch.core.errors import ConfigError
from maskwatch.evaluation.split_choice import SplitChoice

if TYPE_CHECKING:
    from maskwatch.config.load import Config
    from maskwatch.config.sections import Defaults
    from maskwatch.models.loading import Models
    from maskwatch.parallel.settings import WorkerSettings
    from maskwatch.plugins import KindSettings

SHIPPED = "shipped"

app = typer.Typer(help="Measure the models.", no_args_is_help=True)

Data = Annotated[
    list[Path],
    typer.Option(
        help="The labelled pictures. May be given several times: then every figure is told of each, too."
    ),
]
Conditions = Annotated[
    bool,
    typer.Option(
        "--conditions",
        help="Also measure the pictures made grey, dark, noisy, blurred and so on; takes 8 times as long.",
    ),
]
SplitOption = Annotated[
    SplitChoice, typer.Option("--part", help="Which of them count; only the test part is held out.")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration file, for the settings of all cameras."),
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda; else the configuration's, which is auto without one.")
]
MinFace = Annotated[float | None, typer.Option(min=8, help="The smallest face to look for, in pixels.")]
Teacher = Annotated[
    bool,
    typer.Option(
        "--teacher",
        help="Leave out faces that nobody labelled but CenterFace, a stronger detector, finds. Needs the extra [train].",
    ),
]
Html = Annotated[Path | None, typer.Option("--html", help="Write the report here, as one file.")]
Json = Annotated[
    Path | None, typer.Option("--json", help="Write the figures here; - prints them instead of tables.")
]


@app.callback()
def group() -> None:
    """Each figure comes with its 95 % interval; --compare tells whether two models differ."""


@app.command()
def detector(
    data: Data,
    weights: Annotated[
        str | None, typer.Option(help="A file, `stock` or `shipped`; else the configuration's.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Two of these on the same pictures.")
    ] = None,
    precision: Annotated[
        float,
        typer.Option(
            min=0.01, max=1, help="Also tell the recall at this precision, whatever the thresholds."
        ),
    ] = 0.93,
    part: SplitOption = SplitChoice.TEST,
    conditions: Conditions = False,
    teacher: Teacher = False,
    min_face: MinFace = None,
    device: Device = None,
    config: ConfigFile = None,
    classes: Classes = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    html: Html = None,
    as_json: Json = None,
) -> None:
    """Which of the labelled faces the detector finds, by size and class, and what else it takes for one."""
    from dataclasses import replace

    from maskwatch.evaluation.measure import measure_detectors

    _one_of("--weights", weights, compare)
    worker_settings = chosen_workers(workers, ray)
    settings = _settings(settings_for("evaluate", config), min_face, device, worker_settings)
    models = _models(config, settings)
    chosen = [_with_detector(settings.defaults, name).detect for name in compare or (weights,)]
    how = replace(
        shown(part, classes, conditions=conditions, worker_settings=worker_settings, teacher=teacher),
        precision=precision,
    )
    report = measure_detectors(data, chosen, models, how)
    deliver(report, html, as_json)


@app.command()
def classifier(
    data: Data,
    weights: Annotated[
        str | None, typer.Option(help="A file or `shipped`; else the configuration's.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Two of these on the same faces.")
    ] = None,
    part: SplitOption = SplitChoice.TEST,
    conditions: Conditions = False,
    min_face: MinFace = None,
    device: Device = None,
    config: ConfigFile = None,
    classes: Classes = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    html: Html = None,
    as_json: Json = None,
) -> None:
    """How the faces that the detector finds are judged. Positive means protected."""
    from maskwatch.evaluation.measure import measure_classifiers

    _one_of("--weights", weights, compare)
    worker_settings = chosen_workers(workers, ray)
    settings = _settings(settings_for("evaluate", config), min_face, device, worker_settings)
    defaults = settings.defaults
    models = _models(config, settings)
    chosen = [_with_classifier(defaults, name).classify for name in compare or (weights,)]
    bound = defaults.classify.protected_at
    how = shown(part, classes, conditions=conditions, worker_settings=worker_settings)
    report = measure_classifiers(data, chosen, defaults.detect, models, protected_at=bound, how=how)
    deliver(report, html, as_json)


@app.command()
def system(
    data: Data,
    detector: Annotated[
        str | None, typer.Option(help="A file, `stock` or `shipped`; else the configuration's.")
    ] = None,
    classifier: Annotated[
        str | None, typer.Option(help="A file or `shipped`; else the configuration's.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two pairs DETECTOR,CLASSIFIER on the same pictures."),
    ] = None,
    part: SplitOption = SplitChoice.TEST,
    conditions: Conditions = False,
    teacher: Teacher = False,
    min_face: MinFace = None,
    device: Device = None,
    config: ConfigFile = None,
    classes: Classes = None,
    workers: WorkersOption = None,
    ray: RayOption = None,
    html: Html = None,
    as_json: Json = None,
) -> None:
    """Both together, as they run: which pictures under the protected ratio are noticed, who is found and judged right."""
    from functools import partial

    from maskwatch.app.cameras import analyst
    from maskwatch.evaluation.measure import SystemUnderTest, measure_systems

    _one_of("--detector and --classifier", detector or classifier, compare)
    worker_settings = chosen_workers(workers, ray)
    settings = _settings(settings_for("evaluate system", config), min_face, device, worker_settings)
    models = _models(config, settings)
    pairs = [_pair(text) for text in compare] if compare else [(detector, classifier)]
    chosen = [_with_classifier(_with_detector(settings.defaults, d), c) for d, c in pairs]
    systems = [SystemUnderTest(each.detect, each.classify, partial(analyst, each, models)) for each in chosen]
    bound = settings.defaults.alert.protected_ratio
    how = shown(part, classes, conditions=conditions, worker_settings=worker_settings, teacher=teacher)
    report = measure_systems(data, systems, models, bound=bound, how=how)
    deliver(report, html, as_json)


@app.command(name="table")
def side_by_side(
    reports: Annotated[list[Path], typer.Argument(help="Reports of one model each, written by --json.")],
    figure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A figure as the report names it. May be given several times; else the leading ones.",
        ),
    ] = None,
) -> None:
    """The figures of several reports of the same pictures beside each other, by source and condition, as Markdown."""
    from maskwatch.evaluation import side_by_side as tables

    say(tables.side_by_side(reports, figure or ()))


@app.command()
def features(
    image: Annotated[Path, typer.Argument(help="A picture with a face.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The maps, .png.")] = Path("maps.png"),
    weights: Annotated[str | None, typer.Option(help="The classifier; else the shipped one.")] = None,
) -> None:
    """Draw what the classifier's two convolutions make of the largest face in a picture."""
    import torch

    from maskwatch.classify.network import load_network
    from maskwatch.config import load as configuration
    from maskwatch.core.errors import DataError
    from maskwatch.evaluation.maps import drawn
    from maskwatch.models.loading import Models
    from maskwatch.platform.files import write_atomically
    from maskwatch.platform.package_data import shipped
    from maskwatch.sources.images import read_rgb

    device = torch.device("cpu")
    defaults = configuration.default().defaults
    rgb = read_rgb(image)
    (faces,) = Models(device).detector(defaults.detect).detect([rgb])
    if not faces:
        raise DataError(f"{image}: the detector finds no face in it")
    largest = max(faces, key=lambda face: face.box.width * face.box.height)
    path = Path(weights) if weights else shipped("models/classifier.safetensors")
    network, shape, _ = load_network(path, device)
    write_atomically(output, drawn(network, shape, rgb, largest.box))
    out.print(f"wrote {output}", soft_wrap=True)


def _one_of(option: str, value: str | None, compare: tuple[str, str] | None) -> None:
    if value and compare:
        raise ConfigError(f"{option}: --compare names both models itself")


def _settings(
    settings: "Config", min_face: float | None, device: str | None, worker_settings: "WorkerSettings | None"
) -> "Config":
    """With what the options say instead; several workers compute on the processor, unless it is said otherwise."""
    from dataclasses import replace

    settings = replace(settings, device=device or ("cpu" if worker_settings else settings.device))
    if min_face is None:
        return settings
    _require_own(settings.defaults.detect, "min_face_px", "--min-face")
    detect = settings.defaults.detect.model_copy(update={"min_face_px": min_face})
    return replace(settings, defaults=settings.defaults.model_copy(update={"detect": detect}))


def _models(path: Path | None, settings: "Config") -> "Models":
    """What serves under the configuration; without one the shipped models."""
    from maskwatch.app.cameras import configured_models
    from maskwatch.models.loading import Models, pick_device

    return configured_models(settings) if path else Models(pick_device(settings.device))


def _with_detector(defaults: "Defaults", name: str | None) -> "Defaults":
    """None leaves what the configuration says."""
    if name is None:
        return defaults
    _require_own(defaults.detect, "weights", "other weights")
    detect = defaults.detect.model_copy(update={"weights": _file("detector", name)})
    return defaults.model_copy(update={"detect": detect})


def _with_classifier(defaults: "Defaults", name: str | None) -> "Defaults":
    if name is None:
        return defaults
    _require_own(defaults.classify, "weights", "other weights")
    classify = defaults.classify.model_copy(update={"weights": _file("classifier", name)})
    return defaults.model_copy(update={"classify": classify})


def _require_own(settings: "KindSettings", key: str, option: str) -> None:
    if key not in type(settings).model_fields:
        raise ConfigError(f"{option}: the configuration's kind {settings.kind} has no {key}")


def _file(model: str, name: str) -> str:
    from maskwatch.platform.package_data import shipped

    return str(shipped(f"models/{model}.safetensors")) if name == SHIPPED else name


def _pair(text: str) -> tuple[str, str]:
    detector, comma, classifier = text.partition(",")
    if not (detector and comma and classifier):
        raise ConfigError(f"--compare: must be two times DETECTOR,CLASSIFIER, got {text!r}")
    return detector, classifier
