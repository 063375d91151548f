"""The registry of the models' versions, and its command."""

import hashlib
import json
import threading

import pytest
import torch
from typer.testing import CliRunner

from maskwatch.classify.network import load_network, save_network
from maskwatch.classify.settings import Settings as ClassifySettings
from maskwatch.cli import models
from maskwatch.core.errors import ModelError
from maskwatch.models.loading import serving_models
from maskwatch.models.registry import CLASSIFIER, DETECTOR, SHIPPED, Registry, Version, shipped_files
from maskwatch.platform.clock import utc_now

CPU = torch.device("cpu")


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "models")


@pytest.fixture
def moved_classifier(tmp_path):
    """The shipped classifier with its last bias moved: other weights of the same kind."""
    network, shape, _ = load_network(shipped_files().classifier, CPU)
    network.dense[-1].bias += 0.5
    path = tmp_path / "moved.safetensors"
    save_network(network, shape, path, {})
    return path


def added(registry, name, classifier=None, **about):
    files = {DETECTOR: shipped_files().detector, CLASSIFIER: classifier or shipped_files().classifier}
    return registry.add(files, Version(name, registry.state().serving, utc_now(), **about))


def test_where_nothing_is_registered_the_shipped_models_serve(registry):
    assert registry.state().serving == SHIPPED
    assert registry.versions() == []
    assert registry.files(SHIPPED).detector.is_file()
    assert not registry.folder.exists()


def test_a_version_keeps_where_it_comes_from_and_serves_once_promoted(registry):
    added(registry, "one", samples=("a", "b"), figures={"recall": 0.5})
    assert registry.state().serving == SHIPPED
    registry.promote("one")
    found = registry.version("one")
    assert (found.parent, found.samples, found.figures) == (SHIPPED, ("a", "b"), {"recall": 0.5})
    digest = hashlib.sha256(shipped_files().detector.read_bytes()).hexdigest()
    assert found.files[DETECTOR] == digest
    assert registry.state().serving == "one"
    assert registry.files("one").classifier.read_bytes() == shipped_files().classifier.read_bytes()


def test_rollback_goes_back_one_version_at_a_time(registry):
    for name in ("one", "two"):
        added(registry, name)
        registry.promote(name)
    registry.promote("two")  # serves already: no event, nothing to go back to
    assert [registry.rollback().serving for _ in range(2)] == ["one", SHIPPED]
    with pytest.raises(ModelError, match="no version served before shipped"):
        registry.rollback()
    told = [(event.what, event.version) for event in registry.state().events]
    assert told == [
        ("promoted", "one"),
        ("promoted", "two"),
        ("rolled back", "one"),
        ("rolled back", SHIPPED),
    ]


def test_events_say_why_and_those_of_before_are_read_without(registry):
    added(registry, "one")
    registry.promote("one")
    registry.refuse("two", "it is worse on the cameras")
    registry.rollback("too many alerts")
    told = [(event.what, event.version, event.why) for event in registry.state().events]
    assert told == [
        ("promoted", "one", None),
        ("refused", "two", "it is worse on the cameras"),
        ("rolled back", SHIPPED, "too many alerts"),
    ]
    assert registry.state().served_last.why == "too many alerts"
    data = json.loads(registry.current.read_text())
    for event in data["events"]:
        del event["why"]
    registry.current.write_text(json.dumps(data))
    assert [event.why for event in registry.state().events] == [None] * 3


def test_commands_tell_the_reason_when_it_is_given_and_later(registry, monkeypatch):
    monkeypatch.setattr(models.out, "width", 200)
    at = ["--dir", str(registry.folder)]

    def run(*arguments):
        done = CliRunner().invoke(models.app, [*arguments, *at])
        assert done.exit_code == 0, done.output
        return done.output

    added(registry, "one")
    assert run("promote", "one", "--why", "fewer [alerts]") == "one serves: fewer [alerts]\n"
    assert run("rollback") == "shipped serves again\n"
    registry.refuse("two", "it is worse")
    told = [
        [cell.strip() for cell in row.split("│")[2:-1]] for row in run("events").splitlines() if "│" in row
    ]
    assert told == [
        ["refused", "two", "it is worse"],
        ["rolled back", "shipped", "-"],
        ["promoted", "one", "fewer [alerts]"],
    ]
    assert "1 of 3 events" in run("events", "--limit", "1")


