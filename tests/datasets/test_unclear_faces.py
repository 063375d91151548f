"""A labelled face that cannot be used is no background: nothing is learnt from its place, and nothing counted there."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from maskwatch.core.errors import DataError
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.class_names import parse_classes
from maskwatch.datasets.faces import SeenImage, open_annotated
from maskwatch.datasets.formats import registry
from maskwatch.datasets.records import Split
from maskwatch.detect.backends.pytorch import TorchBackend
from maskwatch.detect.cascade import Mtcnn
from maskwatch.detect.settings import Settings
from maskwatch.detect.weights import load_stock
from maskwatch.evaluation.detection import search
from maskwatch.evaluation.images import EvaluationImages, without_faults
from maskwatch.evaluation.matching import match
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.evaluation.system import analyse_images
from maskwatch.learning.collect import SampleImage
from maskwatch.learning.compare import judge
from maskwatch.training import targets
from maskwatch.training import thresholds as operating
from maskwatch.training.augmentation import camera_view, level_view
from maskwatch.training.batches import PyramidBatches
from maskwatch.training.mining import Kind, mine
from maskwatch.training.run_folder import fingerprint

WIDTH, HEIGHT = 120, 80
WHOLE = (0, 0, WIDTH, HEIGHT)
GOOD, OTHER = (10, 10, 50, 60), (60, 20, 100, 70)


def write(path, seed=0, width=WIDTH, height=HEIGHT):
    rgb = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)[..., ::-1])
    return path


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


# --- what becomes of a mark, in each of the formats: the second face of a picture, the first is good


def coco(**second):
    """`image` and `category` change the lists, what else the annotation."""
    names = ["with_mask", "hat"]
    return {
        "annotations.json": {
            "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
            "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 0, "bbox": [10, 10, 40, 50]},
                {"id": 2, "image_id": 1, "category_id": 0, "bbox": [60, 20, 40, 50]} | second,
            ],
        }
    }


def yolo(second):
    first = f"0 {30 / WIDTH} {35 / HEIGHT} {40 / WIDTH} {50 / HEIGHT}"
    return {
        "data.yaml": "names: [with_mask, hat]",
        "labels/a.txt": f"{first}\n{second}\n",
        "labels/b.txt": "",
    }


def voc(second, first=True):
    def item(name, inside):
        return f"<object><name>{name}</name>{inside}</object>"

    def box(x1, y1, x2, y2):
        return f"<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"

    objects = (item("with_mask", box(*GOOD)) if first else "") + item(*second(box))
    text = "<annotation><filename>{}.png</filename>{}</annotation>"
    return {"annotations/a.xml": text.format("a", objects), "annotations/b.xml": text.format("b", "")}


def queue(**second):
    faces = [{"box": GOOD, "label": "protected"}, {"box": OTHER, "label": "protected"} | second]
    day = "door/2026-11-22"
    return {f"{day}/a.json": {"labels": {"faces": faces}}, f"{day}/b.json": {"labels": {"faces": []}}}


POLYGON = [60, 45, 80, 20, 100, 45, 80, 70]
SHARES = " ".join(f"{v / (WIDTH, HEIGHT)[n % 2]:.6f}" for n, v in enumerate(POLYGON))
MASK = {"size": [HEIGHT, WIDTH], "counts": [60 * HEIGHT + 20, *[50, 30] * 39, 50, 19 * HEIGHT + 10]}
CENTRED = f"{80 / WIDTH:.6f} {45 / HEIGHT:.6f} {40 / WIDTH:.6f} {50 / HEIGHT:.6f}"
CORNERS = "<polygon>" + "".join(
    f"<{'xy'[n % 2]}{n // 2 + 1}>{v}</{'xy'[n % 2]}{n // 2 + 1}>" for n, v in enumerate(POLYGON)
)

USED = {
    "coco, polygon alone": coco(bbox=[], segmentation=[POLYGON]),
    "coco, mask of runs": coco(bbox=[], segmentation=MASK),
    "coco, ids as words": coco(image_id="1", category_id="0"),
    "coco, ids with fractions": coco(image_id=1.0, category_id=0.0),
    "yolo, polygon": yolo(f"0 {SHARES}"),
    "yolo, class with a fraction": yolo(f"0.0 {CENTRED}"),
    "yolo, confidence at the end": yolo(f"0 {CENTRED} 0.93"),
    "yolo, key points": yolo(f"0 {CENTRED} 0.5 0.5 2 0.6 0.5 2")
    | {"data.yaml": "{names: [mask], kpt_shape: [2, 3]}"},
    "voc, polygon": voc(lambda _: ("with_mask", f"{CORNERS}</polygon>")),
    "voc, name with blanks": voc(lambda box: (" with_mask\n", box(*OTHER))),
}
UNCLEAR = {  # whether something is wrong, or the file says so itself
    "coco, class": (coco(category_id=1), OTHER, True),
    "coco, class without a name": (coco(category_id=9), OTHER, True),
    "coco, crowd": (coco(iscrowd=1), OTHER, False),
    "coco, to be ignored": (coco(ignore=1), OTHER, False),
    "coco, mostly outside": (coco(bbox=[110, 20, 40, 50]), (110, 20, 120, 70), True),
    "coco, damaged box": (coco(bbox=[1, 2]), WHOLE, True),
    "coco, flat box": (coco(bbox=[60, 20, 0, 50]), WHOLE, True),
    "coco, no number": (coco(bbox=[60, 20, float("nan"), 50]), WHOLE, True),
    "coco, mask of runs": (coco(bbox=None, segmentation={"counts": [3, 99], "size": [9, 9]}), WHOLE, True),
    "coco, mask without a pixel": (
        coco(bbox=None, segmentation={"counts": [81], "size": [9, 9]}),
        WHOLE,
        True,
    ),
    "coco, all outside": (coco(bbox=[600, 20, 40, 50]), WHOLE, True),
    "yolo, class": (yolo(f"1 {CENTRED}"), OTHER, True),
    "yolo, class without a name": (yolo(f"7 {CENTRED}"), OTHER, True),
    "yolo, pixels": (yolo("0 80 45 40 50"), WHOLE, True),
    "yolo, half a line": (yolo("0 0.5 0.5"), WHOLE, True),
    "yolo, odd polygon": (yolo(f"0 {SHARES} 0.5"), WHOLE, True),
    "yolo, words": (yolo("mask 0.5 0.5 0.1 0.1"), WHOLE, True),
    "voc, class": (voc(lambda box: ("hat", box(*OTHER))), OTHER, True),
    "voc, no class": (voc(lambda box: ("", box(*OTHER))), OTHER, True),
    "voc, difficult": (
        voc(lambda box: ("with_mask", f"<difficult>1</difficult>{box(*OTHER)}")),
        OTHER,
        False,
    ),
    "voc, no box": (voc(lambda _: ("with_mask", "")), WHOLE, True),
    "queue, class": (queue(label="hat"), OTHER, True),
    "queue, unknown": (queue(label="unknown"), OTHER, False),
    "queue, damaged": (queue(box=[1, 2]), WHOLE, True),
}


def read(folder, files, *classes):
    where = "door/2026-11-22/" if any("door/" in name for name in files) else "images/"
    ending = "jpg" if "door" in where else "png"
    for seed, name in enumerate("ab"):
        write(folder / f"{where}{name}.{ending}", seed)
    for name, content in files.items():
        write_text(folder / name, content)
    data = registry.read(folder, parse_classes(classes))
    return sorted(data.images, key=lambda image: image.key), data.problems


def boxes(image):
    return [tuple(round(v) for v in truth.box) for truth in image.truths]


@pytest.mark.parametrize("case", USED)
def test_a_face_that_is_told_in_another_way_is_used(case, tmp_path):
    (image, other), problems = read(tmp_path, USED[case])
    assert boxes(image) == [GOOD, OTHER]
    assert (image.unclear, image.faults) == ((), ())
    assert other.truths == other.unclear == ()
    assert not [line for line in problems if "without" not in line]


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_face_that_cannot_be_used_is_an_unclear_place_and_never_background(case, tmp_path):
    files, place, is_wrong = UNCLEAR[case]
    (image, other), problems = read(tmp_path, files)
    assert boxes(image) == [GOOD]
    assert [tuple(round(v) for v in box) for box in image.unclear] == [place]
    assert other.truths == other.unclear == ()
    assert bool(image.faults) is is_wrong
    told = [line for line in problems if "without" not in line]
    assert len(told) == is_wrong, told
    assert all(str(tmp_path) in line for line in told)
    assert ("nothing of the picture counts" in "".join(told)) == (place == WHOLE and is_wrong)


@pytest.mark.parametrize("case", ["coco, class", "yolo, class", "voc, class"])
def test_an_unknown_class_is_told_with_what_would_map_it_and_mapped(case, tmp_path):
    files, *_ = UNCLEAR[case]
    _, problems = read(tmp_path / "told", files)
    (line,) = (line for line in problems if "hat" in line)
    assert "class 'hat' is unknown; its 1 box is left out" in line
    assert "--class hat=protected" in line
    for label, known, unclear in (("worn_wrong", 2, 0), ("unknown", 1, 1), ("no_face", 1, 0)):
        (image, _), problems = read(tmp_path / label, files, f"Hat={label}")
        assert (len(image.truths), len(image.unclear), image.faults) == (known, unclear, ())
        assert "hat" not in "".join(problems)


def test_a_class_number_without_a_name_can_be_mapped_too(tmp_path):
    for name in ("coco", "yolo"):
        number = {"coco": 9, "yolo": 7}[name]
        (image, _), _ = read(tmp_path / name, UNCLEAR[f"{name}, class without a name"][0], f"{number}=mask")
        assert boxes(image) == [GOOD, OTHER]


@pytest.mark.parametrize("second", [{"image_id": 77}, {"image_id": None}, {"image_id": "nobody's"}])
def test_where_a_face_belongs_to_no_picture_those_without_one_are_unclear(second, tmp_path):
    (image, other), problems = read(tmp_path, coco(**second))
    assert boxes(image) == [GOOD]
    assert image.unclear == ()
    assert other.unclear == (Box(*WHOLE),)
    assert any("b.png" in line and "may be the one" in line for line in problems)


def test_a_picture_that_is_described_twice_has_the_faces_of_both(tmp_path):
    files = coco(image_id=3)
    files["annotations.json"]["images"].append({"id": 3, "file_name": "a.png"})
    (image, _), _ = read(tmp_path, files)
    assert boxes(image) == [GOOD, OTHER]


def test_two_images_of_one_id_do_not_get_each_others_faces(tmp_path):
    files = coco()
    files["annotations.json"]["images"][1]["id"] = 1
    (image, other), problems = read(tmp_path, files)
    assert image.truths == other.truths == ()
    assert image.unclear == other.unclear == (Box(*WHOLE),)
    assert len([line for line in problems if "has no id of its own" in line]) == 2


def test_pictures_of_a_yolo_part_without_a_folder_of_labels_are_no_backgrounds(tmp_path):
    write(tmp_path / "images/train/a.png", 1)
    write(tmp_path / "images/test/b.png", 2)
    write_text(tmp_path / "labels/train/a.txt", f"0 {CENTRED}")
    write_text(tmp_path / "data.yaml", "names: [mask]")
    data = registry.read(tmp_path)
    assert [image.key for image in data.images] == ["train/a.png"]
    assert any("labels/test: is missing; 1 picture without labels left out" in line for line in data.problems)


def test_what_is_unclear_is_written_as_unknown_and_read_again(tmp_path):
    data_of = {}
    for form in ("coco", "yolo", "voc"):
        (image, _), _ = read(tmp_path / form, coco(category_id=1))
        registry.write(form, [image], tmp_path / f"{form} again")
        (data_of[form],) = registry.read(tmp_path / f"{form} again").images
    for again in data_of.values():
        assert boxes(again) == [GOOD]
        assert again.unclear[0] == pytest.approx(OTHER, abs=0.01)
        assert again.faults == ()


# --- what is learnt


@pytest.fixture(scope="module")
def stock():
    return load_stock()


@pytest.fixture(scope="module")
def portraits(street):
    return [street(n, side=int(50 + n % 3 * 20)) for n in range(4)]


def test_a_box_in_an_unclear_place_is_not_sure_to_show_no_face():
    unclear = np.array([[0, 0, 40, 40]], np.float32)
    tried = np.array([[0, 0, 40, 40], [30, 0, 70, 40], [10, 10, 20, 20], [0, 0, 400, 400]], np.float32)
    assert list(targets.unsure(tried, unclear)) == [True, False, True, False]
    assert not targets.unsure(tried, unclear[:0]).any()


def test_unclear_places_move_with_the_picture(portraits):
    rgb, box = portraits[0]
    for seed in range(20):
        for view in (
            level_view(SeenImage(rgb, (box,), (box,)), 126, (10, 19), np.random.default_rng(seed)),
            camera_view(SeenImage(rgb, (box,), (box,)), np.random.default_rng(seed)),
        ):
            _, faces, unclear, *_ = view
            assert np.array_equal(faces, unclear)
            assert len(faces) == 1


def test_pnet_learns_nothing_of_an_unclear_place_and_the_same_elsewhere(portraits):
    def kinds(faces, unclear):
        images = [
            SeenImage(rgb, (box,) if faces else (), (box,) if unclear else ()) for rgb, box in portraits
        ]
        return next(PyramidBatches(images, 16, 3).batches(0, 1)).kinds

    known = kinds(faces=True, unclear=False)
    assert torch.equal(kinds(faces=True, unclear=True)[known > 0], known[known > 0])
    assert kinds(faces=False, unclear=False).eq(Kind.NEGATIVE).all()
    unsure = kinds(faces=False, unclear=True)
    assert set(unsure.unique().tolist()) == {-1, Kind.NEGATIVE}


def test_no_negative_is_mined_in_an_unclear_place(stock, portraits):
    detector = Mtcnn(TorchBackend(stock, torch.device("cpu")), Settings(thresholds=(0.3, 0.3, 0)), "x")

    def likely_faces(place):
        """Mined negatives that the published O-Net takes for faces."""
        samples = mine(detector, [SeenImage(rgb, *place(box)) for rgb, box in portraits], 48, (0,), 24)
        crops = torch.from_numpy(samples.crops[samples.of(Kind.NEGATIVE)])
        with torch.inference_mode():
            return int((TorchBackend(stock, torch.device("cpu")).onet(crops)[:, 0] > 1).sum())

    nowhere = likely_faces(lambda _: ((), ()))
    unclear, known = likely_faces(lambda box: ((), (box,))), likely_faces(lambda box: ((box,), ()))
    assert nowhere >= 8
    assert unclear <= known <= 1, (nowhere, unclear, known)


class Finds:
    """A detector that finds the same in every picture."""

    version = "fake"

    def __init__(self, *boxes):
        self.faces = [Face(Box(*box), 0.9) for box in boxes]

    def detect(self, frames):
        return [self.faces for _ in frames]


def test_what_is_unclear_is_no_face_to_learn(tmp_path):
    (image, _), _ = read(tmp_path, coco(category_id=1))
    parts, _ = open_annotated([replace(image, split=Split.TRAIN)] * 2, list)
    for each in parts[Split.TRAIN]:
        assert (each.faces, each.unclear) == ((Box(*GOOD),), (Box(*OTHER),))


def test_a_training_with_other_unclear_places_is_another_training():
    rgb = np.zeros((4, 4, 3), np.uint8)
    box = Box(*GOOD)
    assert (
        len(
            {fingerprint([(rgb, (box,), ())]), fingerprint([(rgb, (), (box,))]), fingerprint([(rgb, (), ())])}
        )
        == 3
    )


# --- what is counted


def test_what_is_found_in_an_unclear_place_is_neither_hit_nor_false_alarm():
    faces = [Face(Box(*place), score) for place, score in ((GOOD, 0.9), (OTHER, 0.8), ((0, 0, 9, 9), 0.7))]
    matching = match(faces, [Box(*GOOD)], [Box(*OTHER)])
    assert [face.score for face in matching.found] == [0.9, 0.7]
    assert matching.truths == (0, None)
    assert match(faces, [Box(*GOOD)], [Box(*WHOLE)]).truths == (0,)  # a true face in a crowd is a hit
    small, large = Face(Box(70, 30, 80, 40), 0.9), Face(Box(0, 0, 120, 80), 0.9)
    assert match([small], [], [Box(*OTHER)]).found == ()
    assert match([large], [], [Box(*OTHER)]).truths == (None,)


@pytest.fixture
def renamed(tmp_path):
    """Two sets of the same 30 pictures with two faces each, and of one the second face is of a class nobody knows."""
    sets = {}
    for name in ("without_mask", "xyz"):
        folder = tmp_path / name
        images = [{"id": n, "file_name": f"{n}.png"} for n in range(30)]
        annotations = [
            {"image_id": n, "category_id": category, "bbox": [x, 20, 40, 50]}
            for n in range(30)
            for category, x in ((0, 10), (1, 60))
        ]
        categories = [{"id": 0, "name": "with_mask"}, {"id": 1, "name": name}]
        text = {"images": images, "annotations": annotations, "categories": categories}
        write_text(folder / "annotations.json", text)
        for n in range(30):
            write(folder / f"images/{n}.png", n)
        sets[name] = folder
    return sets


EVERY = [(10, 20, 50, 70), (60, 20, 100, 70), (0, 0, 9, 9)]


def test_precision_does_not_fall_where_a_class_has_another_name(renamed):
    found = {}
    for name, folder in renamed.items():
        images = registry.read(folder).images
        opened = ((place, p, np.zeros((HEIGHT, WIDTH, 3), np.uint8)) for place, p in enumerate(images))
        detection = search(Finds(*EVERY), opened, 0.5)
        figures = detection.figures(np.ones((1, 30)))
        found[name] = {key: float(value[0]) for key, value in figures.items()}
    assert found["xyz"]["precision, over 32 px"] == found["without_mask"]["precision, over 32 px"] == 1
    assert found["xyz"]["precision, under 16 px"] == found["without_mask"]["precision, under 16 px"] == 0
    assert found["xyz"]["recall"] == found["without_mask"]["recall"] == 1


def test_the_system_and_the_loop_count_nothing_in_an_unclear_place(renamed):
    judged = [Face(Box(*box), 0.9, 0.9, Label.PROTECTED) for box in EVERY[:2]]
    report = FrameReport("door", "x", 0, 0.0, (WIDTH, HEIGHT), tuple(judged))
    images = registry.read(renamed["xyz"]).images
    opened = ((place, p, np.zeros((HEIGHT, WIDTH, 3), np.uint8)) for place, p in enumerate(images))
    system = analyse_images(lambda _: report, opened, bound=0.75)
    figures = system.figures(np.ones((1, 30)))
    assert figures["end-to-end precision"][0] == 1
    assert figures["false alarms a picture"][0] == 0
    assert figures["error of the protected ratio"][0] == 0
    assert {watched.report.people for watched in system.watched} == {1}
    looped = judge(lambda _: report, [SampleImage("door", image) for image in images])
    assert looped.figures(np.ones((1, 30)))["end-to-end precision"][0] == 1


def test_the_operating_point_is_chosen_without_what_is_unclear():
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    found = [[Face(Box(*GOOD), 0.6), Face(Box(*OTHER), 0.9)]]
    plain = operating._curve(found, [SeenImage(rgb, (Box(*GOOD),))])
    unclear = operating._curve(found, [SeenImage(rgb, (Box(*GOOD),), (Box(*OTHER),))])
    assert list(plain.precision) == [0, 0.5]
    assert list(unclear.precision) == [1]


@pytest.fixture
def streets(tmp_path, street):
    """24 pictures with a face each; in every third one the face is of a class that nobody knows."""
    folder, images, annotations = tmp_path / "streets", [], []
    for number in range(24):
        rgb, box = street(200 + number, side=int(60 + number % 3 * 20))
        (folder / "images").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"images/{number}.png"), rgb[..., ::-1])
        images.append({"id": number, "file_name": f"{number}.png"})
        category = 1 if number % 3 == 0 else 0
        place = [box.x1, box.y1, box.width, box.height]
        annotations.append({"image_id": number, "category_id": category, "bbox": place})
    categories = [{"id": 0, "name": "without_mask"}, {"id": 1, "name": "xyz"}]
    write_text(
        folder / "annotations.json",
        {"images": images, "annotations": annotations, "categories": categories},
    )
    return folder


def test_evaluate_measures_on_pictures_of_which_every_box_is_known(streets, maskwatch):
    figures, counts, told = {}, {}, {}
    for options in ((), ("--class", "XYZ=without_mask")):
        command = ("evaluate", "detector", "--data", streets, "--weights", "stock", "--part", "all")
        done = maskwatch(*command, *options, "--json", "-")
        assert done.returncode == 0, done.stderr
        facts = json.loads(done.stdout)
        figures[options] = facts["figures"]["precision, over 32 px"]["value"]
        counts[options], told[options] = (facts["pictures"], facts["counts"]["truths"]), done.stderr
    assert list(counts.values()) == [(16, 16), (24, 24)]
    mapped = figures["--class", "XYZ=without_mask"]
    assert mapped > 0.9
    assert figures[()] >= mapped - 0.05
    assert "--class xyz=protected" in told[()]
    assert "8 pictures with a box that cannot be used left out of the figures" in told[()]
    assert told["--class", "XYZ=without_mask"] == ""


def test_what_cannot_be_used_may_teach_and_never_measures(streets):
    images = registry.read(streets).images
    parts, notes = open_annotated(images, list)
    assert any(image.unclear for image in parts[Split.TRAIN])
    assert not any(image.unclear for part in (Split.VALIDATION, Split.TEST) for image in parts[part])
    assert sum(len(own) for own in parts.values()) + len(notes) == 24
    whole = EvaluationImages("x", SplitChoice.ALL, tuple(images), ())
    assert len(without_faults(whole).images) == 16
    with pytest.raises(DataError, match="8 pictures with a box that cannot be used"):
        without_faults(EvaluationImages("x", SplitChoice.ALL, tuple(p for p in images if p.faults), ("why",)))
