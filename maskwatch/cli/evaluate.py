"""`maskwatch evaluate`: how good the models are on pictures that they were not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from maskwatch.cli.console import out, tell_problems, tracked
from maskwatch.core.errors import ConfigError
from maskwatch.learn.evaluation.chosen import Chosen

if TYPE_CHECKING:
    from maskwatch.app import Models
    from maskwatch.config import Config, Defaults
    from maskwatch.detect.cascade import Mtcnn
    from maskwatch.detect.settings import Settings
    from maskwatch.learn.evaluation.classification import Confusion
    from maskwatch.learn.evaluation.detection import Detection
    from maskwatch.learn.evaluation.document import Report
    from maskwatch.learn.evaluation.pictures import Material
    from maskwatch.learn.evaluation.system import System

SHIPPED = "shipped"

app = typer.Typer(help="Measure the models.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="The labelled pictures.")]
PartOption = Annotated[
    Chosen, typer.Option("--part", help="Which of them count; only the test part is held out.")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration file, for the settings of all cameras."),
]
MinFace = Annotated[float | None, typer.Option(min=8, help="The smallest face to look for, in pixels.")]
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
    part: PartOption = Chosen.TEST,
    min_face: MinFace = None,
    config: ConfigFile = None,
    html: Html = None,
    as_json: Json = None,
) -> None:
    """Which of the labelled faces the detector finds, by size and class, and what else it takes for one."""
    from maskwatch.app import Models, pick_device
    from maskwatch.learn.evaluation.reports.common import Subject
    from maskwatch.learn.evaluation.reports.detector import detector_comparison, detector_report

    _one_of("--weights", weights, compare)
    settings = _settings(config, min_face)
    models = Models(pick_device(settings.device))
    chosen = [_with_detector(settings.defaults, name).detect for name in compare or (weights,)]
    found = [models.detector(each) for each in chosen]
    material = _material(data, part, with_boxes=True)
    results = [_searched(models, each, material) for each in chosen]
    subject = Subject(
        "detector", material, _roles({"detector": found}), _settings_told(models, found, chosen)
    )
    report = detector_comparison(subject, *results) if compare else detector_report(subject, *results)
    _deliver(report, html, as_json)


@app.command()
def classifier(
    data: Data,
    weights: Annotated[
        str | None, typer.Option(help="A file or `shipped`; else the configuration's.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Two of these on the same faces.")
    ] = None,
    part: PartOption = Chosen.TEST,
    min_face: MinFace = None,
    config: ConfigFile = None,
    html: Html = None,
    as_json: Json = None,
) -> None:
    """How the faces that the detector finds are judged. Positive means protected."""
    from maskwatch.app import Models, pick_device
    from maskwatch.core.errors import DataError
    from maskwatch.learn.evaluation.classification import judge
    from maskwatch.learn.evaluation.pictures import opened
    from maskwatch.learn.evaluation.reports.classifier import classifier_comparison, classifier_report
    from maskwatch.learn.evaluation.reports.common import Subject

    _one_of("--weights", weights, compare)
    settings = _settings(config, min_face)
    defaults = settings.defaults
    models = Models(pick_device(settings.device))
    chosen = [_with_classifier(defaults, name).classify.weights for name in compare or (weights,)]
    judges = [models.classifier(each) for each in chosen]
    finder = models.detector(defaults.detect)
    material = _material(data, part, with_boxes=False)
    pictures = opened(material.pictures, tracked("judging faces"))
    results = judge(judges, finder, pictures, protected_at=defaults.classify.protected_at)
    if not results[0].judged:
        raise DataError(f"{data}: the detector finds no labelled face in its {part} part")
    told = _settings_told(models, [finder], [defaults.detect])
    told["protected from a probability of"] = f"{defaults.classify.protected_at:g}"
    subject = Subject("classifier", material, _roles({"classifier": judges, "detector": [finder]}), told)
    report = classifier_comparison(subject, *results) if compare else classifier_report(subject, *results)
    _deliver(report, html, as_json)


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
    part: PartOption = Chosen.TEST,
    min_face: MinFace = None,
    config: ConfigFile = None,
    html: Html = None,
    as_json: Json = None,
) -> None:
    """Both together, as they run: who is found and judged right, and how far off a frame's ratio is."""
    from maskwatch.app import Models, pick_device
    from maskwatch.learn.evaluation.reports.common import Subject
    from maskwatch.learn.evaluation.reports.system import system_comparison, system_report

    _one_of("--detector and --classifier", detector or classifier, compare)
    settings = _settings(config, min_face)
    models = Models(pick_device(settings.device))
    pairs = [_pair(text) for text in compare] if compare else [(detector, classifier)]
    chosen = [_with_classifier(_with_detector(settings.defaults, d), c) for d, c in pairs]
    finders = [models.detector(each.detect) for each in chosen]
    judges = [models.classifier(each.classify.weights) for each in chosen]
    material = _material(data, part, with_boxes=True)
    results = [_watched(models, each, material) for each in chosen]
    judging = settings.defaults.classify
    told = _settings_told(models, finders, [each.detect for each in chosen]) | {
        "protected from a probability of": f"{judging.protected_at:g}",
        "smallest face to judge": f"{judging.min_face_px:g} px",
    }
    subject = Subject("system", material, _roles({"detector": finders, "classifier": judges}), told)
    report = system_comparison(subject, *results) if compare else system_report(subject, *results)
    _deliver(report, html, as_json)


