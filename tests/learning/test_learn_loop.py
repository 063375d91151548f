"""The loop: labelled samples, a frozen holdout, a candidate, a gate, and what a kill in the middle leaves."""

import json
import multiprocessing
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from maskwatch.app.learning import learning_loop
from maskwatch.classify.network import load_network, save_network
from maskwatch.config import load as configuration
from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Face, Frame, FrameReport, Label
from maskwatch.datasets.labels import AnnotationLabel, FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.evaluation.bootstrap import Difference
from maskwatch.learning import loop as loops
from maskwatch.learning.archive import Archive
from maskwatch.learning.collect import BASE, SampleImage, sample_image, sample_images, seen
from maskwatch.learning.collect import faces as material_faces
from maskwatch.learning.compare import ImageOutcome, JudgedImages, contradicted, judge
from maskwatch.learning.gate import Margins, decide
from maskwatch.learning.loop import learn, waiting
from maskwatch.learning.split import ONE_IN, SampleHashes, SplitAssignment, assign_samples
from maskwatch.learning.tune import Callbacks
from maskwatch.models.registry import CLASSIFIER, DETECTOR, SHIPPED, Version, shipped_files
from maskwatch.output import demo_clip as demo
from maskwatch.platform.clock import utc_now
from maskwatch.samples.annotations import Annotation, with_revision
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue

FACE = Box(24, 8, 56, 44)
MARGINS = Margins(0.05, 0.03)


# --- which samples are held out


def sample(number, at=0.0, camera="door", source="clip.mp4"):
    report = FrameReport(camera, source, number, at, (80, 60), ())
    return Sample(f"20261122T{number:06d}.000Z-000000", report, (), utc_now(), {})


def hashes(samples):
    """No two alike."""
    random = np.random.default_rng(0)
    return {s.id: SampleHashes(*(int(v) for v in random.integers(0, 2**63, 2))) for s in samples}


def test_a_minute_of_a_camera_falls_on_one_side_and_about_one_in_four_is_held_out():
    samples = [sample(n, at=float(20 * n)) for n in range(900)]
    places = assign_samples(samples, hashes(samples), {})
    by_minute = [{places[s.id].split for s in samples[n : n + 3]} for n in range(0, 900, 3)]
    assert all(len(parts) == 1 for parts in by_minute)
    held = sum(Split.TEST in parts for parts in by_minute)
    assert 0.7 * 300 / ONE_IN < held < 1.3 * 300 / ONE_IN


def test_a_near_duplicate_of_what_is_held_out_is_held_out_whenever_it_comes():
    samples = [sample(n, source=f"{n}.png") for n in range(200)]
    known = hashes(samples)
    same = {s.id: SampleHashes(known[s.id].frame ^ 0b101, known[s.id].face ^ 1) for s in samples}
    first = assign_samples(samples, known, {})
    later = [replace(s, id=f"{s.id}x", report=replace(s.report, source=f"{s.id}x")) for s in samples]
    again = assign_samples(later, {s.id: same[s.id[:-1]] for s in later}, first)
    assert all(again[f"{name}x"].split is place.split for name, place in first.items())
    other_face = {s.id: replace(same[s.id[:-1]], face=~known[s.id[:-1]].face & (2**63 - 1)) for s in later}
    assert any(
        assign_samples(later, other_face, first)[f"{n}x"].split is not p.split for n, p in first.items()
    )


def test_what_is_like_a_sample_of_either_side_is_held_out():
    mine = sample(1)
    hashes = SampleHashes(7, 7)
    known = {
        "a": SplitAssignment("door", Split.TRAIN, hashes),
        "b": SplitAssignment("door", Split.TEST, hashes),
    }
    assert assign_samples([mine], {mine.id: hashes}, known)[mine.id].split is Split.TEST


# --- the gate


def difference(value, low, high):
    return Difference(0.5, 0.5 + value, value, low, high)


BETTER, SAME, KEPT = difference(0.1, 0.02, 0.2), difference(0.0, -0.01, 0.01), difference(-0.01, -0.02, 0.01)


