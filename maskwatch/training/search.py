"""A search for better hyper-parameters of a recipe, by Optuna: proposals by TPE, trials that fall behind are ended early.

The first trial is the recipe as it is, so what the search gains is measured at the same effort. All are judged on the
validation part; the test part is not looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

from maskwatch.core.errors import DataError, ModelError
from maskwatch.parallel.settings import WorkerSettings, workers_of
from maskwatch.parallel.workers import WorkError, in_parallel
from maskwatch.training.classifier import ClassifierRecipe

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as Attempt

PRUNE_AFTER = 3  # trials that are finished before one is ended early
PRUNE_FROM = 3  # the step of a trial from which on it may be ended early
RANDOM_TRIALS = 5  # before proposals are made from what was seen
SEED = 0

Report = Callable[[int, float], None]
"""Takes a step (from 1 on) and the figure so far. It raises to end a trial that falls behind."""

Train = Callable[[ClassifierRecipe, Report], float]
"""Trains by a recipe and returns a figure of the validation part, the lower the better; it reports how far it is."""


@dataclass(frozen=True, slots=True)
class Range:
    """Of a hyper-parameter: from `low` to `high`, evenly, or on a logarithmic scale."""

    low: float
    high: float
    logarithmic: bool = False


Space = Mapping[str, Range | tuple[float, ...]]
"""What may be tried, by the recipe's fields: a range, or some values."""