@app.command()
def features(
    picture: Annotated[Path, typer.Argument(help="A picture with a face.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The maps, .png.")] = Path("maps.png"),
    weights: Annotated[str | None, typer.Option(help="The classifier; else the shipped one.")] = None,
) -> None:
    """Draw what the classifier's two convolutions make of the largest face in a picture."""
    import torch

    from maskwatch import config as configuration
    from maskwatch.app import Models
    from maskwatch.classify.network import load_network
    from maskwatch.core.errors import DataError
    from maskwatch.core.files import write_atomically
    from maskwatch.learn.evaluation.maps import drawn
    from maskwatch.resources import shipped
    from maskwatch.sources.images import read_rgb

    device = torch.device("cpu")
    defaults = _with_classifier(configuration.default().defaults, weights)
    rgb = read_rgb(picture)
    (faces,) = Models(device).detector(defaults.detect).detect([rgb])
    if not faces:
        raise DataError(f"{picture}: the detector finds no face in it")
    largest = max(faces, key=lambda face: face.box.width * face.box.height)
    path = defaults.classify.weights
    network, shape, _ = load_network(Path(path) if path else shipped("models/classifier.safetensors"), device)
    write_atomically(output, drawn(network, shape, rgb, largest.box))
    out.print(f"wrote {output}", soft_wrap=True)


def table(counts: "Confusion", title: str) -> Table:
    result = Table("faces", "TP", "FP", "TN", "FN", "accuracy", "precision", "recall", title=title)
    shares = ["-" if v is None else f"{v:.4f}" for v in (counts.accuracy, counts.precision, counts.recall)]
    result.add_row(*map(str, (counts.total, counts.tp, counts.fp, counts.tn, counts.fn)), *shares)
    return result


def _one_of(option: str, value: str | None, compare: tuple[str, str] | None) -> None:
    if value and compare:
        raise ConfigError(f"{option}: --compare names both models itself")


def _settings(path: Path | None, min_face: float | None) -> "Config":
    from dataclasses import replace

    from maskwatch import config as configuration

    settings = configuration.load(path) if path else configuration.default()
    if min_face is None:
        return settings
    detect = settings.defaults.detect.model_copy(update={"min_face_px": min_face})
    return replace(settings, defaults=settings.defaults.model_copy(update={"detect": detect}))


def _with_detector(defaults: "Defaults", name: str | None) -> "Defaults":
    """None leaves what the configuration says."""
    if name is None:
        return defaults
    detect = defaults.detect.model_copy(update={"weights": None if name == SHIPPED else name})
    return defaults.model_copy(update={"detect": detect})