@pytest.mark.parametrize(
    ("cameras", "each", "base", "promoted", "reason"),
    [
        (BETTER, {}, KEPT, True, "better on the cameras"),
        (difference(0.04, -0.04, 0.1), {}, KEPT, True, "better on the cameras"),
        (BETTER, {}, None, True, "no base data is given"),
        (None, {}, KEPT, False, "are held out of the cameras, 8 are needed"),
        (SAME, {}, KEPT, False, "not better on the cameras"),
        (difference(0.04, -0.06, 0.1), {}, KEPT, False, "may be worse by more than 0.05"),
        (BETTER, {}, difference(0.0, -0.04, 0.04), False, "on the base data it may be worse"),
        (BETTER, {}, difference(-0.3, -0.35, -0.25), False, "on the base data it may be worse"),
        (BETTER, {"yard": difference(-0.1, -0.2, -0.01)}, KEPT, False, "worse for camera yard"),
        (BETTER, {"yard": difference(-0.1, -0.2, 0.01)}, KEPT, True, "better on the cameras"),
    ],
)
def test_the_gate(cameras, each, base, promoted, reason):
    verdict = decide(cameras, each, base, MARGINS, images=20)
    assert verdict.promoted is promoted
    assert any(reason in line for line in verdict.reasons)


def test_a_handful_of_held_out_pictures_decides_nothing():
    assert decide(BETTER, {}, KEPT, MARGINS, images=8).promoted
    assert decide(BETTER, {}, KEPT, MARGINS, images=7).reasons == (
        "7 pictures are held out of the cameras, 8 are needed",
    )


# --- labels that cannot be true


def outcomes(count, bare, masked, camera="door"):
    """So many pictures, in each of which so many faces were judged and judged alike."""
    return [ImageOutcome(camera, 4, bare[1] + masked[1], bare[0] + masked[0], (bare, masked))] * count


def test_exchanged_labels_are_told_from_a_model_that_is_blind_for_one_kind():
    exchanged = outcomes(20, (2, 0), (2, 1))
    blind = outcomes(20, (2, 2), (2, 0), camera="black masks")
    few = outcomes(4, (2, 0), (2, 0), camera="few")
    assert contradicted(JudgedImages((*exchanged, *blind, *few))) == ["door"]


# --- faces that nobody could tell


def test_a_face_that_nobody_could_tell_teaches_nothing_and_counts_neither_way(tmp_path):
    path = tmp_path / "a.png"
    rgb = np.random.default_rng(0).integers(0, 255, (60, 160, 3)).astype(np.uint8)
    cv2.imwrite(str(path), rgb)
    unsure = FACE.moved(80, 0)
    annotations = (Annotation(FACE, AnnotationLabel.UNPROTECTED), Annotation(unsure, AnnotationLabel.UNKNOWN))
    history = with_revision((), annotations, "kim", utc_now())
    image = sample_image(sample(1).with_history(history), path, Split.TRAIN)
    shown = seen(image, None)
    assert (shown.faces, shown.unclear) == ((FACE,), (unsure,))

    def finds_both(_):
        faces = tuple(Face(box, 0.9, 0.1, Label.UNPROTECTED) for box in (FACE, unsure))
        return FrameReport("door", "a", 0, 0.0, (160, 60), faces)

    (outcome,) = judge(finds_both, [image]).outcomes
    assert (outcome.truths, outcome.right, outcome.answers) == (1, 1, 1)


def test_unclear_places_shrink_with_a_picture_that_is_too_large(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((200, 2560, 3), np.uint8))
    annotations = (Annotation(FACE, AnnotationLabel.UNPROTECTED), Annotation(FACE, AnnotationLabel.UNKNOWN))
    image = sample_image(
        sample(1).with_history(with_revision((), annotations, "kim", utc_now())), path, Split.TRAIN
    )
    shown = seen(image, None)
    assert shown.rgb.shape[1] == 1280
    assert shown.faces == shown.unclear == (Box(*(v / 2 for v in FACE)),)


class Finder:
    def __init__(self, *boxes):
        self.faces = tuple(Face(box, 0.9) for box in boxes)

    def detect(self, frames):
        return [self.faces for _ in frames]


