"""Several data sets together: their names, and that what they have in common falls on one side of the split."""

import hashlib
import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from maskwatch.cli import app
from maskwatch.core.records import Box
from maskwatch.datasets.faces import open_annotated
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import DataSet, GroundTruth, LabelledImage, Split
from maskwatch.datasets.sets import merge_splits, named
from maskwatch.evaluation.images import choose, choose_of_several
from maskwatch.evaluation.split_choice import SplitChoice

TRUTH = (GroundTruth(FaceLabel.PROTECTED, Box(4, 4, 30, 30)),)


def bucket(key):
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % 100


def key_of(part, suffix=".png", *, after=""):
    """A name that falls into that part when it stands alone."""
    low, high = {Split.TEST: (0, 20), Split.VALIDATION: (20, 30), Split.TRAIN: (30, 100)}[part]
    return next(
        key for n in range(1000) if low <= bucket(key := f"{after}{n:03d}{suffix}") < high and key > after
    )


def noise(seed, side=64):
    rgb = np.random.default_rng(seed).integers(0, 255, (8, 9, 3)).astype(np.uint8)
    return cv2.resize(rgb, (side, side), interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def make(tmp_path):
    """Makes a data set: the seed of each picture's noise by its key, and the part that it says."""

    def made(name, seeds, parts=(), side=64):
        images = []
        for key, seed in seeds.items():
            path = tmp_path / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), noise(seed, side))
            images.append(LabelledImage(path, key, TRUTH, dict(parts).get(key)))
        return DataSet(images, [])

    return made


def parts(data):
    return {image.key: image.split for image in data.images}


def alone(data):
    return parts(DataSet(list(choose("x", data, SplitChoice.ALL, list).images), []))


