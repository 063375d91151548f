"""How good the models are: matching, areas under curves, intervals, and the reports."""

import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
import torch

from maskwatch.classify.network import MaskNet, Shape, save_network
from maskwatch.cli import evaluate as commands
from maskwatch.core.errors import ConfigError, DataError
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import GroundTruth, LabelledImage, Split
from maskwatch.detect.weights import OperatingPoint, load_stock, save_detector
from maskwatch.evaluation.bootstrap import differences, draws, estimates, interval
from maskwatch.evaluation.classification import Classification, JudgedFace
from maskwatch.evaluation.curve import average_precision, curve
from maskwatch.evaluation.detection import Searched, search, tally
from maskwatch.evaluation.document import ContactSheet, Image, Report, Section, Table, page
from maskwatch.evaluation.images import choose, need_boxes
from maskwatch.evaluation.maps import feature_maps
from maskwatch.evaluation.matching import BUCKETS, match
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.evaluation.system import analyse_images

PROTECTED, UNPROTECTED, WORN_WRONG = FaceLabel


def box(x, side=20):
    return Box(x, 0, x + side, side)


def image(*truths, key="a.jpg", path=None):
    return LabelledImage(path, key, tuple(GroundTruth(label, place) for label, place in truths), Split.TEST)


# --- which found face is which true one


def test_a_true_face_is_taken_once_and_the_second_box_on_it_is_a_false_alarm():
    matching = match([Face(box(2), 0.7), Face(box(1), 0.9)], [box(0)])
    assert [face.score for face in matching.found] == [0.9, 0.7]
    assert matching.truths == (0, None)
    assert matching.of(0).score == 0.9


def test_the_best_score_chooses_first_and_takes_what_it_overlaps_most():
    truths = [box(0), box(8)]
    matching = match([Face(box(5), 0.8), Face(box(7), 0.9)], truths)
    assert matching.truths == (1, 0)  # 0.9 takes the nearer one, though 0.8 would have liked it too


@pytest.mark.parametrize(
    ("shift", "found"), [(8.5, True), (8.6, False)]
)  # (20 - s) / (20 + s) is 0.4 at 8.57
def test_an_overlap_of_less_than_0_4_is_no_match(shift, found):
    assert (match([Face(box(shift), 0.9)], [box(0)]).truths == (0,)) is found


def test_leaving_out_faces_under_a_score_changes_nothing_for_the_others():
    random = np.random.default_rng(0)
    for _ in range(20):
        truths = [box(x) for x in random.uniform(0, 200, 8)]
        found = [Face(box(x), s) for x, s in zip(random.uniform(0, 200, 20), random.random(20), strict=True)]
        whole, part = match(found, truths), match([f for f in found if f.score > 0.5], truths)
        assert part.truths == whole.truths[: len(part.found)]


@pytest.mark.parametrize(
    ("width", "name"),
    [(15.9, "under 16 px"), (16, "16 to 32 px"), (32, "16 to 32 px"), (32.1, "over 32 px")],
)
def test_every_face_is_of_one_size_by_the_width_of_its_box(width, name):
    truth = Box(0, 0, width, 100)
    detection = tally((Searched(image((PROTECTED, truth)), match([Face(truth, 0.9)], [truth])),), 0.5)
    assert [b.name for b in BUCKETS if detection.counts(b).truths] == [name]
    assert [b.name for b in BUCKETS if detection.counts(b).found] == [name]


# --- the curve


def area(scores, hits, truths):
    scores, hits = np.array(scores, np.float64), np.array(hits, np.bool_)
    return average_precision(scores, hits, np.ones((1, len(scores))), np.array([truths], np.float64))[0]