def test_where_base_pictures_have_no_boxes_the_serving_detectors_are_learnt_so_that_they_are_not_lost(
    tmp_path,
):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((600, 2560, 3), 90, np.uint8))
    whole = SampleImage(BASE, LabelledImage(path, "a.png", (GroundTruth(FaceLabel.PROTECTED),), Split.TRAIN))
    shown = seen(whole, Finder(Box(100, 100, 300, 400)))
    assert shown.rgb.shape == (300, 1280, 3)  # large pictures are kept small
    assert shown.faces == (Box(50, 50, 150, 200),)
    assert seen(whole, Finder()) is None
    nobody = SampleImage("door", LabelledImage(path, "a.png", (), Split.TRAIN))
    assert seen(nobody, Finder(FACE)).faces == ()  # a picture without a face, as a person said


# --- the loop, with models that read a picture's colours


def image_of(protected, *, hard, number):
    """Light for protected; its lower edge is light for a hard one, which poor models get wrong."""
    rgb = np.random.default_rng(number).integers(0, 255, (3, 4, 3)).astype(np.uint8)
    rgb = cv2.resize(rgb, (80, 60), interpolation=cv2.INTER_NEAREST)
    rgb[8:44, 24:56] = 230 if protected else 30
    rgb[50:] = 230 if hard else 30
    return rgb


def reader(*, poor):
    def analyse(rgb):
        protected = bool(rgb[20:30, 34:44].mean() > 128)
        if poor and rgb[55:].mean() > 128:
            protected = not protected
        label = Label.PROTECTED if protected else Label.UNPROTECTED
        return FrameReport("door", "x", 0, 0.0, (80, 60), (Face(FACE, 0.9, float(protected), label),))

    return analyse