def test_a_version_is_whole_or_it_is_not_there(registry, tmp_path):
    files = {DETECTOR: shipped_files().detector, CLASSIFIER: tmp_path / "missing.safetensors"}
    with pytest.raises(ModelError, match=r"missing\.safetensors: cannot be read"):
        registry.add(files, Version("half", None, utc_now()))
    assert not (registry.folder / "versions").exists()
    with pytest.raises(ModelError, match="needs its detector"):
        registry.add({CLASSIFIER: files[CLASSIFIER]}, Version("half", None, utc_now()))


def test_a_version_is_never_written_to_again(registry):
    added(registry, "one")
    with pytest.raises(ModelError, match="there is a version 'one' already"):
        added(registry, "one")
    with pytest.raises(ModelError, match="there is a version 'shipped' already"):
        added(registry, SHIPPED)


@pytest.mark.parametrize("name", ["../escape", "", ".hidden", "a/b", "a" * 65])
def test_a_name_cannot_leave_the_folder(registry, name):
    with pytest.raises(ModelError, match="is no version's name"):
        registry.promote(name)


def test_damaged_files_are_refused_by_name_and_the_serving_version_stays(registry):
    for name in ("one", "two"):
        added(registry, name)
    registry.promote("one")
    path = registry.folder / "versions/two" / CLASSIFIER
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ModelError, match=r"two/classifier\.safetensors: is not what was registered"):
        registry.promote("two")
    assert registry.state().serving == "one"


def test_a_rollback_to_a_damaged_version_is_refused(registry):
    for name in ("one", "two"):
        added(registry, name)
        registry.promote(name)
    (registry.folder / "versions/one" / DETECTOR).unlink()
    with pytest.raises(ModelError, match=r"detector\.safetensors: cannot be read"):
        registry.rollback()
    assert registry.state().serving == "two"


def test_old_versions_go_but_for_the_serving_one_and_what_a_rollback_reaches(registry):
    names = [f"v{number}" for number in range(8)]
    for name in names:
        added(registry, name)
    for name in ("v2", "v0", "v1", "v3"):
        registry.promote(name)
    assert registry.tidy(2) == ["v2", "v4", "v5"]
    assert [version.id for version in registry.versions()] == ["v0", "v1", "v3", "v6", "v7"]
    assert sorted(p.name for p in (registry.folder / "versions").iterdir()) == ["v0", "v1", "v3", "v6", "v7"]
    assert registry.state().serving == "v3"
    assert [registry.rollback().serving for _ in range(2)] == ["v1", "v0"]
    with pytest.raises(ModelError, match="no version served before v0"):
        registry.rollback()
    assert registry.tidy(20) == []


def test_one_version_at_a_time_is_in_the_shadow_of_some_cameras_or_of_all(registry):
    for name in ("one", "two"):
        added(registry, name)
    began = registry.begin_shadow("one", ["door"]).shadow
    assert began == registry.state().shadow
    assert (began.version, began.covers("door"), began.covers("gate")) == ("one", True, False)
    wider = registry.begin_shadow("one").shadow
    assert (wider.cameras, wider.covers("gate"), wider.since) == (None, True, began.since)
    assert registry.begin_shadow("two").shadow.since > began.since
    assert registry.state().serving == SHIPPED
    assert registry.end_shadow().shadow is None
    stamp = registry.change_stamp()
    assert registry.end_shadow().shadow is None
    assert registry.change_stamp() == stamp
    told = [(event.what, event.version) for event in registry.state().events]
    assert told == [
        ("shadow began", "one"),
        ("shadow ended", "one"),
        ("shadow began", "two"),
        ("shadow ended", "two"),
    ]


def test_a_version_that_comes_to_serve_is_in_the_shadow_no_more_and_another_stays(registry):
    for name in ("one", "two"):
        added(registry, name)
    registry.begin_shadow("one")
    assert registry.promote("two").shadow.version == "one"
    assert registry.promote("one").shadow is None
    with pytest.raises(ModelError, match="one serves already"):
        registry.begin_shadow("one")
    registry.begin_shadow("two")
    assert registry.rollback().shadow is None