@pytest.mark.parametrize(
    ("scores", "hits", "truths", "expected"),
    [
        ([0.9, 0.8], [True, True], 2, 1.0),
        ([0.9, 0.8], [True, True], 4, 0.5),  # half of them are never reached
        # precision 1 at recall 1/2, then 2/3 at 1
        ([0.9, 0.8, 0.7], [True, False, True], 2, 0.5 * 1 + 0.5 * 2 / 3),
        # precisions 0, 1/2, 2/3: the highest at a recall or above it is 2/3 throughout
        ([0.9, 0.8, 0.7], [False, True, True], 2, 2 / 3),
        ([0.9, 0.9], [True, False], 1, 0.5),  # equal scores pass a bound together
        ([0.9, 0.9], [False, True], 1, 0.5),
        ([0.9], [False], 3, 0.0),
        ([], [], 3, 0.0),
    ],
)
def test_the_average_precision_of_cases_computed_by_hand(scores, hits, truths, expected):
    assert area(scores, hits, truths) == pytest.approx(expected)


def test_without_a_true_face_there_is_no_average_precision():
    assert np.isnan(area([0.9], [False], 0))


def test_a_picture_drawn_twice_counts_as_two_pictures():
    scores, hits, places = np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), np.array([0, 1, 1])
    weights = np.array([[1.0, 2.0]])
    drawn = average_precision(scores, hits, weights[:, places], np.array([3.0]))[0]
    assert drawn == pytest.approx(area([0.9, 0.8, 0.8, 0.7, 0.7], [True, False, False, True, True], 3))


def test_the_curve_has_a_point_for_each_score():
    points = curve(np.array([0.7, 0.9, 0.7]), np.array([True, True, False]), 4)
    assert points.scores.tolist() == [0.9, 0.7]
    assert points.recall.tolist() == [0.25, 0.5]
    assert points.precision.tolist() == [1, 2 / 3]


# --- the detector's figures


def searched(*found, truths, key="a.jpg"):
    return Searched(image(*truths, key=key), match(found, [place for _, place in truths]))


def test_the_detectors_figures_count_what_is_above_its_threshold():
    truths = ((PROTECTED, box(0, 10)), (WORN_WRONG, box(100, 20)), (WORN_WRONG, box(200, 40)))
    found = Face(box(0, 10), 0.9), Face(box(100, 20), 0.5), Face(box(300, 40), 0.95)
    detection = tally((searched(*found, truths=truths), searched(truths=(), key="b.jpg")), 0.8)
    values = {name: values[0] for name, values in detection.figures(np.ones((1, 2))).items()}
    assert values["recall"] == pytest.approx(1 / 3)
    assert values["precision"] == 0.5
    assert values["F1"] == pytest.approx(0.4)
    assert values["recall, protected"] == 1
    assert values["recall, worn_wrong"] == 0
    assert "recall, unprotected" not in values
    assert (values["recall, under 16 px"], values["precision, over 32 px"]) == (1, 0)
    assert np.isnan(values["precision, 16 to 32 px"])
    # at a lower threshold the second would be found, which the curve knows
    assert values["average precision"] == pytest.approx(1 / 3 * 2 / 3 + 1 / 3 * 2 / 3)


def test_a_face_cut_off_by_the_pictures_edge_is_held_against_the_part_in_it():
    class Detector:
        def detect(self, frames):
            return [(Face(Box(20, 60, 60, 160), 0.9),) for _ in frames]

    truth = Box(20, 62, 60, 100)  # a box drawn by a person ends with the picture
    rgb = np.zeros((100, 200, 3), np.uint8)
    detection = search(Detector(), [(0, image((PROTECTED, truth)), rgb)], 0.5)
    assert detection.figures(np.ones((1, 1)))["recall"] == 1


def test_the_figures_of_the_curve_and_of_the_counts_agree_at_the_threshold():
    random = np.random.default_rng(1)
    images = []
    for n in range(30):
        truths = tuple((PROTECTED, box(60 * k)) for k in range(4))
        faces = [Face(box(60 * k + random.uniform(-9, 9)), s) for k, s in enumerate(random.random(6))]
        images.append(searched(*faces, truths=truths, key=f"{n}.jpg"))
    detection = tally(tuple(images), 0.5)
    points = detection.curve()
    last = np.flatnonzero(points.scores > 0.5)[-1]
    values = detection.figures(np.ones((1, 30)))
    assert (points.recall[last], points.precision[last]) == (values["recall"][0], values["precision"][0])


# --- intervals