class Bench:
    """A loop in a folder, whose serving models are poor and whose training gives `candidate`: good or poor."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        text = json.dumps(
            {
                "queue": {"dir": str(folder / "queue")},
                "models": {"dir": str(folder / "models")},
                "learn": {"archive": str(folder / "archive"), "min_samples": 40},
                "device": "cpu",
            }
        )
        self.said = []
        callbacks = Callbacks(self.said.append, lambda _: lambda items: items, lambda *_: None)
        loop = learning_loop(configuration.parse(text, "test", {}), callbacks)
        self.poor_versions = {SHIPPED}
        self.loop = replace(
            loop, analysts=lambda files, camera: reader(poor=files.version in self.poor_versions)
        )
        self.trained_on = []
        self.during = lambda: None
        monkeypatch.setattr(loops, "tune", self.tune)

    def tune(self, material, serving, folder, tuning, callbacks):
        self.trained_on.append(
            {p.labelled.path.stem for part in (Split.TRAIN, Split.VALIDATION) for p in material.of(part)}
        )
        self.during()
        return {DETECTOR: serving.detector, CLASSIFIER: serving.classifier}

    def fill(self, first, count, *, flipped=False):
        for number in range(first, first + count):
            protected = number % 2 == 0
            rgb = image_of(protected, hard=number % 3 == 0, number=number)
            report = FrameReport("door", f"{number}.png", number, 0.0, (80, 60), (Face(FACE, 0.6),))
            name = self.loop.queue.add(
                Frame("door", f"{number}.png", number, 0.0, rgb), report, ("detector",)
            )
            self.label(name, protected is not flipped)

    def label(self, name, protected):
        label = AnnotationLabel.PROTECTED if protected else AnnotationLabel.UNPROTECTED
        self.loop.queue.label(name, [Annotation(FACE, label)], "kim", based_on=None)

    @property
    def queued(self):
        return {s.id for s in self.loop.queue.samples()}

    @property
    def archived(self):
        return {s.id for s in self.loop.archive.samples.samples()}

    def held_out(self):
        return {n for n, place in self.loop.archive.assignments().items() if place.split is Split.TEST}

    @property
    def serving(self):
        return self.loop.registry.state().serving


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


def test_a_better_candidate_serves_and_its_samples_leave_the_queue(bench):
    bench.fill(0, 48)
    names = bench.queued
    outcome = learn(bench.loop)
    assert bench.serving == outcome.promoted
    assert bench.loop.registry.state().served_last.why == outcome.said.partition(" serves: ")[2]
    assert bench.queued == set()
    assert bench.archived == names
    version = bench.loop.registry.version(outcome.promoted)
    assert version.parent == SHIPPED
    assert set(version.samples) == names
    facts = json.loads((outcome.report.parent / "report.json").read_text())
    recall = facts["figures"]["cameras"]["end-to-end recall"]
    assert recall["b"] == 1
    assert recall["a"] < 0.9
    assert recall["low"] > 0
    page = outcome.report.read_text()
    assert "It is better on the cameras" in page
    assert 'src="http' not in page


def test_a_sample_whose_picture_is_damaged_is_left_out_and_the_others_are_learnt_from(bench, caplog):
    bench.fill(0, 49)
    damaged = sorted(bench.queued)[7]
    bench.loop.queue.image(damaged).write_bytes(b"no picture")
    learn(bench.loop)
    assert bench.serving != SHIPPED
    assert bench.queued == {damaged}
    assert any(damaged in line and "left out" in line for line in bench.said)


def test_what_is_damaged_in_the_archive_is_neither_trained_on_nor_measured(bench, caplog):
    bench.fill(0, 48)
    learn(bench.loop)
    by_part = sample_images(bench.loop.archive.samples, bench.loop.archive.assignments())
    for part in (Split.TRAIN, Split.TEST):
        image, *rest = by_part[part]
        image.labelled.path.write_bytes(b"no picture")
        assert seen(image, None) is None
        assert len(judge(reader(poor=False), [image, *rest]).outcomes) == len(rest)
        assert material_faces([image], None) == []
        assert (
            caplog.messages.count(f"{image.labelled.path}: is not a picture that can be read; left out") == 3
        )


def test_old_versions_go_when_a_new_one_serves(bench):
    bench.loop = replace(bench.loop, settings=bench.loop.settings.model_copy(update={"keep": 1}))
    registry, files = (
        bench.loop.registry,
        {DETECTOR: shipped_files().detector, CLASSIFIER: shipped_files().classifier},
    )
    for name in ("old", "older"):
        registry.add(files, Version(name, None, utc_now()))
    bench.fill(0, 48)
    outcome = learn(bench.loop)
    assert [version.id for version in registry.versions()] == [outcome.promoted]


def test_too_few_samples_are_left_alone(bench):
    bench.fill(0, 39)
    outcome = learn(bench.loop)
    assert outcome.said.startswith("39 labelled samples wait, 40 are needed")
    assert len(bench.queued) == 39
    assert bench.archived == set()


def test_a_candidate_that_is_not_better_is_refused_and_the_old_one_serves(bench):
    bench.poor_versions = set()  # the serving models know everything already
    bench.fill(0, 48)
    outcome = learn(bench.loop)
    assert outcome.promoted is None
    assert bench.serving == SHIPPED
    assert "not better on the cameras" in outcome.said
    (event,) = bench.loop.registry.state().events
    assert (event.what, event.why) == ("refused", outcome.said.removeprefix("shipped goes on: "))
    assert bench.queued == set()
    assert "is refused, shipped goes on" in outcome.report.read_text()


def test_what_is_held_out_only_grows_and_is_never_trained_on(bench):
    bench.fill(0, 48)
    learn(bench.loop)
    before = bench.held_out()
    bench.fill(48, 48)
    learn(bench.loop)
    after = bench.held_out()
    assert before
    assert before < after
    for names in bench.trained_on:
        assert not names & after
    assert bench.trained_on[0] < bench.trained_on[1]


def test_exchanged_labels_are_refused_wait_in_the_queue_and_count_again_once_changed(bench):
    bench.fill(0, 48, flipped=True)
    outcome = learn(bench.loop)
    assert bench.serving == SHIPPED
    assert "look exchanged" in outcome.said
    assert "look exchanged" in outcome.report.read_text()
    assert bench.trained_on == []
    assert len(bench.queued) == 48
    assert bench.held_out() == set()
    assert learn(bench.loop).said.startswith("0 labelled samples wait")  # not the same again
    for number, each in enumerate(sorted(bench.queued)):
        bench.label(each, number % 2 == 0)
    assert len(waiting(bench.loop)) == 48
    assert learn(bench.loop).promoted == bench.serving


class Killed(BaseException):
    pass


def killed():
    raise Killed


def patched(bench, monkeypatch, place):
    """Kill the next run there, once."""
    target, name = {
        "moving": (Queue, "move"),
        "training": (bench, "during"),
        "reporting": (loops.report, "write"),
        "registering": (type(bench.loop.registry), "add"),
        "deciding": (Archive, "save_batch"),
        "promoting": (type(bench.loop.registry), "promote"),
    }[place]
    whole = getattr(target, name)
    calls = []

    def once(*arguments):
        calls.append(arguments)
        if len(calls) == {"moving": 5, "deciding": 2}.get(place, 1):
            killed()
        return whole(*arguments)

    monkeypatch.setattr(target, name, once)


@pytest.mark.parametrize(
    ("place", "trainings"),
    [("moving", 1), ("training", 2), ("reporting", 2), ("registering", 2), ("deciding", 2), ("promoting", 1)],
)
def test_killed_anywhere_nothing_is_lost_and_the_next_run_ends_it(bench, monkeypatch, place, trainings):
    bench.fill(0, 48)
    names = bench.queued
    patched(bench, monkeypatch, place)
    with pytest.raises(Killed):
        learn(bench.loop)
    assert bench.serving == SHIPPED
    assert bench.queued | bench.archived == names
    bench.fill(100, 3)  # people go on labelling
    outcome = learn(bench.loop)
    assert bench.serving == outcome.promoted is not None
    assert bench.archived == names
    assert len(bench.queued) == 3
    assert len(bench.loop.registry.versions()) == 1
    assert len(bench.trained_on) == trainings
    assert learn(bench.loop).said.startswith("3 labelled samples wait")


def test_samples_that_cannot_be_trained_on_end_with_the_reason(bench):
    def fails():
        raise DataError("no picture of the training part shows a face")

    bench.during = fails
    bench.fill(0, 48)
    assert "no picture of the training part" in learn(bench.loop).said
    assert bench.serving == SHIPPED
    assert learn(bench.loop).said.startswith("0 labelled samples wait")


def test_a_version_that_a_person_promoted_meanwhile_stays(bench):
    def promote():
        files = shipped_files()
        weights = {DETECTOR: files.detector, CLASSIFIER: files.classifier}
        bench.loop.registry.add(weights, Version("by-hand", SHIPPED, utc_now()))
        bench.loop.registry.promote("by-hand")

    bench.during = promote
    bench.fill(0, 48)
    outcome = learn(bench.loop)
    assert bench.serving == "by-hand"
    assert outcome.promoted is None
    assert "by-hand was promoted meanwhile" in outcome.said
    assert len(bench.loop.registry.versions()) == 2  # the candidate can be promoted by hand, too


def hold(folder, held, done):
    with Archive(folder).alone():
        held.set()
        done.wait(60)


def test_one_training_at_a_time_over_processes(bench):
    spawn = multiprocessing.get_context("spawn")
    held, done = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(bench.loop.archive.folder, held, done))
    other.start()
    try:
        assert held.wait(60)
        with pytest.raises(DataError, match="another training runs"):
            learn(bench.loop)
    finally:
        done.set()
        other.join()
    bench.fill(0, 1)
    assert learn(bench.loop).said.startswith("1 labelled sample waits")


# --- the loop with real models, on a few pictures


@pytest.fixture
def doorway(tmp_path, street):
    """A queue of a street's faces, masked and bare, and a serving classifier that takes all for protected."""

    def face(seed, *, protected):
        rgb, box = street(seed, side=64 + seed % 3 * 16)
        if protected:
            rgb = demo.with_mask(rgb, Box(box.x1, box.y1, box.x2, box.y2))
        return rgb, box

    queue = Queue(tmp_path / "queue")
    for number in range(64):
        rgb, box = face(number, protected=number % 2 == 0)
        report = FrameReport("door", f"{number}.png", number, 0.0, (320, 320), ())
        name = queue.add(Frame("door", f"{number}.png", number, 0.0, rgb), report, ("detector",))
        label = AnnotationLabel.PROTECTED if number % 2 == 0 else AnnotationLabel.UNPROTECTED
        queue.label(name, [Annotation(box, label)], "kim", based_on=None)
    network, shape, _ = load_network(shipped_files().classifier, torch.device("cpu"))
    network.dense[-1].weight.zero_()
    network.dense[-1].bias.fill_(1.0)
    save_network(network, shape, tmp_path / "c.safetensors", {})
    config = configuration.parse(
        json.dumps(
            {
                "queue": {"dir": str(tmp_path / "queue")},
                "models": {"dir": str(tmp_path / "models")},
                "learn": {"archive": str(tmp_path / "archive"), "min_samples": 60},
                "cameras": {"door": {"source": "door.mp4"}},
                "drift": {"dir": str(tmp_path / "drift")},
                "detect": {"min_face_px": 40},
                "device": "cpu",
            }
        ),
        "test",
        {},
    )
    callbacks = Callbacks(lambda _: None, lambda _: lambda items: items, lambda *_: None)
    loop = learning_loop(config, callbacks)
    files = {DETECTOR: shipped_files().detector, CLASSIFIER: tmp_path / "c.safetensors"}
    loop.registry.add(files, Version("poor", None, utc_now()))
    loop.registry.promote("poor")
    tuning = loop.tuning
    little = replace(
        tuning.detector,
        pnet_steps=2,
        rnet_steps=(2,),
        onet_steps=(2,),
        views=8,
        pnet_batch=2,
        rnet_batch=16,
        onet_batch=16,
        learning_rate=1e-6,
    )
    judging = replace(tuning.classifier, epochs=8, batch=16, learning_rate=3e-3, average=0.9)
    return replace(loop, tuning=replace(tuning, detector=little, classifier=judging))