def test_folders_of_one_name_are_told_apart_by_what_lies_above(tmp_path):
    folders = [tmp_path / name for name in ("a/set", "b/set", "c/b/set", "other", "a/../a/set")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    assert named(folders) == {
        "a/set": tmp_path / "a/set",
        f"{tmp_path.name}/b/set": tmp_path / "b/set",
        "c/b/set": tmp_path / "c/b/set",
        "other": tmp_path / "other",
    }


def test_a_set_that_is_alone_is_split_as_ever(make):
    data = make("one", {f"{n}.png": n for n in range(40)})
    assert merge_splits({"one": data}, list)["one"] is data


def test_a_photograph_and_its_twin_of_the_same_name_fall_on_one_side_whatever_their_endings(make):
    one = make("one", {f"{n:03d}.png": n for n in range(60)})
    two = make("two", {f"{n:03d}.jpg": n + 500 for n in range(60)}, side=200)  # it need not look alike
    before, other = alone(one), alone(two)
    assert any(part is not other[key.replace("png", "jpg")] for key, part in before.items())
    both = merge_splits({"one": one, "two": two}, list)
    after, large = parts(both["one"]), parts(both["two"])
    assert all(part is large[key.replace("png", "jpg")] for key, part in after.items())
    for set_before, set_after in ((before, after), (other, large)):
        held_out = {key for key, part in set_before.items() if part is Split.TEST}
        assert held_out <= {key for key, part in set_after.items() if part is Split.TEST}
        assert all(
            set_after[key] is not Split.TRAIN for key, part in set_before.items() if part is not Split.TRAIN
        )
    told = [line for data in both.values() for line in data.problems]
    assert len(told) == 2
    assert "is held out in another of the sets" in told[0]


def test_near_duplicates_over_sets_fall_on_one_side_and_pull_what_is_like_them_along(make):
    trained, tested = key_of(Split.TRAIN), key_of(Split.TEST, after="z")
    one = make("one", {trained: 1, f"{trained}-again.png": 1})
    two = make("two", {tested: 1, key_of(Split.TRAIN, after="other"): 7})
    assert set(alone(one).values()) == {Split.TRAIN}
    both = merge_splits({"one": one, "two": two}, list)
    assert set(parts(both["one"]).values()) == {Split.TEST}
    assert list(parts(both["two"]).values()) == [Split.TEST, Split.TRAIN]
    (line,) = both["one"].problems
    assert line.startswith("one: 2 pictures of it (")
    assert both["two"].problems == []
    swapped = merge_splits({"two": two, "one": one}, list)
    assert {name: parts(data) for name, data in swapped.items()} == {n: parts(d) for n, d in both.items()}


def test_a_part_that_a_set_says_itself_holds_for_its_twins(make):
    key = key_of(Split.TRAIN)
    says = make(
        "says", {f"test/{key}": 1, "train/x.png": 2}, {f"test/{key}": Split.TEST, "train/x.png": Split.TRAIN}
    )
    plain = make("plain", {key: 31, "x.jpg": 32})
    both = merge_splits({"says": says, "plain": plain}, list)
    assert parts(both["plain"])[key] is Split.TEST
    assert parts(both["says"])[f"test/{key}"] is Split.TEST


def test_a_name_that_a_set_uses_twice_tells_nothing(make):
    tested, key = key_of(Split.TEST), key_of(Split.TRAIN)
    one = make("one", {f"{folder}/{key}": n for n, folder in enumerate("abcdefgh")})
    two = make("two", {key: 77, tested: 78})
    before = alone(one)
    assert parts(merge_splits({"one": one, "two": two}, list)["one"]) == before


def test_what_is_read_with_its_parts_keeps_them(make):
    one = make("one", {f"{n:03d}.png": n for n in range(60)})
    two = make("two", {f"{n:03d}.jpg": n for n in range(60)}, side=200)
    for data in merge_splits({"one": one, "two": two}, list).values():
        opened, _ = open_annotated(data.images, list)
        expected = [sum(image.split is part for image in data.images) for part in Split]
        assert [len(opened[part]) for part in Split] == expected
        assert min(expected) > 0


def test_an_unreadable_picture_is_told_once_and_the_others_are_used(make):
    one, two = make("one", {"a.png": 1, "b.png": 2}), make("two", {"c.png": 3})
    one.images[0].path.write_bytes(b"no picture")
    both = merge_splits({"one": one, "two": two}, list)
    assert [p.key for p in both["one"].images] == ["b.png"]
    assert both["one"].problems == [f"{one.images[0].path}: is not a picture that can be read"]


def test_the_test_part_of_several_sets_is_what_each_holds_out_alone_without_what_another_trains_on(make):
    seeds = {f"{n:03d}.png": n for n in range(80)}
    one, two = make("one", seeds), make("two", {f"t{n:03d}.png": n + 300 for n in range(80)})
    both = choose_of_several({"one": one, "two": two}, SplitChoice.TEST, list)
    held = [{p.path for p in choose("x", data, SplitChoice.TEST, list).images} for data in (one, two)]
    assert {p.path for p in both.images} == held[0] | held[1]
    assert both.notes == ()
    tested = next(key for key, part in alone(one).items() if part is Split.TEST)
    three = make("three", {key_of(Split.TRAIN, after="q"): seeds[tested], key_of(Split.TEST): 900})
    both = choose_of_several({"one": one, "three": three}, SplitChoice.TEST, list)
    paths = {p.path for p in both.images}
    assert held[0] - paths == {p.path for p in one.images if p.key == tested}
    (note,) = both.notes
    assert tested in note
    assert "may have been trained on" in note
    whole = choose_of_several({"one": one, "three": three}, SplitChoice.ALL, list)
    assert len(whole.images) == 82


def test_the_street_photographs_keep_their_test_part_and_their_large_twins_share_it(shared):
    faces, large = read(shared / "data/faces"), read(shared / "data/faces_large")
    held_out = choose("faces", faces, SplitChoice.TEST, list).images
    assert (len(held_out), sum(len(image.truths) for image in held_out)) == (104, 406)
    both = merge_splits({"faces": faces, "faces_large": large}, list)
    assert {k for k, part in parts(both["faces"]).items() if part is Split.TEST} == {p.key for p in held_out}
    small = parts(both["faces"])
    twins = {key: part for key, part in parts(both["faces_large"]).items() if key in small}
    assert len(twins) > 300
    assert all(small[key] is part for key, part in twins.items())


@pytest.fixture
def two_sets(tmp_path, street):
    """Two folders called `set`, of 16 pictures with both kinds of face each."""
    folders = []
    for number, parent in enumerate(("a", "b")):
        folder = tmp_path / parent / "set"
        (folder / "images").mkdir(parents=True)
        images, annotations = [], []
        for n in range(16):
            rgb, box = street(1000 * number + n, side=90)
            name = f"{parent}{n}.png"
            cv2.imwrite(str(folder / "images" / name), rgb[..., ::-1])
            part = ("train", "train", "val", "test")[n // 2 % 4]
            images.append({"id": n, "file_name": name, "part": part})
            annotations.append(
                {"image_id": n, "category_id": n % 2, "bbox": [box.x1, box.y1, box.width, box.height]}
            )
        categories = [{"id": 0, "name": "without_mask"}, {"id": 1, "name": "with_mask"}]
        text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
        (folder / "annotations.json").write_text(text)
        folders.append(folder)
    return folders


@pytest.mark.integration
@pytest.mark.parametrize(
    ("command", "options", "lines"),
    [
        ("train classifier", ("--epochs", 1), ["| `a/set` | 4 |", "| `b/set` | 4 |"]),
        (
            "train detector",
            ("--effort", 0.001, "--min-face", 30),
            [
                "`a/set`: 8 train, 4 validation, 4 test",
                "`b/set`: 8",
                "| `a/set` | these | 4",
                "| `b/set` | these | 4",
            ],
        ),
    ],
)
def test_two_folders_of_one_name_are_both_used_and_both_stand_on_the_card(
    two_sets, tmp_path, command, options, lines
):
    output = tmp_path / "out.safetensors"
    data = [text for folder in two_sets for text in ("--data", folder)]
    arguments = [*command.split(), *data, "-o", output, *options, "--device", "cpu"]
    done = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    card = output.with_suffix(".md").read_text()
    assert [line for line in lines if line not in card] == []


def test_several_sets_are_measured_together(two_sets, tmp_path):
    data = [text for folder in two_sets for text in ("--data", str(folder))]
    facts = tmp_path / "facts.json"
    arguments = ["evaluate", "detector", *data, "--min-face", "30", "--json", str(facts), "--device", "cpu"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert json.loads(facts.read_text())["counts"]["truths"] == 8