class Right:
    """So many of 10 faces right in each picture."""

    def __init__(self, right):
        self._right = np.array(right, np.float64)
        self.images = len(right)

    def figures(self, weights):
        return {"recall": weights @ self._right / (10 * weights.sum(axis=1))}


def one_difference(a, b, *, low_is_better=False):
    return differences(Right(a), Right(b), lambda _: low_is_better)["recall"]


@pytest.fixture
def uneven():
    """Pictures of very different difficulty."""
    return np.random.default_rng(0).integers(0, 10, 200)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        each = estimates(Right(random.binomial(10, 0.7, 60)), seed=seed)["recall"]
        covered += each.low <= 0.7 <= each.high
    assert 88 <= covered <= 99


def test_equal_models_show_no_difference_and_unequal_ones_do(uneven):
    random = np.random.default_rng(1)
    noise = random.integers(-1, 2, 200)
    same = one_difference(uneven, np.clip(uneven + noise - round(noise.mean()), 0, 10))
    better = one_difference(uneven, uneven + random.integers(0, 2, 200))
    assert same.low <= 0 <= same.high
    assert same.verdict == "no difference that this data can show"
    assert better.low > 0
    assert better.verdict == "better"
    assert one_difference(uneven + 1, uneven).verdict == "worse"
    assert one_difference(uneven + 1, uneven, low_is_better=True).verdict == "better"


def test_the_paired_interval_is_narrower_than_the_unpaired(uneven):
    b = uneven + np.random.default_rng(2).integers(0, 2, 200)
    paired = one_difference(uneven, b)
    unpaired = (
        Right(b).figures(draws(200, seed=1))["recall"] - Right(uneven).figures(draws(200, seed=2))["recall"]
    )
    low, high = interval(unpaired)
    assert paired.high - paired.low < (high - low) / 4
    assert low < 0 < paired.low  # the unpaired could not have told


def test_the_same_seed_gives_the_same_interval(uneven):
    assert estimates(Right(uneven)) == estimates(Right(uneven))
    assert estimates(Right(uneven)) != estimates(Right(uneven), seed=1)


def test_what_cannot_be_counted_has_no_figure():
    nothing = tally((searched(truths=()),), 0.5)
    figures = estimates(nothing)
    assert (figures["recall"].value, figures["recall"].low) == (None, None)
    assert differences(nothing, nothing, lambda _: False)["recall"].verdict == "cannot be told"


# --- the classifier's and the system's figures


def judged(*answers, places=None):
    """Answers: label and probability."""
    faces = tuple(JudgedFace("", label, probability, None) for label, probability in answers)
    places = np.array(places or range(len(faces)), np.int64)
    return Classification(faces, places, int(places.max()) + 1, 0.5)


def test_the_classifiers_figures_keep_worn_wrong_apart():
    result = judged(
        (PROTECTED, 0.9), (PROTECTED, 0.1), (UNPROTECTED, 0.1), (WORN_WRONG, 0.8), (WORN_WRONG, 0.3)
    )
    values = {name: values[0] for name, values in result.figures(np.ones((1, 5))).items()}
    assert (values["accuracy"], values["precision"], values["recall"]) == (0.6, 0.5, 0.5)
    assert (values["accuracy, unprotected"], values["accuracy, worn_wrong"]) == (1, 0.5)
    assert result.confusion.as_dict()["fp"] == 1
    assert [(j.label, j.probability) for j in result.wrong()] == [(PROTECTED, 0.1), (WORN_WRONG, 0.8)]


def test_the_calibration_error_is_the_mean_distance_of_what_was_told_from_what_was_so():
    told_right = judged(*[(PROTECTED, 0.75)] * 3, (UNPROTECTED, 0.75))
    told_wrong = judged(*[(UNPROTECTED, 0.95)] * 2, *[(UNPROTECTED, 0.0)] * 2, (PROTECTED, 1.0))
    assert told_right.figures(np.ones((1, 4)))["expected calibration error"][0] == pytest.approx(0)
    # 1.0 and the two of 0.95 share a bin: three faces, told 2.9, one was protected
    error = told_wrong.figures(np.ones((1, 5)))["expected calibration error"][0]
    assert error == pytest.approx(abs(2.9 - 1) / 5)
    assert [b.faces for b in told_wrong.reliability()] == [2, *[0] * 8, 3]