def test_what_cannot_be_in_the_shadow_is_refused_and_nothing_changes(registry):
    for name in ("one", "two"):
        added(registry, name)
    registry.begin_shadow("one", ["door"])
    before = registry.current.read_bytes()
    (registry.folder / "versions/two" / CLASSIFIER).write_bytes(b"nothing")
    for name, cameras, why in (
        ("two", None, "is not what was registered"),
        ("nobody", None, "no version 'nobody'"),
        ("one", [], "needs a camera"),
    ):
        with pytest.raises(ModelError, match=why):
            registry.begin_shadow(name, cameras)
    assert registry.current.read_bytes() == before


def test_a_file_from_before_there_was_a_shadow_is_read_and_one_of_now_by_programs_of_then(registry):
    added(registry, "one")
    registry.promote("one")
    data = json.loads(registry.current.read_text())
    del data["shadow"]
    registry.current.write_text(json.dumps(data))
    assert (registry.state().serving, registry.state().shadow) == ("one", None)
    registry.begin_shadow(SHIPPED, ["door"])
    now = json.loads(registry.current.read_text())
    assert {key: now[key] for key in ("serving", "before")} == {
        key: data[key] for key in ("serving", "before")
    }
    assert all({"at", "what", "version"} <= event.keys() for event in now["events"])
    for damaged in (
        {"version": "../x"},
        {"version": "one", "cameras": "door", "since": "2026-11-27T00:00:00+00:00"},
        3,
    ):
        registry.current.write_text(json.dumps(now | {"shadow": damaged}))
        with pytest.raises(ModelError, match=r"current\.json: cannot be read"):
            registry.state()


def test_the_version_in_the_shadow_is_not_removed_as_an_old_one(registry):
    for name in ("old", "older", "new"):
        added(registry, name)
    registry.begin_shadow("old")
    assert registry.tidy(1) == ["older"]


def test_changes_from_many_sides_at_once_are_all_kept(registry):
    names = [f"v{number}" for number in range(6)]
    for name in names:
        added(registry, name)
    threads = [threading.Thread(target=registry.promote, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = registry.state()
    assert {event.version for event in state.events} == set(names)
    assert {*state.before, state.serving} == {*names, SHIPPED}


def test_the_serving_version_is_loaded_unless_the_configuration_names_weights(registry, moved_classifier):
    added(registry, "one", moved_classifier)
    registry.promote("one")
    models = serving_models(registry, CPU)
    assert models.files.version == "one"
    digest = hashlib.sha256(moved_classifier.read_bytes()).hexdigest()
    assert models.classifier(ClassifySettings()).version == f"classifier@{digest[:12]}"
    assert (
        models.classifier(ClassifySettings(weights=str(shipped_files().classifier))).version
        != models.classifier(ClassifySettings()).version
    )


@pytest.mark.logs_errors
def test_a_start_with_a_damaged_version_serves_the_one_before_and_says_so(registry, caplog):
    for name in ("one", "two"):
        added(registry, name)
        registry.promote(name)
    (registry.folder / "versions/two" / CLASSIFIER).write_bytes(b"nothing")
    assert serving_models(registry, CPU).files.version == "one"
    assert "version two cannot serve" in caplog.text
    registry.current.write_text("{")
    assert serving_models(registry, CPU).files.version == SHIPPED


def test_the_command_lists_shows_promotes_rolls_back_and_compares(
    registry, moved_classifier, maskwatch, tmp_path
):
    config = tmp_path / "config.yaml"
    config.write_text(f"models: {{dir: {registry.folder}}}\n")

    def run(*arguments):
        done = maskwatch("models", *arguments, "-c", config)
        return done.returncode, done.stdout, done.stderr

    files = ("--detector", shipped_files().detector, "--classifier", moved_classifier)
    code, said, _ = run("add", *files)
    name = said.strip()
    assert code == 0
    assert run("promote", name)[:2] == (0, f"{name} serves\n")
    _, said, _ = run("list")
    assert name in said
    assert next(line for line in said.splitlines() if name in line).split()[3] == "serves"
    _, said, _ = run("show", name)
    assert "SHA-256 classifier" in said
    assert "P-, R- and O-Net" in said
    _, said, _ = run("diff", SHIPPED, name)
    rows = {line.split("│")[1].strip(): line for line in said.splitlines() if line.count("│") == 3}
    assert "0.00%" in rows["P-Net"]
    assert "0.00%" not in rows["classifier"]
    assert run("rollback")[:2] == (0, "shipped serves again\n")
    code, _, error = run("promote", "nobody")
    assert code == 1
    assert error.startswith(f"maskwatch: {registry.folder}: no version 'nobody'")