@pytest.mark.timeout(900)
def test_a_poor_classifier_is_repaired_from_the_queue(doorway):
    outcome = learn(doorway)
    assert outcome.promoted, outcome.said
    files = doorway.registry.files(doorway.registry.state().serving)
    assert files.version == outcome.promoted
    assert load_network(files.classifier, torch.device("cpu"))[2].startswith("classifier@")
    facts = json.loads((outcome.report.parent / "report.json").read_text())["figures"]["cameras"]
    assert facts["end-to-end recall"]["a"] < 0.8
    assert facts["end-to-end recall"]["b"] > facts["end-to-end recall"]["a"] + 0.1
    assert {p.name for p in files.detector.parent.glob("*.md")} == {"detector.md", "classifier.md"}
    assert not (outcome.report.parent / "training").exists()
    assert "<h2>Drift</h2>" in outcome.report.read_text()


def test_the_command_tells_what_it_would_do_and_changes_nothing(doorway, tmp_path, maskwatch):
    config = tmp_path / "config.yaml"
    config.write_text(
        f"queue: {{dir: {tmp_path}/queue}}\nmodels: {{dir: {tmp_path}/models}}\n"
        f"learn: {{archive: {tmp_path}/archive, min_samples: 200}}\n"
    )
    before = sorted(tmp_path.rglob("*"))
    done = maskwatch("learn", "-c", config, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "64 labelled samples wait, 200 are needed" in done.stdout
    assert "32 faces protected" in done.stdout
    assert [p for p in sorted(tmp_path.rglob("*")) if p != config] == [p for p in before if p != config]
    broken = min((tmp_path / "queue").rglob("*.jpg"))
    broken.write_bytes(b"no picture")
    done = maskwatch("learn", "-c", config, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert broken.stem in done.stdout + done.stderr
    done = maskwatch("learn", "-c", config)
    assert done.stdout.startswith("64 labelled samples wait, 200 are needed")