def said(*faces):
    """What the system says: of a box, protected or not, or too small to judge."""
    found = tuple(Face(place, 0.9, None if label is Label.UNKNOWN else 0.5, label) for place, label in faces)
    return FrameReport("picture", "picture", 0, 0.0, (100, 100), found)


def test_the_system_is_right_where_a_face_is_found_and_judged_right():
    reports = [
        # a mask worn wrong that is judged unprotected is right, and a third face is nobody's
        (
            image((PROTECTED, box(0)), (WORN_WRONG, box(50)), (UNPROTECTED, box(100))),
            said(
                (box(0), Label.PROTECTED), (box(50), Label.UNPROTECTED), (box(200), Label.PROTECTED),
                (box(100), Label.PROTECTED), (box(300), Label.UNKNOWN),
            ),
        ),
        (image((WORN_WRONG, box(0)), (PROTECTED, box(50))), said((box(0), Label.UNKNOWN))),
        (image(), said((box(0), Label.PROTECTED))),
        (image(), said()),
    ]  # fmt: skip
    answers = iter([report for _, report in reports])
    system = analyse_images(
        lambda _: next(answers), [(n, p, None) for n, (p, _) in enumerate(reports)], bound=0.75
    )
    values = {name: values[0] for name, values in system.figures(np.ones((1, 4))).items()}
    assert values["end-to-end recall"] == pytest.approx(2 / 5)
    assert values["end-to-end recall, worn_wrong"] == pytest.approx(1 / 2)
    assert values["label accuracy of found faces"] == pytest.approx(2 / 3)
    assert values["end-to-end precision"] == pytest.approx(2 / 5)
    assert values["false alarms a picture"] == pytest.approx(2 / 4)
    # only the first picture has a ratio on both sides: 3/4 instead of 1/3
    assert values["error of the protected ratio"] == pytest.approx(3 / 4 - 1 / 3)
    nobody = system.nobody
    assert (nobody.in_truth, nobody.in_ours, nobody.in_truth_and_ours) == (1, 1, 1)
    assert [system.count(WORN_WRONG, o) for o in ("unprotected", "unknown", "missed")] == [1, 1, 0]


def decided(*pictures, bound=0.75):
    """Pictures as pairs: labels, and what the system says of as many faces in the same places."""
    data, answers = [], []
    for number, (labels, verdicts) in enumerate(pictures):
        data.append((number, image(*((each, box(50 * n)) for n, each in enumerate(labels))), None))
        answers.append(said(*((box(50 * n), each) for n, each in enumerate(verdicts))))
    replies = iter(answers)
    return analyse_images(lambda _: next(replies), data, bound=bound)


YES, NO, SMALL = Label


@pytest.mark.parametrize(
    ("picture", "counts"),
    [
        (([PROTECTED, UNPROTECTED], [YES, NO]), (1, 0, 0, 0)),
        (([PROTECTED, UNPROTECTED], [YES]), (1, 1, 0, 0)),  # the bare one is missed
        (([PROTECTED, WORN_WRONG], [YES, YES]), (1, 1, 0, 0)),
        (([UNPROTECTED], []), (1, 1, 0, 0)),  # nobody is judged
        (([UNPROTECTED], [SMALL]), (1, 1, 0, 0)),
        # three of four is the bound itself, which is not under it
        (([UNPROTECTED, *[PROTECTED] * 3], [NO, YES, YES, YES]), (0, 0, 1, 0)),
        (([UNPROTECTED, *[PROTECTED] * 3], [NO, YES, YES]), (0, 0, 1, 1)),
        (([PROTECTED] * 2, []), (0, 0, 1, 0)),
        (([], [NO]), (0, 0, 0, 0)),  # nobody is labelled
        (([], []), (0, 0, 0, 0)),
    ],
)
def test_a_picture_under_the_ratio_is_noticed_or_not_and_another_accused_or_not(picture, counts):
    told = decided(picture).decisions
    assert (told.under, told.unnoticed, told.others, told.accused) == counts


