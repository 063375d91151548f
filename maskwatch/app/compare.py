"""Two replays of the same footage with different configurations or models, and the differences between them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from maskwatch.app.cameras import configured_models
from maskwatch.app.footage import ReplayPlan, replay_pipeline
from maskwatch.app.replay import EndSink, drawn_places
from maskwatch.classify.network import ARCHITECTURE as CLASSIFIER
from maskwatch.config.load import Config
from maskwatch.config.sections import Defaults
from maskwatch.core.errors import ConfigError, ModelError, SourceError
from maskwatch.core.privacy import Privacy, coarse
from maskwatch.core.records import Alert, Decision, Rgb
from maskwatch.detect.settings import STOCK
from maskwatch.detect.weights import ARCHITECTURE as DETECTOR
from maskwatch.evaluation.document import Image, Report
from maskwatch.evaluation.sheets import jpeg
from maskwatch.models.loading import Models, load_version, pick_device
from maskwatch.models.registry import Registry
from maskwatch.output.compare import Difference, Run, differences
from maskwatch.output.compare_pictures import side_by_side
from maskwatch.output.compare_report import Compared, report
from maskwatch.output.places import Places
from maskwatch.output.trace import Trace
from maskwatch.platform.tensor_files import architecture
from maskwatch.sources.registry import open_source

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[], None]]]
"""Shows how far something is, given what it is and about how many steps it has; the function counts one."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two replays, and its name in the report."""

    name: str
    plan: ReplayPlan
    models: Models


def with_model(name: str, settings: Defaults, config: Config) -> tuple[Defaults, Models]:
    """The settings and models with another model: a file of weights, `stock`, or a version of the registry.

    Raises `ModelError` when there is none of that name, and `ConfigError` when it would have no effect.
    """
    if name != STOCK and not name.endswith(".safetensors"):
        for section in ("detect", "classify"):
            if getattr(getattr(settings, section), "weights", None) is not None:
                raise ConfigError(f"{section}.weights: is set, so that the version {name} would not be used")
        return settings, load_version(Registry(config.models.dir), name, pick_device(config.device))
    section = "detect" if name == STOCK else _section_of(Path(name))
    kind = getattr(settings, section)
    if "weights" not in type(kind).model_fields:
        raise ConfigError(f"{section}: the configuration's kind {kind.kind} takes no weights of ours")
    changed = settings.model_copy(update={section: kind.model_copy(update={"weights": name})})
    return changed, configured_models(config)


def _section_of(path: Path) -> str:
    found = {DETECTOR: "detect", CLASSIFIER: "classify"}.get(architecture(path) or "")
    if found is None:
        raise ModelError(f"{path}: is neither a detector nor a classifier")
    return found


def compare(a: Side, b: Side, progress: Progress) -> tuple[Report, SourceError | None]:
    """Replay both, one after the other, and report the differences, with pictures.

    No frame is kept: those to be shown are read once more at the end. Footage that breaks off is compared as far as
    it goes; then the error comes, too. Raises `SourceError` when there was nothing, and `DataError` when the footage
    changed meanwhile.
    """
    one, broke_one = _run("A", a, progress)
    other, broke_other = _run("B", b, progress)
    broken = broke_one or broke_other
    compared = Compared(
        str(a.plan.address), one, other, differences(one, other), None if broken is None else str(broken)
    )
    return report(compared, _pictures(compared, (a, b), progress)), broken


def _run(letter: str, side: Side, progress: Progress) -> tuple[Run, SourceError | None]:
    expected = open_source(side.plan.name, side.plan.address).expected()
    trace, alerts, broken = Trace(), dict[str, Alert](), None
    with progress(f"{letter}: {side.name}", expected) as advance:

        def on_decision(decision: Decision) -> None:
            trace.add(decision.report)
            alerts.update((alert.id, alert) for alert in decision.alerts if not alert.withheld)
            advance()

        def end(over: Alert) -> None:
            alerts[over.id] = replace(alerts[over.id], ended_at=over.ended_at)

        with replay_pipeline(side.plan, side.models, on_decision, (EndSink(end),)) as pipeline:
            try:
                pipeline.run()
            except SourceError as e:
                if not len(trace):
                    raise
                broken = e
    bound = side.plan.defaults.alert.protected_ratio
    return Run(side.name, trace, list(alerts.values()), bound), broken


def _pictures(compared: Compared, sides: tuple[Side, Side], progress: Progress) -> dict[Difference, Image]:
    """The frames to be shown, by reading the footage as far as the last of them."""
    wanted: dict[int, list[Difference]] = {}
    for each in compared.pictured():
        wanted.setdefault(compared.a.trace.seq[each.place], []).append(each)
    levels = {side.plan.defaults.privacy for side in sides}
    if not wanted or Privacy.AGGREGATE in levels:
        return {}
    runs = compared.a, compared.b
    places = drawn_places(sides[0].plan.defaults), drawn_places(sides[1].plan.defaults)
    pictures: dict[Difference, Image] = {}
    frames = open_source(sides[0].plan.name, sides[0].plan.address).frames()
    last = max(wanted)
    try:
        with progress("pictures", last + 1) as advance:
            for frame in frames:
                for each in wanted.get(frame.seq, ()):
                    rgb = frame.rgb if levels == {Privacy.FULL} else _blurred(frame.rgb, each, runs, places)
                    pictures[each] = jpeg(side_by_side(rgb, each, runs, places), each.text)
                advance()
                if frame.seq >= last:
                    break
    finally:
        frames.close()
    return pictures


def _blurred(rgb: Rgb, difference: Difference, runs: tuple[Run, Run], places: tuple[Places, Places]) -> Rgb:
    """The frame with all faces pixelated that either replay found, before anything is drawn."""
    boxes = [box for run in runs for box in run.trace.boxes(difference.place)]
    return coarse(rgb, boxes, [polygon for each in places for polygon in each.ignore])