CLASSIFIER_SPACE: Space = {
    "batch": (64, 128, 256),
    "learning_rate": Range(5e-4, 8e-3, logarithmic=True),
    "weight_decay": Range(1e-3, 0.1, logarithmic=True),
    "label_smoothing": Range(0.0, 0.1),
    "worn_wrong": Range(1.0, 8.0),
    "average": (0.99, 0.995, 0.998),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One try: the values that were used, the figure after each step, and the last one, None if it was ended early."""

    number: int
    parameters: Mapping[str, float]
    curve: tuple[float, ...]
    figure: float | None


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of a search; lower figures are better. `default` is the recipe as it is.

    `importance` is each parameter's share (0..1) in how figures differ, empty when it is not known.
    """

    default: Trial
    trials: tuple[Trial, ...]
    importance: Mapping[str, float]

    @property
    def best(self) -> Trial:
        """The lowest figure; the default where none is lower."""
        finished = [trial for trial in self.trials if trial.figure is not None]
        return min([self.default, *finished], key=lambda trial: trial.figure or 0.0)

    @property
    def is_better(self) -> bool:
        """Whether a trial ended with a lower figure than the default."""
        return self.best != self.default


def tuned(recipe: ClassifierRecipe, parameters: Mapping[str, float]) -> ClassifierRecipe:
    """The recipe with these values."""
    changed = {name: type(getattr(recipe, name))(value) for name, value in parameters.items()}
    return replace(recipe, **changed)


@dataclass(frozen=True, slots=True)
class Turn:
    """A trial that is to be made."""

    number: int

    def __str__(self) -> str:
        return f"trial {self.number + 1}"


@dataclass(frozen=True, slots=True)
class TrialWork:
    """How trials are made, in whatever process: `train` by a recipe, with values of `space` that the study proposes.

    The study `name` lies in `storage`, an SQLAlchemy URL that every worker reaches.
    """

    train: Train
    recipe: ClassifierRecipe
    space: Space
    name: str
    storage: str

    @property
    def default(self) -> dict[str, float]:
        """The values of the recipe as it is."""
        return {parameter: getattr(self.recipe, parameter) for parameter in self.space}

    def __call__(self) -> Callable[[Turn], Trial]:
        """Open the study. Raises `ModelError` when Optuna is not installed, and `DataError` when the storage cannot be used."""
        optuna = _optuna()
        study = _study(optuna, self.name, self.storage)
        return lambda turn: self._tried(optuna, study, turn)

    def _tried(self, optuna: ModuleType, study: "Study", turn: Turn) -> Trial:
        # the same study gives the same trials, and one that goes on does not repeat its first ones
        study.sampler = optuna.samplers.TPESampler(seed=SEED + turn.number, n_startup_trials=RANDOM_TRIALS)
        trial = study.ask()
        chosen = {parameter: _suggest(trial, parameter, each) for parameter, each in self.space.items()}

        def report(step: int, figure: float) -> None:
            trial.report(figure, step)
            if chosen != self.default and trial.should_prune():
                raise optuna.TrialPruned

        try:
            figure = self.train(tuned(self.recipe, chosen), report)
        except optuna.TrialPruned:
            return _as_trial(study.tell(trial, state=optuna.trial.TrialState.PRUNED))
        return _as_trial(study.tell(trial, figure))


def search(
    work: TrialWork,
    *,
    trials: int,
    worker_settings: WorkerSettings | None = None,
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> Searched:
    """Try until `trials` have ended in the study; one that was stopped goes on. `worker_settings` say which workers make them, None: this process.

    Raises `ModelError` when Optuna is not installed, and `DataError` when the storage cannot be used.
    """
    optuna = _optuna()
    study = _study(optuna, work.name, work.storage)
    while turns := _missing(optuna, study, work.default, trials):
        with workers_of(worker_settings, work) as workers:
            for done in in_parallel(workers, turns):
                if isinstance(done.result, WorkError):
                    raise done.result
                on_trial(done.result)
    every = _ended(optuna, study)
    return Searched(
        next(_as_trial(trial) for trial in every if _is_of(trial, work.default)),
        tuple(map(_as_trial, every)),
        _importance(optuna, study),
    )


def _missing(optuna: ModuleType, study: "Study", default: Mapping[str, float], trials: int) -> list[Turn]:
    """The trials that are still to be made. The default is the next that is asked for, unless it has ended."""
    states = optuna.trial.TrialState
    for broken_off in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        study.tell(broken_off.number, state=states.FAIL)
    ended = _ended(optuna, study)
    is_missing = not any(_is_of(trial, default) for trial in ended)
    if is_missing and not study.get_trials(deepcopy=False, states=(states.WAITING,)):
        study.enqueue_trial(dict(default))
    return [Turn(number) for number in range(len(ended), max(trials, len(ended) + is_missing))]


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as e:
        raise ModelError("--search needs optuna (pip install 'maskwatch[search]')") from e
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(optuna: ModuleType, name: str, storage: str) -> "Study":
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        shown = make_url(storage).render_as_string(hide_password=True)
    except SQLAlchemyError:
        raise DataError("--study: is no address of a database, such as sqlite:///study.sqlite") from None
    try:
        study: Study = optuna.create_study(
            storage=storage,
            study_name=name,
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(PRUNE_AFTER, PRUNE_FROM),
        )
    except (SQLAlchemyError, ImportError, RuntimeError, optuna.exceptions.OptunaError) as e:
        raise DataError(f"{shown}: keeps no study ({type(e).__name__})") from e
    return study


def _ended(optuna: ModuleType, study: "Study") -> list["FrozenTrial"]:
    states = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
    return study.get_trials(deepcopy=False, states=states)


def _is_of(trial: "FrozenTrial", parameters: Mapping[str, float]) -> bool:
    return dict(trial.params) == dict(parameters)


def _suggest(trial: "Attempt", name: str, space: Range | tuple[float, ...]) -> float:
    if isinstance(space, tuple):
        return float(trial.suggest_categorical(name, space))
    return trial.suggest_float(name, space.low, space.high, log=space.logarithmic)


def _as_trial(trial: "FrozenTrial") -> Trial:
    steps = trial.intermediate_values
    is_whole = trial.state.name == "COMPLETE"
    curve = tuple(steps[step] for step in sorted(steps))
    return Trial(trial.number, dict(trial.params), curve, trial.value if is_whole else None)


def _importance(optuna: ModuleType, study: "Study") -> dict[str, float]:
    """By PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255); empty where too few trials ended to tell."""
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    try:
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):
        return {}
    return {name: float(share) for name, share in found.items()}