def test_the_decision_is_a_share_of_the_pictures_and_the_bias_has_a_sign():
    system = decided(
        ([UNPROTECTED], [NO]),
        ([UNPROTECTED, PROTECTED], [SMALL, YES]),  # 1 instead of 1/2
        ([PROTECTED, PROTECTED], [NO, YES]),  # 1/2 instead of 1
        ([PROTECTED], [YES]),
        ([UNPROTECTED], []),  # nobody is judged: no ratio to compare
        ([], [NO]),
    )
    values = {name: values[0] for name, values in system.figures(np.ones((1, 6))).items()}
    assert (values["unnoticed"], values["accused"]) == (pytest.approx(2 / 3), 1 / 2)
    assert values["bias of the protected ratio"] == pytest.approx((0.5 - 0.5) / 4)
    assert values["error of the protected ratio"] == pytest.approx((0.5 + 0.5) / 4)
    assert (values["found, unprotected"], values["found, protected"]) == (pytest.approx(2 / 3), 1)
    twice = system.figures(np.array([[1.0, 2, 1, 1, 1, 1]]))
    assert twice["bias of the protected ratio"][0] == pytest.approx((0.5 * 2 - 0.5) / 5)


def test_the_bound_is_that_of_the_configuration():
    half = ([UNPROTECTED, PROTECTED], [NO, YES])
    assert decided(half, bound=0.5).decisions.others == 1
    assert decided(half, bound=0.51).decisions.under == 1


def test_a_bias_that_differs_is_neither_better_nor_worse():
    def told(low):
        return differences(Right([1] * 50), Right([5] * 50), lambda _: low)["recall"].verdict

    assert (told(None), told(False), told(True)) == ("higher", "better", "worse")


# --- reports


