"""A version in the shadow: followed by the service, counted over restarts, and who was right by the labels."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import torch
from typer.testing import CliRunner

from maskwatch.cli import app
from maskwatch.cli.terminal import out
from maskwatch.config.load import parse
from maskwatch.core.errors import ConfigError, ModelError
from maskwatch.core.people.shares import share
from maskwatch.core.records import Box, Face, Label, ShadowCounts, ShadowJudgement, Versions
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.models.loading import shadow_models
from maskwatch.models.registry import CLASSIFIER, DETECTOR, SHIPPED, Registry, Version, shipped_files
from maskwatch.models.registry_state import Shadow
from maskwatch.models.shadow import ShadowFollower
from maskwatch.models.shadow_counts import read_counts, save_counts
from maskwatch.models.shadow_verdict import FEWEST, ShadowVerdict, verdict
from maskwatch.pipeline.camera import ShadowModels
from maskwatch.pipeline.status_board import Board
from maskwatch.platform.clock import utc_now
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.store import Queue

COUNTS = ShadowCounts(100, 7, 1, 2, 3, 4, 5.5, 2.25)
SINCE = datetime(2026, 11, 27, 2, 30, tzinfo=UTC)
HERE, THERE = Box(10, 10, 40, 50), Box(50, 10, 79, 50)


@pytest.fixture
def registry(tmp_path):
    made = Registry(tmp_path / "models")
    files = {DETECTOR: shipped_files().detector, CLASSIFIER: shipped_files().classifier}
    for name in ("one", "two"):
        made.add(files, Version(name, SHIPPED, utc_now()))
    return made


# counts


def test_counts_are_kept_by_version_the_one_beside_it_and_camera(registry):
    save_counts(registry.folder, "one", SHIPPED, {"door": COUNTS, "gate": ShadowCounts(1)})
    save_counts(registry.folder, "one", "two", {"door": ShadowCounts(3)})
    save_counts(registry.folder, "one", SHIPPED, {"gate": ShadowCounts(2)})
    assert read_counts(registry.folder, "one", SHIPPED) == {"door": COUNTS, "gate": ShadowCounts(2)}
    assert read_counts(registry.folder, "one", "two") == {"door": ShadowCounts(3)}
    assert read_counts(registry.folder, "two", SHIPPED) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"shipped": {"door": {"frames": "many"}}}', '{"shipped": 3}'])
def test_a_damaged_file_of_counts_is_told_and_counting_begins_anew(registry, caplog, text):
    (registry.folder / "shadow").mkdir()
    (registry.folder / "shadow/one.json").write_text(text)
    assert read_counts(registry.folder, "one", SHIPPED) == {}
    assert "one.json: cannot be read" in caplog.text


def test_counts_go_with_their_version(registry):
    for name in ("one", "two"):
        save_counts(registry.folder, name, SHIPPED, {"door": COUNTS})
    assert registry.tidy(1) == ["one"]
    assert [path.name for path in (registry.folder / "shadow").glob("*.json")] == ["two.json"]


# followed by the service


class FakePipeline:
    """What a follower needs of the pipeline, and notes of what it was told."""

    def __init__(self):
        self.board = Board(["door", "gate"])
        self.shadow = self
        self.told = []

    def begin(self, status, models, share):
        self.board.shadow.begin(status)
        self.told.append((status.version, status.serving, sorted(models), share))

    def end(self):
        self.board.shadow.end()
        self.told.append("end")


@pytest.fixture
def pipeline():
    return FakePipeline()


def loaded(shadow):
    models = ShadowModels(None, None, 0.75)
    return {name: models for name in ("door", "gate") if shadow.covers(name)}


def test_a_run_begins_changes_and_ends_as_the_registry_says(registry, pipeline):
    follower = ShadowFollower(registry, pipeline, loaded, 0.1)
    door = Shadow("one", ("door",), SINCE)
    for wanted, serving in (
        (None, SHIPPED),
        (door, SHIPPED),
        (door, SHIPPED),
        (Shadow("one", None, SINCE), SHIPPED),
        (Shadow("one", None, SINCE), "two"),
        (Shadow("one", None, SINCE), "one"),  # as long as a promotion is on its way
        (None, "one"),
    ):
        follower.follow(wanted, serving)
    assert [each for each in pipeline.told if each != "end"] == [
        ("one", SHIPPED, ["door"], 0.1),
        ("one", SHIPPED, ["door", "gate"], 0.1),
        ("one", "two", ["door", "gate"], 0.1),
    ]
    assert pipeline.told[-1] == "end"
    assert pipeline.board.snapshot().shadow is None


def test_counts_go_on_after_a_restart_and_begin_anew_beside_another_version(registry, pipeline):
    follower = ShadowFollower(registry, pipeline, loaded, 0.1)
    follower.follow(Shadow("one", None, SINCE), SHIPPED)
    pipeline.board.shadow.count("door", COUNTS)
    follower.save()
    again = FakePipeline()
    follower = ShadowFollower(registry, again, loaded, 0.1)
    follower.follow(Shadow("one", None, SINCE), SHIPPED)
    again.board.shadow.count("door", ShadowCounts(1))
    status = again.board.snapshot().shadow
    assert status.cameras == {"door": COUNTS + ShadowCounts(1)}
    assert (status.version, status.serving, status.since, status.problem) == ("one", SHIPPED, SINCE, None)
    follower.follow(Shadow("one", None, SINCE), "two")  # what was counted until then is kept
    assert again.board.snapshot().shadow.cameras == {}
    assert read_counts(registry.folder, "one", SHIPPED)["door"].frames == 101


def test_counts_are_saved_now_and_then(registry, pipeline, monkeypatch):
    follower = ShadowFollower(registry, pipeline, loaded, 0.1)
    follower.follow(Shadow("one", None, SINCE), SHIPPED)
    pipeline.board.shadow.count("door", COUNTS)
    follower.save_now_and_then()
    assert read_counts(registry.folder, "one", SHIPPED) == {}
    monkeypatch.setattr("maskwatch.models.shadow.SAVE_S", 0.0)
    follower.save_now_and_then()
    assert read_counts(registry.folder, "one", SHIPPED) == {"door": COUNTS}


@pytest.mark.logs_errors
def test_counts_that_cannot_be_written_are_told_once_and_go_on_in_memory(registry, pipeline, caplog):
    (registry.folder / "shadow").write_text("a file in the folder's place")
    follower = ShadowFollower(registry, pipeline, loaded, 0.1)
    follower.follow(Shadow("one", None, SINCE), SHIPPED)
    pipeline.board.shadow.count("door", COUNTS)
    follower.save()
    follower.save()
    assert caplog.text.count("counted on in memory") == 1
    assert pipeline.board.snapshot().shadow.cameras == {"door": COUNTS}
    (registry.folder / "shadow").unlink()
    follower.save()
    assert read_counts(registry.folder, "one", SHIPPED) == {"door": COUNTS}


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    "error", [ModelError("one: is damaged"), MemoryError("no room"), KeyError("x")], ids=repr
)
def test_a_candidate_that_cannot_be_loaded_is_told_once(registry, pipeline, caplog, error):
    def broken(shadow):
        raise error

    follower = ShadowFollower(registry, pipeline, broken, 0.1)
    for _ in range(3):
        follower.follow(Shadow("one", None, SINCE), SHIPPED)
    assert caplog.text.count("version one: its shadow run has not begun") == 1
    assert pipeline.board.snapshot().shadow.problem == str(error)
    assert pipeline.told == ["end"]


def test_a_candidate_has_models_of_its_own_unless_the_configuration_names_the_weights(registry, caplog):
    weights = {"weights": str(shipped_files().detector)}, {"weights": str(shipped_files().classifier)}
    named = {"source": "a.mp4", "detect": weights[0], "classify": weights[1]}
    text = {"door": {"source": "a.mp4", "alert": {"protected_ratio": 0.5}}, "gate": named}
    cameras = parse(f"cameras: {text}", "test", {}).cameras
    found = shadow_models(cameras, registry.files("one"))
    assert list(found) == ["door"]
    assert found["door"].alert_below == 0.5
    assert found["door"].detector.backend_name.startswith("torch ")
    assert "gate: its weights are named in the configuration" in caplog.text
    with pytest.raises(ConfigError, match="all cameras"):
        shadow_models({"gate": cameras["gate"]}, registry.files("one"))


def test_a_candidate_without_numbers_is_refused(registry, tmp_path):
    from maskwatch.classify.network import load_network, save_network

    network, shape, _ = load_network(shipped_files().classifier, torch.device("cpu"))
    network.dense[-1].weight[:] = float("nan")
    save_network(network, shape, tmp_path / "c.safetensors", {})
    files = replace(registry.files("one"), classifier=tmp_path / "c.safetensors")
    cameras = parse("cameras: {door: {source: a.mp4}}", "test", {}).cameras
    with pytest.raises(ModelError, match="gives no finite number"):
        shadow_models(cameras, files)


# who was right


def face(box, protected):
    label = Label.PROTECTED if protected >= 0.5 else Label.UNPROTECTED
    return Face(box, 0.9, protected, label)


@pytest.fixture
def queued(tmp_path, frame, report):
    """Queue a frame with both judgements, and label it."""
    queue = Queue(tmp_path / "queue")

    def add(serving, candidate, labels, *, version="one", beside=SHIPPED, reasons=("shadow",)):
        said = ShadowJudgement(version, beside, Versions("d@new", "c@new"), tuple(candidate))
        seen = replace(report(0.0), size=(80, 60), faces=tuple(serving), shadow=said)
        sample = queue.add(frame(0.0), seen, reasons)
        if labels is not None:
            annotations = [Annotation(box, AnnotationLabel(label)) for box, label in labels]
            queue.label(sample, annotations, "kim", based_on=0)

    add.queue = queue
    return add


@pytest.mark.parametrize(
    ("serving", "candidate", "labels", "right"),
    [
        ([face(HERE, 0.9)], [face(HERE, 0.1)], [(HERE, "unprotected")], 1),
        ([face(HERE, 0.9)], [face(HERE, 0.1)], [(HERE, "worn_wrong")], 1),
        ([face(HERE, 0.9)], [face(HERE, 0.1)], [(HERE, "protected")], 0),
        ([face(HERE, 0.9)], [face(HERE, 0.1)], [(HERE, "unknown")], None),
        ([face(HERE, 0.9)], [face(HERE, 0.1)], [], None),
        ([face(HERE, 0.9)], [Face(HERE, 0.9)], [(HERE, "unprotected")], None),  # both wrong
        ([], [face(HERE, 0.1)], [(HERE, "protected")], 1),
        ([], [face(HERE, 0.1)], [(THERE, "protected")], 0),
        ([face(HERE, 0.1)], [], [(HERE, "protected")], 0),
        ([face(HERE, 0.1)], [], [], 1),
        ([face(HERE, 0.1)], [face(HERE, 0.1)], [(HERE, "protected")], None),
        ([face(HERE, 0.1)], [], None, None),
    ],
    ids=str,
)
def test_labels_tell_who_was_right_of_a_difference(queued, serving, candidate, labels, right):
    queued(serving, candidate, labels)
    found = verdict(queued.queue.samples(), "one", SHIPPED)
    assert (found.differences, found.right) == ((0, 0) if right is None else (1, right))
    assert found.samples == (labels is not None)


def test_the_share_has_an_interval_and_other_runs_and_reasons_do_not_count(queued):
    right = ([], [face(HERE, 0.1)], [(HERE, "protected")])
    for _ in range(6):
        queued(*right)
    for _ in range(2):
        queued([], [face(HERE, 0.1)], [])
    queued(*right, version="two")
    queued(*right, beside="two")
    queued(*right, reasons=("audit",))
    found = verdict(queued.queue.samples(), "one", SHIPPED)
    assert (found.samples, found.differences, found.right) == (8, 8, 6)
    assert found.share.value == 0.75
    assert 0.3 < found.share.low < 0.5
    assert 0.9 < found.share.high < 1


# the command


@pytest.fixture
def run(registry, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"models: {{dir: {registry.folder}}}\nqueue: {{dir: {tmp_path / 'queue'}}}\n"
        f"learn: {{archive: {tmp_path / 'archive'}}}\ncameras: {{door: {{source: a.mp4}}}}\n"
    )

    def ask(*arguments):
        done = CliRunner().invoke(app, ["models", *arguments, "-c", str(config)])
        return done.output if done.exception is None else done.exception

    return ask


def test_the_command_begins_lists_reports_and_ends_a_run(run, registry, queued):
    assert run("shadow", "one", "--camera", "door") == "one is in the shadow of door\n"
    assert "one is in the shadow of door since" in run("list")
    assert run("shadow", "one") == "one is in the shadow of all cameras\n"
    save_counts(registry.folder, "one", SHIPPED, {"door": COUNTS})
    queued([], [face(HERE, 0.1)], [(HERE, "protected")])
    queued([], [face(HERE, 0.1)], [])
    said = run("shadow", "--report")
    assert "one, in the shadow of shipped since" in said
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in said.splitlines() if "│" in line]
    assert rows == [
        ["frames looked at", "100"],
        ["frames that differ", "7"],
        ["over or under the ratio", "4"],
        ["faces: only serving", "1"],
        ["faces: only candidate", "2"],
        ["faces: another label", "3"],
        ["a frame takes serving", "55 ms"],
        ["a frame takes candidate", "22 ms"],
    ]
    assert "of 100 frames 7 differ (7.0%, 95 % interval 3.4% to 13.7%" in said
    told = " ".join(said.split())
    assert "of 2 labelled differences in 2 samples the candidate was right in 1 (50%, 95 % interval" in told
    assert "cannot be told: each was right as often as the other" in told
    assert run("shadow", "--off") == "one is in the shadow no more\n"
    assert run("shadow", "--off") == "no version was in the shadow\n"
    assert registry.state().shadow is None


def test_the_report_of_a_run_that_has_ended_is_kept_beside_each_version_that_served(run, registry, queued):
    run("shadow", "one")
    assert "no frame was looked at yet" in run("shadow", "--report")
    save_counts(registry.folder, "one", SHIPPED, {"door": COUNTS})
    save_counts(registry.folder, "one", "two", {"door": ShadowCounts(31)})
    run("shadow", "--off")
    for _ in range(FEWEST):
        queued([], [face(HERE, 0.1)], [(HERE, "protected")])
    said = run("shadow", "one", "--report")
    first, second = said.split("one, was in the shadow of ")[1:]
    assert first.startswith(SHIPPED)
    assert "the candidate version is right more often" in first
    assert second.startswith("two")
    assert "31" in second
    assert "no difference is labelled yet, in 0 labelled samples" in second
    assert f"it takes at least {FEWEST} labelled differences" in " ".join(second.split())


@pytest.mark.parametrize("number", [1, 4, 5, 25])
def test_the_report_of_many_cameras_fits_80_columns_with_whole_headings(run, registry, number, monkeypatch):
    monkeypatch.setattr(out, "width", 80)
    run("shadow", "one")
    cameras = {f"entrance of hall {each}": COUNTS for each in range(number)}
    save_counts(registry.folder, "one", SHIPPED, cameras)
    lines = run("shadow", "--report").splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    assert sum(line.count(" 55 ms") for line in lines) == number


@pytest.mark.parametrize(
    ("clusters", "better", "needed"),
    [
        ({}, None, FEWEST),
        ({(3, 3): 1}, None, FEWEST),
        ({(1, 1): FEWEST - 1}, None, FEWEST),
        ({(1, 1): FEWEST}, "candidate", FEWEST),
        ({(1, 0): FEWEST}, "serving", FEWEST),
        ({(1, 1): 20, (1, 0): 20}, None, None),
    ],
    ids=["none", "one image", "too few", "candidate", "serving", "even"],
)
def test_what_the_interval_tells(clusters, better, needed):
    differences = sum(number * count for (number, _), count in clusters.items())
    found = ShadowVerdict(sum(clusters.values()), differences, 0, share(clusters))
    assert (found.better, found.needed) == (better, needed)


def test_so_many_as_are_needed_do_tell():
    few = share({(1, 1): 12, (1, 0): 8})
    found = ShadowVerdict(20, 20, 12, few)
    assert found.better is None
    more = found.needed / 20 * 1.1
    enough = share({(1, 1): round(12 * more), (1, 0): round(8 * more)})
    assert ShadowVerdict(20, 20, 12, enough).better == "candidate"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("shadow",), "give one of VERSION, --off and --report"),
        (("shadow", "one", "--off"), "give one of VERSION, --off and --report"),
        (("shadow", "--off", "--camera", "door"), "--camera: goes with a VERSION"),
        (("shadow", "one", "--report", "--camera", "door"), "--camera: goes with a VERSION"),
        (("shadow", "one", "--report"), "one has not been in the shadow"),
        (("shadow", "nobody", "--report"), "no version 'nobody'"),
        (("shadow", "one", "--camera", "yard"), "there is no camera 'yard', but door"),
        (("shadow", "--report"), "no version is in the shadow"),
        (("shadow", "nobody"), "no version 'nobody'"),
        (("shadow", SHIPPED), "shipped serves already"),
    ],
    ids=str,
)
def test_what_the_command_cannot_do_is_told(run, registry, arguments, told):
    assert told in str(run(*arguments))
    assert registry.state().shadow is None