def _with_classifier(defaults: "Defaults", name: str | None) -> "Defaults":
    if name is None:
        return defaults
    classify = defaults.classify.model_copy(update={"weights": None if name == SHIPPED else name})
    return defaults.model_copy(update={"classify": classify})


def _pair(text: str) -> tuple[str, str]:
    detector, comma, classifier = text.partition(",")
    if not (detector and comma and classifier):
        raise ConfigError(f"--compare: must be two times DETECTOR,CLASSIFIER, got {text!r}")
    return detector, classifier


def _material(data: Path, part: Chosen, *, with_boxes: bool) -> "Material":
    from maskwatch.learn.evaluation.pictures import choose, need_boxes
    from maskwatch.learn.formats.registry import read

    labelled = read(data)
    if with_boxes:  # told before thousands of pictures are opened
        need_boxes(str(data), labelled.pictures)
    material = choose(str(data), labelled, part, tracked("opening pictures"))
    if with_boxes:
        need_boxes(str(data), material.pictures)
    tell_problems(material.notes)
    return material


def _searched(models: "Models", settings: "Settings", material: "Material") -> "Detection":
    """With the last threshold lowered, so that a curve can be drawn; the detector's own one counts."""
    from maskwatch.learn.evaluation.detection import SWEEP_FROM, search
    from maskwatch.learn.evaluation.pictures import opened

    to_p, to_r, to_o = models.detector(settings).thresholds
    lowered = settings.model_copy(update={"thresholds": (to_p, to_r, min(to_o, SWEEP_FROM))})
    pictures = opened(material.pictures, tracked("finding faces"))
    return search(models.detector(lowered), pictures, to_o)


def _watched(models: "Models", defaults: "Defaults", material: "Material") -> "System":
    from maskwatch.app import analyst
    from maskwatch.learn.evaluation.pictures import opened
    from maskwatch.learn.evaluation.system import watch

    return watch(analyst(defaults, models), opened(material.pictures, tracked("finding and judging faces")))


def _roles(models: "dict[str, list[Any]]") -> dict[str, str]:
    """The version of each model by its role; of two in the same role, by A and B."""
    return {
        f"{role} {letter}" if len(found) > 1 else role: each.version
        for role, found in models.items()
        for letter, each in zip("AB", found, strict=False)
    }


def _settings_told(
    models: "Models", detectors: "list[Mtcnn]", settings: "list[Settings]"
) -> dict[str, object]:
    told: dict[str, object] = {"smallest face to look for": f"{settings[0].min_face_px:g} px"}
    for letter, each in zip("AB", detectors, strict=False):
        name = f"thresholds {letter}" if len(detectors) > 1 else "thresholds"
        told[name] = ", ".join(f"{threshold:g}" for threshold in each.thresholds)
    scout = "on" if settings[0].scout else "off"
    return {**told, "scout": scout, "computed with": models.computes_with(settings[0])}


def _deliver(report: "Report", html: Path | None, as_json: Path | None) -> None:
    """Tables on the terminal, unless JSON goes there; files where they are asked for."""
    import json

    from maskwatch.core.files import write_atomically
    from maskwatch.learn.evaluation.document import page

    facts = json.dumps(report.facts, indent=1, allow_nan=False)
    to_terminal = as_json is not None and str(as_json) == "-"
    if html:
        write_atomically(html, page(report))
    if to_terminal:
        out.print_json(facts)
        return
    if as_json:
        write_atomically(as_json, f"{facts}\n".encode())
    _print(report)
    for path in (html, as_json):
        if path:
            out.print(f"wrote {path}", soft_wrap=True)


def _print(report: "Report") -> None:
    from rich.text import Text

    out.print(report.title, style="bold", markup=False, soft_wrap=True)
    for line in (*report.lead, *([report.warning] if report.warning else [])):
        out.print(line, markup=False, highlight=False)
    for each in report.tables:
        shown = Table(title=Text(each.title))
        for place, header in enumerate(each.headers):
            shown.add_column(Text(header), justify="right" if place else "left")
        for row in each.rows:
            shown.add_row(*map(Text, row))
        out.print(shown)
        if each.note:
            out.print(each.note, style="dim", markup=False, highlight=False)
