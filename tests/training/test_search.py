"""The search for hyper-parameters: the default comes first, what is better is known, and a study goes on where it was."""

import pickle
import sqlite3
import sys

import pytest

from maskwatch.core.errors import DataError, ModelError
from maskwatch.evaluation.document import page
from maskwatch.output.search_report import MEANINGS, search_report
from maskwatch.parallel.this_process import ThisProcess
from maskwatch.training.classifier import ClassifierRecipe
from maskwatch.training.search import CLASSIFIER_SPACE, Range, Searched, Trial, TrialWork, search, tuned

pytest.importorskip("optuna", reason="the extra search is not installed")

RECIPE = ClassifierRecipe(epochs=5)
SPACE = {"learning_rate": Range(1e-4, 1e-1, logarithmic=True), "batch": (64, 128, 256)}


def storage(folder):
    return f"sqlite:///{folder / 'study.sqlite'}"


def work(train, name, storage):
    return TrialWork(train, RECIPE, SPACE, name, storage)


class Bowl:
    """A training whose figure is lowest at some learning rate; it counts what it was asked."""

    def __init__(self, best, steps=5):
        self.best, self.steps, self.recipes, self.reported = best, steps, [], 0

    def __call__(self, recipe, report):
        self.recipes.append(recipe)
        figure = abs(recipe.learning_rate - self.best)
        for step in range(1, self.steps + 1):
            report(step, figure + 1 / step)
            self.reported += 1
        return figure


def test_the_recipe_as_it_is_comes_first_and_what_is_better_is_found(tmp_path):
    run, told = Bowl(0.03), []
    searched = search(work(run, "a", storage(tmp_path)), trials=20, on_trial=told.append)
    assert run.recipes[0] == RECIPE
    assert searched.default.figure == pytest.approx(0.028)
    assert searched.is_better
    assert searched.best.figure == min(t.figure for t in searched.trials if t.figure is not None) < 0.01
    assert [trial.number for trial in told] == list(range(20))
    assert all(1e-4 <= each.learning_rate <= 1e-1 and each.batch in {64, 128, 256} for each in run.recipes)
    assert max(searched.importance, key=searched.importance.get) == "learning_rate"
    best = tuned(RECIPE, searched.best.parameters)
    assert best.learning_rate == searched.best.parameters["learning_rate"]
    assert (best.epochs, type(best.batch)) == (5, int)


def test_nothing_better_means_the_recipe_as_it_is(tmp_path):
    searched = search(work(Bowl(2e-3), "a", storage(tmp_path)), trials=8)
    assert not searched.is_better
    assert tuned(RECIPE, searched.best.parameters) == RECIPE


def test_trials_that_fall_behind_are_ended_early_and_the_default_never(tmp_path):
    run = Bowl(0.0)
    searched = search(work(run, "a", storage(tmp_path)), trials=20)
    early = [trial for trial in searched.trials if trial.figure is None]
    assert early
    assert all(len(trial.curve) < run.steps for trial in early)
    assert run.reported < 20 * run.steps
    assert searched.default.figure is not None
    assert searched.best.figure is not None


def test_a_study_that_was_stopped_goes_on_and_its_broken_trial_does_not_count(tmp_path):
    class Stopped(Bowl):
        def __call__(self, recipe, report):
            if len(self.recipes) == 3:
                raise KeyboardInterrupt
            return super().__call__(recipe, report)

    with pytest.raises(KeyboardInterrupt):
        search(work(Stopped(0.03), "a", storage(tmp_path)), trials=6)
    run = Bowl(0.03)
    searched = search(work(run, "a", storage(tmp_path)), trials=6)
    assert len(run.recipes) == 3
    assert len(searched.trials) == 6
    assert RECIPE not in run.recipes
    again = search(work(run, "a", storage(tmp_path)), trials=6)
    assert len(run.recipes) == 3
    assert again == searched


def test_a_stop_in_the_first_trial_repeats_the_default(tmp_path):
    def stopped(recipe, report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(work(stopped, "a", storage(tmp_path)), trials=3)
    run = Bowl(0.03)
    searched = search(work(run, "a", storage(tmp_path)), trials=3)
    assert run.recipes[0] == RECIPE
    assert searched.default.parameters == {"learning_rate": 2e-3, "batch": 128}


class Elsewhere(ThisProcess):
    """What goes in and out is pickled, and three trials are asked for at once."""

    def __init__(self, setup):
        super().__init__(pickle.loads(pickle.dumps(setup)))

    @property
    def room(self):
        return 3 - len(self._waiting)

    def next_done(self):
        self._waiting.rotate(1)
        return pickle.loads(pickle.dumps(super().next_done()))


def test_trials_are_made_by_a_crew_and_the_default_is_among_them(tmp_path):
    class WorkerSettings:
        workers = staticmethod(Elsewhere)

    told = []
    searched = search(
        work(Bowl(0.03), "a", storage(tmp_path)),
        trials=9,
        worker_settings=WorkerSettings(),
        on_trial=told.append,
    )
    assert searched.default.parameters == {"learning_rate": 2e-3, "batch": 128}
    assert searched.default.figure == pytest.approx(0.028)
    assert sorted(trial.number for trial in told) == list(range(9))
    assert len({trial.parameters["learning_rate"] for trial in told}) == 9


def test_studies_of_other_names_do_not_meet(tmp_path):
    for name in ("a", "b"):
        run = Bowl(0.03)
        search(work(run, name, storage(tmp_path)), trials=2)
        assert len(run.recipes) == 2


def test_a_database_that_cannot_be_used_is_told_without_its_password(tmp_path):
    (tmp_path / "study.sqlite").write_bytes(b"no database" * 100)
    for address in (storage(tmp_path), "nonsense", "postgresql://me:secret@127.0.0.1:1/none"):
        with pytest.raises(DataError) as error:
            search(work(Bowl(1), "a", address), trials=1)
        assert "secret" not in str(error.value)


def test_without_optuna_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModelError, match=r"maskwatch\[search\]"):
        search(work(Bowl(1), "a", storage(tmp_path)), trials=1)


def test_the_study_is_a_database_that_others_can_read(tmp_path):
    search(work(Bowl(0.03), "mine", storage(tmp_path)), trials=2)
    with sqlite3.connect(tmp_path / "study.sqlite") as database:
        assert database.execute("select study_name from studies").fetchall() == [("mine",)]


def test_the_report_explains_all_that_is_tried():
    assert MEANINGS.keys() == CLASSIFIER_SPACE.keys()


def test_the_report_says_whether_it_was_worth_it_and_shows_curves():
    default = Trial(0, {"learning_rate": 0.002, "batch": 128}, (0.5, 0.4), 0.4)
    better = Trial(1, {"learning_rate": 0.004, "batch": 64}, (0.5, 0.3), 0.3)
    early = Trial(2, {"learning_rate": 0.09, "batch": 64}, (0.9,), None)
    report = search_report(Searched(default, (default, better, early), {"learning_rate": 0.9}), "a set")
    assert report.lead[0].startswith("Trial 2 is better than the default")
    rate, batch = report.tables[0].rows
    assert rate == ("learning_rate", "0.002", "0.004", "90%", "how far a step goes, where it goes farthest")
    assert batch == ("batch", "128", "64", "-", "faces in a step")
    assert [row[0] for row in report.tables[1].rows] == ["2", "1", "3"]
    assert b"data:image/png" in page(report)
    none = search_report(Searched(default, (default, early), {}), "a set")
    assert none.lead[0].startswith("No trial is better")
    assert none.facts["is_better"] is False
