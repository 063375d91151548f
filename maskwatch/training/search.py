"""A search for better hyper-parameters of a recipe, by Optuna: proposals by TPE, trials that fall behind are ended early.

The first trial is the recipe as it is, so what the search gains is measured at the same effort. All are judged on the
validation part; the test part is not looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

from maskwatch.core.errors import DataError, ModelError
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


def search(
    run: Callable[[ClassifierRecipe, Report], float],
    recipe: ClassifierRecipe,
    space: Space,
    *,
    trials: int,
    name: str,
    storage: str,
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> Searched:
    """Try until `trials` have ended in the study `name` of `storage`, an SQLAlchemy URL; one that was stopped goes on.

    `run` trains by a recipe and returns a figure of the validation part, the lower the better; it reports how far it is.
    Raises `ModelError` when Optuna is not installed, and `DataError` when the storage cannot be used.
    """
    optuna = _optuna()
    study = _study(optuna, name, storage)
    default = {parameter: getattr(recipe, parameter) for parameter in space}
    for broken_off in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(broken_off.number, state=optuna.trial.TrialState.FAIL)
    if not any(_is_of(trial, default) for trial in _ended(optuna, study)):
        study.enqueue_trial(default)

    def objective(trial: "Attempt") -> float:
        chosen = {parameter: _suggest(trial, parameter, each) for parameter, each in space.items()}

        def report(step: int, figure: float) -> None:
            trial.report(figure, step)
            if chosen != default and trial.should_prune():
                raise optuna.TrialPruned

        return run(tuned(recipe, chosen), report)

    ended = len(_ended(optuna, study))
    # the same study gives the same trials, and one that goes on does not repeat its first ones
    study.sampler = optuna.samplers.TPESampler(seed=SEED + ended, n_startup_trials=RANDOM_TRIALS)
    missing = trials - ended
    if missing > 0:
        study.optimize(objective, n_trials=missing, callbacks=[lambda _, frozen: on_trial(_as_trial(frozen))])
    every = _ended(optuna, study)
    return Searched(
        next(_as_trial(trial) for trial in every if _is_of(trial, default)),
        tuple(map(_as_trial, every)),
        _importance(optuna, study),
    )


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
