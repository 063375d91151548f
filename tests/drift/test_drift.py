"""Drift: the daily counts, when a shift is one, the audit, and the notice that labelling is due."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from maskwatch.core.records import Box, Coverage, Face, FrameReport, Label, Versions
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.drift.audit import Audit, audits
from maskwatch.drift.confidences import BINS, Confidences, Day, days
from maskwatch.drift.report import report as reported
from maskwatch.drift.settings import DriftSettings
from maskwatch.drift.shift import Bounds, chance, psi, shifts
from maskwatch.drift.watch import Drift, DriftWatch, measured
from maskwatch.pipeline.status_board import Board
from maskwatch.platform.clock import utc_now
from maskwatch.samples.annotations import Annotation, with_revision
from maskwatch.samples.sample import Sample

MODELS = Versions("detector@1", "classifier@1")
NAMED = "detector@1 classifier@1"
BOUNDS = Bounds(0.25, 3, 300)


class Clock:
    """A day that can be set."""

    def __init__(self):
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def __call__(self):
        return self.now


def report(at, *probabilities, look=Coverage.FULL, camera="door", models=MODELS):
    faces = tuple(Face(Box(0, 0, 20, 20), 0.95, p, Label.PROTECTED) for p in probabilities)
    return FrameReport(camera, "x", 0, at, (64, 48), faces, look, models)


@pytest.fixture
def kept(tmp_path):
    clock = Clock()
    return Confidences(tmp_path / "drift", 30, clock), clock, tmp_path / "drift"


def test_counts_are_added_to_the_days_file_and_survive_a_restart(kept):
    confidences, clock, folder = kept
    confidences.add(report(0, 0.05, 0.95, 1.0))
    confidences.save()
    assert json.loads((folder / "door/2026-11-01.json").read_text())[NAMED]["classifier"] == [1] + 8 * [0] + [
        2
    ]
    again = Confidences(folder, 30, clock)
    again.add(report(0, 0.05))
    again.save()
    (day,) = days(folder)
    assert (day.camera, day.day, day.versions) == ("door", date(2026, 11, 1), NAMED)
    assert list(day.counts["classifier"]) == [2] + 8 * [0] + [2]
    assert day.counts["detector"][9] == 4


def test_a_moment_counts_once_and_what_was_carried_on_not_at_all(kept):
    confidences, _, folder = kept
    confidences.add(report(0, 0.5, look=Coverage.CARRIED))
    confidences.add(report(0, 0.5, models=None))
    confidences.add(report(1, 0.5))
    confidences.add(report(9, 0.5))  # eight seconds later: the same people
    confidences.add(report(12, 0.5))
    confidences.add(report(3, 0.5, camera="yard"))
    confidences.save()
    assert {day.camera: day.counts["classifier"][5] for day in days(folder)} == {"door": 2, "yard": 1}


def test_versions_are_counted_apart_and_old_days_go(kept):
    confidences, clock, folder = kept
    confidences.add(report(0, 0.5))
    confidences.add(report(60, 0.5, models=Versions("detector@2", "classifier@1")))
    confidences.save()
    assert [day.versions for day in days(folder)] == [NAMED, "detector@2 classifier@1"]
    clock.now += timedelta(days=30)
    confidences.add(report(120, 0.5))
    confidences.save()
    assert len(list(folder.glob("*/*.json"))) == 2
    clock.now += timedelta(days=1)
    confidences.save()
    assert [day.day for day in days(folder)] == [date(2026, 12, 1)]


def test_a_disk_that_fails_costs_no_count(kept, monkeypatch):
    confidences, _, folder = kept
    confidences.add(report(0, 0.5))
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("no folder")
    with pytest.raises(OSError):
        confidences.save()
    folder.unlink()
    confidences.save()
    (day,) = days(folder)
    assert day.counts["classifier"][5] == 1


def test_a_damaged_file_is_told_and_begins_anew(kept, caplog):
    confidences, _, folder = kept
    path = folder / "door/2026-11-01.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"x": {"detector": [1], "classifier": [1]}}')
    assert list(days(folder)) == []
    assert "2026-11-01.json: holds other counts" in caplog.text
    confidences.add(report(0, 0.5))
    confidences.save()
    assert len(list(days(folder))) == 1


def counted(sure, faces, random):
    """A histogram of so many faces: the share `sure` in the outer bins, the others anywhere."""
    shares = np.full(BINS, (1 - sure) / BINS)
    shares[[0, -1]] += sure / 2
    return random.multinomial(faces, shares)


def filled(sure_by_day, faces=400, camera="door", versions=NAMED, seed=0):
    random = np.random.default_rng(seed)
    return [
        Day(
            camera,
            date(2026, 11, 1) + timedelta(days=number),
            versions,
            {model: counted(sure, faces, random) for model in ("detector", "classifier")},
        )
        for number, sure in enumerate(sure_by_day)
    ]


def test_the_index_is_that_of_the_textbook():
    """0.1 ln 2 for a tenth that became two, and 0.1 ln (7/6) for seven that became six."""
    a, b = np.array([1, 2, 7] + 7 * [0]) * 100_000, np.array([2, 2, 6] + 7 * [0]) * 100_000
    assert psi(a, b) == pytest.approx(0.0693 + 0.0154, abs=2e-4)
    assert psi(b, a) == pytest.approx(psi(a, b))
    assert psi(a, a) == 0


def test_equal_days_are_no_shift_and_what_chance_makes_of_few_faces_is_allowed_for():
    random = np.random.default_rng(1)
    above = sum(
        psi(one, other) > chance(one, other)
        for one, other in ((counted(0.3, 300, random), counted(0.3, 300, random)) for _ in range(2000))
    )
    assert above <= 12  # once in a thousand, and the chance of chance
    assert chance(np.full(BINS, 3), np.full(BINS, 3)) > 1


def test_a_camera_that_shows_something_else_is_told_and_one_that_does_not_is_not():
    same = shifts(filled([0.8] * 8), {"door": NAMED}, BOUNDS)
    assert [each.is_due for each in same] == [False, False]
    other = shifts(filled([0.8] * 5 + [0.1]), {"door": NAMED}, BOUNDS)
    assert all(each.is_due for each in other)
    assert other[0].psi > 0.25
    assert [day for day, value in other[0].by_day if value > 0.25] == [date(2026, 11, 6)]


def test_too_few_faces_and_other_models_tell_nothing():
    few = shifts(filled([0.8] * 3 + [0.1], faces=90), {"door": NAMED}, BOUNDS)
    assert [each.psi for each in few] == [None, None]
    old = filled([0.8] * 5, versions="detector@0 classifier@0") + filled([0.1] * 2)
    assert [each.psi for each in shifts(old, {"door": NAMED}, BOUNDS)] == [None, None]


def drawn(number, right, *, reasons=("audit",), labelled=True):
    label = Label.UNPROTECTED if right else Label.PROTECTED
    faces = (Face(Box(10, 10, 40, 40), 0.9, 0.1, label),)
    mark = Annotation(Box(11, 10, 40, 41), AnnotationLabel.WORN_WRONG)
    missed = Annotation(Box(60, 10, 80, 40), AnnotationLabel.UNKNOWN)  # counts neither way
    history = with_revision((), (mark, missed), "kim", utc_now()) if labelled else ()
    models = {"detector": "detector@1", "classifier": "classifier@1"}
    report = FrameReport("door", "x", number, 0.0, (100, 60), faces)
    return Sample(f"s{number}", report, reasons, utc_now(), models, history)


def test_the_audit_counts_what_was_drawn_and_labelled_alone():
    samples = [drawn(n, right=n % 4 != 0) for n in range(80)]
    samples += [drawn(100, right=False, reasons=("classifier",)), drawn(101, right=False, labelled=False)]
    (audit,) = audits(samples, {"door": NAMED})
    assert (audit.samples, audit.faces, audit.right) == (80, 80, 60)
    assert audit.interval == pytest.approx((0.6451, 0.8319), abs=0.001)  # Wilson's, for 60 of 80
    assert audits(samples, {"door": "detector@2 classifier@1"})[0].faces == 0


def test_labelling_is_due_where_the_audit_is_clearly_under_the_bound():
    def due(right):
        return Drift((), (Audit("door", 100, 100, right),), 0.8).due()

    assert due(75) == {}
    assert "70 of 100 faces of the audit were right" in due(70)["door"]


class FakePipeline:
    def __init__(self):
        self.board = Board(["door"])

    def fail(self, error):
        raise error


def test_the_notice_is_said_once_and_goes_when_the_reason_goes(kept, caplog):
    confidences, _, _ = kept
    found = [Drift((), (Audit("door", 100, 100, 10),), 0.8)] * 2 + [Drift((), (), 0.8)]
    pipeline = FakePipeline()
    watch = DriftWatch(confidences, lambda: found.pop(0), pipeline)
    watch.look()
    watch.look()
    assert pipeline.board.snapshot().notices == {"drift door": "labelling is due for door"}
    assert sum("labelling is due for door" in r.getMessage() for r in caplog.records) == 1
    watch.look()
    assert pipeline.board.snapshot().notices == {}


@pytest.mark.logs_errors
def test_a_disk_that_fails_is_said_once(kept, caplog):
    confidences, _, folder = kept
    folder.write_text("no folder")
    watch = DriftWatch(confidences, Drift, FakePipeline())
    for at in (0, 60):
        confidences.add(report(at, 0.5))
        watch.save()
    assert sum("counted on in memory" in r.getMessage() for r in caplog.records) == 1


def test_the_command_tells_where_labelling_is_due_and_draws_it(tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    text = {
        "cameras": {"door": {"source": "clip.mp4"}},
        "queue": {"dir": str(tmp_path / "queue")},
        "models": {"dir": str(tmp_path / "models")},
        "learn": {"archive": str(tmp_path / "archive")},
        "drift": {"dir": str(tmp_path / "drift"), "reference_days": 3},
    }
    config.write_text(json.dumps(text))
    from maskwatch.app.cameras import camera_versions, configured_models
    from maskwatch.config import load as configuration

    settings = configuration.load(config)
    versions = camera_versions(settings, configured_models(settings))
    for each in filled([0.8] * 4 + [0.1], versions=versions["door"]):
        path = tmp_path / "drift/door" / f"{each.day.isoformat()}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        counts = {model: [int(n) for n in own] for model, own in each.counts.items()}
        path.write_text(json.dumps({each.versions: counts}))
    found = measured(DriftSettings(**text["drift"]), tmp_path / "archive", tmp_path / "queue", versions)
    assert set(found.due()) == {"door"}
    done = maskwatch(
        "drift", "-c", config, "--html", tmp_path / "drift.html", "--json", tmp_path / "drift.json"
    )
    assert done.returncode == 0, done.stderr
    assert "Labelling is due" in done.stdout
    page = (tmp_path / "drift.html").read_text()
    assert page.count('src="data:image/png') == 2
    assert json.loads((tmp_path / "drift.json").read_text())["due"].keys() == {"door"}


@pytest.mark.parametrize(
    ("sure_by_day", "title"),
    [
        ([], "Too early to say: there are too few faces yet"),
        ([0.8] * 8, "No drift that calls for labels"),
        ([0.8] * 5 + [0.1], "Labelling is due"),
    ],
    ids=["nothing yet", "calm", "due"],
)
def test_the_title_says_what_is_known(sure_by_day, title):
    found = tuple(shifts(filled(sure_by_day), {"door": NAMED}, BOUNDS))
    assert reported(Drift(found, (), 0.8)).title == title