class Reader(HTMLParser):
    """What a browser would open, run or show."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "data", "srcset"}]

    def handle_data(self, data):
        self.words.append(data)


EVIL = "<img src=x onerror=alert(1)>&\"'.jpg"


def test_the_page_needs_nothing_else_and_shows_names_as_they_are():
    table = Table(EVIL, (EVIL, EVIL), ((EVIL, EVIL),), EVIL)
    sheet = ContactSheet((Image(b"\xff\xd8", EVIL),), "")
    blocks = (EVIL, table, Image(b"\x89PNG", EVIL), sheet, ContactSheet((), EVIL))
    text = page(Report(EVIL, (EVIL,), EVIL, (Section(EVIL, blocks),), {})).decode()
    seen = Reader(text)
    assert seen.tags.count("img") == 2
    assert not {"script", "link", "iframe", "object"} & set(seen.tags)
    assert [a.split(";")[0] for a in seen.addresses] == ["data:image/png", "data:image/jpeg"]
    assert "url(" not in text
    assert seen.words.count(EVIL) == 15  # every place, as text


def test_maps_are_those_of_both_convolutions_and_the_networks_own_verdict():
    shape = Shape(side_px=32, margin=0.1, widths=(8, 12, 16))
    torch.manual_seed(0)
    network = MaskNet(shape).eval()
    rgb = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    maps, probability = feature_maps(network, rgb)
    assert [tuple(each.shape) for each in maps] == [(8, 16, 16), (12, 8, 8)]
    assert all(float(each.min()) >= 0 for each in maps)
    asked = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    with torch.inference_mode():
        assert probability == pytest.approx(torch.sigmoid(network(asked)).item(), abs=1e-6)
        assert torch.allclose(maps[1], network.convolutions[:7](asked.float() / 127.5 - 1)[0])


# --- which pictures count


def test_only_the_test_part_counts_unless_another_is_asked_for(street):
    counts = {chosen: len(choose("x", read(street), chosen, list).images) for chosen in SplitChoice}
    assert counts == {
        SplitChoice.TEST: 10,
        SplitChoice.VALIDATION: 2,
        SplitChoice.TRAIN: 3,
        SplitChoice.ALL: 15,
    }
    assert [chosen.held_out for chosen in SplitChoice] == [True, False, False, False]
    assert all("NOT held out" in c.meaning for c in SplitChoice if not c.held_out)


def test_a_part_without_pictures_and_labels_without_boxes_are_refused_by_name(tmp_path, bare):
    for name in ("protected", "unprotected"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), bare[..., ::-1])
    whole = choose(str(tmp_path), read(tmp_path), SplitChoice.ALL, list)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: labels whole pictures")):
        need_boxes(whole.name, whole.images)
    with pytest.raises(DataError, match="no face is labelled in the 1 pictures"):
        need_boxes("x", [image()])
    parts = {str(p.split) for p in whole.images}
    empty = next(c for c in SplitChoice if c is not SplitChoice.ALL and str(c) not in parts)
    with pytest.raises(
        DataError, match=f"{re.escape(str(tmp_path))}: no picture of it is of the {empty} part"
    ):
        choose(str(tmp_path), read(tmp_path), empty, list)


# --- the commands


def test_the_detector_is_measured_end_to_end(street, tmp_path, maskwatch):
    html, facts = tmp_path / "report.html", tmp_path / "report.json"
    done = maskwatch(
        "evaluate", "detector", "--data", street, "--weights", "stock", "--html", html, "--json", facts
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(facts.read_text())
    assert (told["pictures"], told["held_out"], told["part"]) == (10, True, "test")
    assert told["counts"]["truths"] == 10
    assert told["figures"]["recall"]["value"] == told["counts"]["found"] / 10 >= 0.8
    assert sum(each["truths"] for each in told["by_size"].values()) == 10
    assert "average precision" in done.stdout
    text = html.read_text()
    seen = Reader(text)
    assert not {"script", "link", "b"} & set(seen.tags)
    assert all(address.startswith("data:") for address in seen.addresses)
    assert "Held out" in text
    printed = maskwatch("evaluate", "detector", "--data", street, "--part", "all", "--json", "-")
    assert json.loads(printed.stdout)["held_out"] is False
    assert json.loads(printed.stdout)["pictures"] == 15


def test_a_detector_that_finds_nothing_is_worse_and_its_misses_are_shown(street, tmp_path, maskwatch):
    """The same networks with a threshold that nothing passes."""
    from dataclasses import replace

    weights, html, facts = tmp_path / "blind.safetensors", tmp_path / "r.html", tmp_path / "r.json"
    save_detector(replace(load_stock(), point=OperatingPoint((0.6, 0.7, 1.0))), weights, {})
    compare = ("evaluate", "detector", "--data", street, "--compare", "stock", weights)
    done = maskwatch(*compare, "--json", facts, "--html", html)
    assert done.returncode == 0, done.stderr
    told = json.loads(facts.read_text())["differences"]
    assert (told["recall"]["b"], told["recall"]["verdict"]) == (0, "worse")
    assert told["average precision"]["verdict"] == "no difference that this data can show"
    assert "blind@" in done.stdout
    assert "worse in recall" in " ".join(done.stdout.split())
    seen = Reader(html.read_text())
    assert seen.tags.count("img") >= 9  # the curve, and the faces that A found alone
    assert any("<b>&" in word for word in seen.words)
    assert "b" not in seen.tags


def test_classifier_and_system_are_measured_and_compared(street, tmp_path):
    """A network that says protected of everybody, against the shipped one."""
    shape, weights = Shape(), tmp_path / "kind.safetensors"
    network = MaskNet(shape)
    torch.nn.init.zeros_(network.dense[-1].weight)
    torch.nn.init.constant_(network.dense[-1].bias, 5.0)
    save_network(network, shape, weights, {})

    def told(command, **options):
        command([street], html=tmp_path / "r.html", as_json=tmp_path / "r.json", **options)
        assert all(a.startswith("data:") for a in Reader((tmp_path / "r.html").read_text()).addresses)
        return json.loads((tmp_path / "r.json").read_text())

    alone = told(commands.classifier, weights=str(weights))
    assert alone["confusion"]["tp"] == alone["by_class"]["protected"]["protected"] > 0
    assert alone["confusion"]["tn"] == 0
    compared = told(commands.classifier, compare=("shipped", str(weights)))["differences"]
    assert compared["accuracy"]["verdict"] == "worse"
    assert compared["expected calibration error"]["verdict"] == "worse"
    whole = told(commands.system)
    assert whole["figures"]["end-to-end recall"]["value"] >= 0.8
    assert whole["ratio"]["pictures"] >= 8
    assert told(commands.system, workers=2) == whole
    assert list(whole["figures"])[:3] == ["unnoticed", "accused", "bias of the protected ratio"]
    decision = whole["decision"]
    assert (decision["protected_ratio"], decision["under"] + decision["others"]) == (0.75, 10)
    share = decision["unnoticed"] / decision["under"]
    assert whole["figures"]["unnoticed"]["value"] == pytest.approx(share)
    both = told(commands.system, compare=("stock,shipped", f"stock,{weights}"))["differences"]
    assert both["end-to-end recall"]["verdict"] == "worse"
    assert both["error of the protected ratio"]["verdict"] == "worse"
    assert both["unnoticed"]["verdict"] == "worse"
    assert both["bias of the protected ratio"]["verdict"] == "higher"
    strict = tmp_path / "strict.yaml"
    strict.write_text("alert: {protected_ratio: 1.0}\n")
    assert told(commands.system, config=strict)["decision"]["protected_ratio"] == 1.0


def test_the_system_says_first_what_it_decides(street, tmp_path, maskwatch):
    html = tmp_path / "r.html"
    done = maskwatch("evaluate", "system", "--data", street, "--html", html)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "truly under 75%" in lines[1]
    first = next(n for n, line in enumerate(lines) if "At a protected ratio of 75%" in line)
    assert [lines[first + n].split("│")[1].split()[0] for n in (4, 5, 6)] == ["unnoticed", "accused", "bias"]
    assert not any("end-to-end" in line for line in lines[: first + 7])
    unnoticed, accused = sheets_of_the_decision(html)
    assert unnoticed.count("<img") == round(
        float(lines[first + 4].split("│")[3]) * int(lines[first + 4].split("│")[2])
    )
    assert accused.count("<img") == 0
    assert "None was accused." in accused


def sheets_of_the_decision(html):
    """The parts of the page about pictures that were decided wrong: unnoticed ones, accused ones."""
    after = html.read_text().split("Unnoticed under 75%")[1].split("Found and judged wrong")[0]
    return after.split("Accused of less than 75%")


def test_the_report_shows_who_is_accused(street, tmp_path, maskwatch):
    strict, html, facts = tmp_path / "strict.yaml", tmp_path / "r.html", tmp_path / "r.json"
    strict.write_text("classify: {protected_at: 0.999999}\n")  # nobody is sure enough to be protected
    done = maskwatch("evaluate", "system", "--data", street, "-c", strict, "--html", html, "--json", facts)
    assert done.returncode == 0, done.stderr
    count = json.loads(facts.read_text())["decision"]["accused"]
    assert count >= 3
    _, accused = sheets_of_the_decision(html)
    assert accused.count("<img") == count
    assert (
        accused.count("true ratio 1.000 of 1, reported 0.000 of 1") == 2 * count
    )  # as caption, and for the blind


def test_the_maps_of_a_face_are_drawn_and_a_picture_without_one_is_refused(bare, tmp_path, maskwatch):
    cv2.imwrite(str(tmp_path / "face.png"), bare[..., ::-1])
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((100, 100, 3), 90, np.uint8))
    done = maskwatch("evaluate", "features", tmp_path / "face.png", "-o", tmp_path / "maps.png")
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "maps.png")).shape[1] >= 1000
    refused = maskwatch("evaluate", "features", tmp_path / "wall.png", "-o", tmp_path / "none.png")
    assert refused.returncode == 1
    assert "wall.png: the detector finds no face" in refused.stderr
    assert not (tmp_path / "none.png").exists()


def test_options_that_do_not_go_together_are_refused(street):
    with pytest.raises(ConfigError, match="--weights: --compare names both"):
        commands.detector(street, weights="stock", compare=("stock", "stock"))
    with pytest.raises(ConfigError, match="--compare: must be two times DETECTOR,CLASSIFIER"):
        commands.system(street, compare=("stock", "stock,shipped"))
