"""Figures by source, at a fixed precision, by condition and by class name, and reports side by side."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from maskwatch.cli import evaluate as commands
from maskwatch.core.errors import ConfigError, DataError
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.formats.registry import read
from maskwatch.datasets.labels import FaceLabel
from maskwatch.datasets.records import DataSet, GroundTruth, LabelledImage, Split
from maskwatch.evaluation.bootstrap import Difference, Portion, differences, estimates
from maskwatch.evaluation.classification import Classification, JudgedFace
from maskwatch.evaluation.conditions import CONDITIONS
from maskwatch.evaluation.curve import scores_at_precision
from maskwatch.evaluation.detection import Searched, tally
from maskwatch.evaluation.images import EvaluationImages, choose_of_several, without_faults
from maskwatch.evaluation.matching import match
from maskwatch.evaluation.measure import _with_slices
from maskwatch.evaluation.reports.breakdown import break_down
from maskwatch.evaluation.reports.detector import layout
from maskwatch.evaluation.side_by_side import side_by_side
from maskwatch.evaluation.split_choice import SplitChoice
from maskwatch.evaluation.system import analyse_images

PROTECTED, UNPROTECTED, WORN_WRONG = FaceLabel


def bound(scores, hits, precision, weights=None):
    scores, hits = np.array(scores, np.float64), np.array(hits, np.bool_)
    counts = np.ones((1, len(scores))) if weights is None else np.array([weights], np.float64)
    return scores_at_precision(scores, hits, counts, precision)[0]


# --- recall at a fixed precision


@pytest.mark.parametrize(
    ("scores", "hits", "precision", "expected"),
    [
        ([0.9, 0.8, 0.7], [True, True, False], 0.6, 0.7),
        ([0.9, 0.8, 0.7], [True, True, False], 0.9, 0.8),
        # precisions 1, 1/2, 2/3, 3/4: the lowest score that has it, though it was lost in between
        ([0.9, 0.8, 0.7, 0.6], [True, False, True, True], 0.7, 0.6),
        ([0.9, 0.8], [False, True], 0.6, np.inf),
        ([0.9, 0.9], [True, False], 0.6, np.inf),  # equal scores pass a bound together
        ([], [], 0.5, np.inf),
        ([1 - n / 1000 for n in range(100)], [n != 50 for n in range(100)], 0.99, 0.901),  # 0.99 of 100 is 99
    ],
)
def test_the_lowest_score_with_a_precision(scores, hits, precision, expected):
    assert bound(scores, hits, precision) == pytest.approx(expected)


def test_a_draw_has_a_bound_of_its_own():
    scores, hits = [0.9, 0.8, 0.7], [True, False, True]
    assert bound(scores, hits, 0.75) == 0.9
    assert bound(scores, hits, 0.75, [1, 0, 1]) == 0.7
    assert bound(scores, hits, 0.75, [2, 1, 1]) == 0.7
    assert bound(scores, hits, 0.75, [0, 0, 0]) == np.inf


def box(x, side=20):
    return Box(x, 0, x + side, side)


def searched(found, *labels, key="a.jpg"):
    """True faces side by side, and at which scores they were found; a score more is a false alarm."""
    truths = tuple(GroundTruth(label, box(50 * n)) for n, label in enumerate(labels))
    faces = [Face(box(50 * n), score) for n, score in enumerate(found) if score]
    image = LabelledImage(None, key, truths, Split.TEST)
    return Searched(image, match(faces, [t.box for t in truths]))


def figures(measured):
    return {name: values[0] for name, values in measured.figures(np.ones((1, measured.images))).items()}


def test_recall_at_a_precision_is_told_by_class_whatever_the_threshold():
    pictures = (
        searched([0.9, 0.8, 0.3, 0.5], PROTECTED, PROTECTED, UNPROTECTED),
        searched([0.6, None], UNPROTECTED, WORN_WRONG, key="b.jpg"),
    )
    told = [figures(replace(tally(pictures, threshold), precision=1.0)) for threshold in (0.1, 0.85)]
    for values in told:  # from 0.6 on there is no false alarm
        assert values["recall at precision 1"] == pytest.approx(3 / 5)
        assert values["recall at precision 1, protected"] == 1
        assert values["recall at precision 1, unprotected"] == 1 / 2
        assert values["recall at precision 1, worn_wrong"] == 0
        assert values["recall at precision 1, unprotected minus protected"] == -1 / 2
    assert [values["recall"] for values in told] == [pytest.approx(4 / 5), pytest.approx(1 / 5)]
    assert told[0]["recall, unprotected minus protected"] == 0
    lenient = replace(tally(pictures, 0.5), precision=0.7)
    assert figures(lenient)["recall at precision 0.7"] == pytest.approx(4 / 5)
    assert (lenient.score_at_precision(), replace(lenient, precision=1.0).score_at_precision()) == (0.3, 0.6)


def test_where_no_score_has_the_precision_nothing_is_found_at_it():
    detection = tally((searched([None, 0.9], PROTECTED),), 0.5)
    assert detection.score_at_precision() is None
    assert figures(detection)["recall at precision 0.93"] == 0


# --- by source


def pictures(count, seed):
    random = np.random.default_rng(seed)
    return [
        searched(
            random.random(4),
            *(FaceLabel(each) for each in random.choice(list(FaceLabel), 3)),
            key=f"{seed}-{n}.jpg",
        )
        for n in range(count)
    ]


def systems(of):
    """What a system says: the faces that were searched, all judged protected."""
    answers = iter(
        FrameReport(
            "x", "x", 0, 0.0, (9, 9), tuple(replace(f, label=Label.PROTECTED) for f in s.matching.found)
        )
        for s in of
    )
    images = [(n, s.image, None) for n, s in enumerate(of)]
    return analyse_images(lambda _: next(answers), images, bound=0.75)


def classified(of, places=None):
    faces = tuple(
        JudgedFace(s.image.key, truth.label, 0.1 + 0.2 * n, None)
        for s in of
        for n, truth in enumerate(s.image.truths)
    )
    return Classification(faces, np.repeat(np.arange(len(of)), 3), len(of), 0.4)


@pytest.mark.parametrize("make", [lambda of: tally(tuple(of), 0.5), systems, classified])
def test_a_portion_has_the_figures_and_the_intervals_of_its_pictures_alone(make):
    one, two = pictures(12, 1), pictures(9, 2)
    together = make([*one[:5], *two, *one[5:]])
    part = Portion(together, np.array([*range(5), *range(14, 21)]))
    assert part.images == 12
    alone = estimates(make(one))
    for name, each in estimates(part).items():
        for mine, theirs in zip(each.as_dict().values(), alone[name].as_dict().values(), strict=True):
            assert mine == pytest.approx(theirs), name


def material(path=None, **sizes):
    truths = (GroundTruth(PROTECTED, box(0)),)
    images = [
        LabelledImage(path, f"{s}{n}", truths, Split.TEST) for s, size in sizes.items() for n in range(size)
    ]
    sources = tuple(source for source, size in sizes.items() for _ in range(size))
    return EvaluationImages(" and ".join(sizes), SplitChoice.TEST, tuple(images), (), sources)


def test_the_source_of_each_picture_goes_with_it_when_others_are_left_out():
    both = material(one=3, two=2)
    broken = replace(both.images[1], faults=("why",))
    left = without_faults(replace(both, images=(both.images[0], broken, *both.images[2:])))
    assert {source: [left.images[p].key for p in places] for source, places in left.places.items()} == {
        "one": ["one0", "one2"],
        "two": ["two0", "two1"],
    }
    alone = EvaluationImages("x", SplitChoice.TEST, both.images, ())
    assert {source: list(places) for source, places in alone.places.items()} == {"x": [0, 1, 2, 3, 4]}


def test_each_picture_of_several_sets_has_its_source_and_a_set_of_which_none_counts_is_told(
    street, hall, tmp_path
):
    sets = {"street": read(street), "hall": read(hall), "empty": DataSet([], [])}
    both = choose_of_several(sets, SplitChoice.TEST, list)
    assert {name: len(places) for name, places in both.places.items()} == {"street": 10, "hall": 6}
    for name, folder in (("street", street), ("hall", hall)):
        assert all(both.images[place].path.is_relative_to(folder) for place in both.places[name])
    assert "empty: no picture of it counts" in both.notes


def test_the_worst_source_is_the_headline_with_its_figure():
    good = [searched([0.9, 0.8], PROTECTED, UNPROTECTED, key=f"g{n}") for n in range(4)]
    bad = [searched([0.9, None, 0.1], PROTECTED, UNPROTECTED, key=f"b{n}") for n in range(3)]
    detection = tally((*good, *bad), 0.5)
    both = material(good=4, bad=3)
    told = break_down(both, [detection], {}, layout(detection))
    assert told.lead[0].startswith(
        "The worst: bad, recall at precision 0.93, unprotected: 0.000 (95 % interval"
    )
    assert [section.title for section in told.alone] == ["good alone", "bad alone"]
    (table,) = told.by_source[0].blocks
    rows = {row[0]: row[1:] for row in table.rows}
    assert table.headers == ("", "good", "bad", "all together")
    assert rows["pictures"] == ("4", "3", "7")
    assert rows["recall, unprotected"] == ("1.000", "0.000", "0.571")
    assert rows["recall, worn wrong"] == ("-", "-", "-")
    assert told.facts["by_source"]["bad"]["figures"]["recall, unprotected"]["value"] == 0
    blind = tally(
        tuple(searched([None, None], PROTECTED, UNPROTECTED, key=s.image.key) for s in (*good, *bad)), 0.5
    )
    compared = break_down(both, [detection, blind], {}, layout(detection))
    (table,) = compared.by_source[0].blocks
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["recall, unprotected"] == ("1.000 → 0.000 worse", "0.000 → 0.000", "0.571 → 0.000 worse")
    assert rows["recall, worn wrong"] == ("-", "-", "-")
    assert compared.lead[0].startswith("The worst, of B: ")
    alone = break_down(material(one=7), [detection], {}, layout(detection))
    assert (alone.lead, alone.by_source, alone.alone, alone.by_condition) == ((), (), (), ())
    assert list(alone.facts["by_source"]) == ["one"]


def test_a_figure_that_is_clear_is_so_on_either_side():
    assert [Difference(0, 1, 1, *within).is_clear for within in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (None, None))] == [
        True, True, False, False,
    ]  # fmt: skip
    half = tally((searched([0.9], PROTECTED),), 0.5)
    assert not any(each.is_clear for each in differences(half, half, lambda _: False).values())


# --- by class name


def test_class_names_stay_where_a_set_has_more_of_them_than_labels():
    def named(*names):
        truths = tuple(GroundTruth(label, None, name) for label, name in names)
        return _with_slices(DataSet([LabelledImage(None, "a", truths)], [])).images[0].truths

    more = named((PROTECTED, "mask"), (UNPROTECTED, "bare"), (UNPROTECTED, "beard"))
    assert [truth.class_name for truth in more] == ["mask", "bare", "beard"]
    assert [truth.class_name for truth in named((PROTECTED, "mask"), (UNPROTECTED, "bare"))] == ["", ""]


def test_a_class_of_the_data_set_has_its_own_accuracy():
    faces = (
        JudgedFace("", WORN_WRONG, 0.9, None, "nose"),
        JudgedFace("", WORN_WRONG, 0.2, None, "nose"),
        JudgedFace("", WORN_WRONG, 0.1, None, "chin"),
        JudgedFace("", PROTECTED, 0.9, None),
    )
    result = Classification(faces, np.arange(4), 4, 0.5)
    values = figures(result)
    assert (values["accuracy, class nose"], values["accuracy, class chin"]) == (1 / 2, 1)
    assert result.slices == {"chin": WORN_WRONG, "nose": WORN_WRONG}
    assert int(result.slice("nose").sum()) == 2


# --- the commands


def told(command, folders, tmp_path, name="r", **options):
    html, facts = tmp_path / f"{name}.html", tmp_path / f"{name}.json"
    command(folders, html=html, as_json=facts, **options)
    return json.loads(facts.read_text()), html.read_text()


def test_the_detector_is_measured_by_source_and_by_condition(street, hall, tmp_path, maskwatch):
    html, facts = tmp_path / "r.html", tmp_path / "r.json"
    done = maskwatch(
        "evaluate", "detector", "--data", street, "--data", hall, "--class", "beard=unprotected", "--conditions",
        "--precision", "0.9", "--html", html, "--json", facts,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(facts.read_text())
    assert {name: each["pictures"] for name, each in report["by_source"].items()} == {
        street.name: 10,
        "hall": 6,
    }
    assert list(report["conditions"]) == list(CONDITIONS)
    every = [report, *report["conditions"].values()]
    name = "recall at precision 0.9"
    for each in every:
        parts = {n: own["figures"][name]["value"] for n, own in each["by_source"].items()}
        assert set(parts) == {street.name, "hall"}
        assert min(parts.values()) - 1e-9 <= each["figures"][name]["value"] + 0.2
    assert report["at_precision"]["precision"] == 0.9
    lines = done.stdout.splitlines()
    assert lines[1].startswith("The worst: ")
    text = html.read_text()
    assert (
        text.index("By source")
        < text.index("All sizes")
        < text.index("By condition")
        < text.index("hall alone")
    )
    assert len(re.findall(r"<figcaption>defocus; ", text)) == 2
    shown = dict(re.findall(r'src="([^"]+)"[^>]*>\s*<figcaption>((?:as it is|[a-z ]+)); hall', text))
    assert set(shown.values()) >= {"as it is", "defocus"}
    assert len(shown) == len(set(shown.values())) == 1 + len(CONDITIONS)  # each was done to the picture
    assert "recall at precision 0.9, unprotected" in text


def test_the_classifier_tells_each_class_of_a_set_that_has_more_than_labels(street, hall, tmp_path):
    report, text = told(commands.classifier, [hall], tmp_path, classes=["beard=unprotected"])
    assert report["by_class_name"] == {
        "beard": {"label": "unprotected", "faces": 2},
        "with_mask": {"label": "protected", "faces": 2},
        "without_mask": {"label": "unprotected", "faces": 2},
    }
    assert "accuracy, class beard" in report["figures"]
    assert "By class of the data set" in text
    plain, text = told(commands.classifier, [street], tmp_path)
    assert list(plain["by_source"]) == [street.name]
    assert plain["by_class_name"] == {}
    assert "By class of the data set" not in text


def test_the_system_is_compared_by_source_and_by_condition(street, hall, tmp_path):
    report, text = told(
        commands.system, [street, hall], tmp_path, classes=["beard=unprotected"], conditions=True,
        compare=("shipped,shipped", "stock,shipped"),
    )  # fmt: skip
    assert set(report["by_source"][street.name]["differences"]) >= {
        "unnoticed",
        "accused",
        "found, unprotected",
    }
    assert set(report["conditions"]["dark"]["by_source"]) == {street.name, "hall"}
    assert "→" in text
    with pytest.raises(DataError, match=re.escape("r.json: compares two models")):
        side_by_side([tmp_path / "r.json"])


# --- side by side


@pytest.fixture
def reports(tmp_path):
    """Two reports of the same pictures, and the second's facts to change."""
    both = material(tmp_path / "went away.jpg", one=2, two=2)
    found = [searched([0.9, 0.8], PROTECTED, UNPROTECTED, key=str(n)) for n in range(4)]
    missed = [searched([0.9, None], PROTECTED, UNPROTECTED, key=str(n)) for n in range(4)]
    paths = []
    for name, of in (("before", missed), ("after", found)):
        detection = tally(tuple(of), 0.5)
        parts = break_down(both, [detection], {"dark": [tally(tuple(missed), 0.5)]}, layout(detection)).facts
        every = {n: each.as_dict() for n, each in estimates(detection).items()}
        about = {"what": "detector", "data": "one and two", "part": "test", "pictures": 4}
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps({**about, "figures": every, **parts}))
    return paths


def test_reports_stand_side_by_side_by_source_condition_and_figure(reports):
    lines = side_by_side(reports).splitlines()
    assert lines[0] == "| source | condition | figure | before | after |"
    assert "| one | as they are | recall, unprotected | 0.000 | 1.000 |" in lines
    assert "| all together | dark | recall, unprotected | 0.000 | 0.000 |" in lines
    assert "| two | as they are | recall, unprotected minus protected | -1.000 | +0.000 |" in (
        side_by_side(reports, ["recall, unprotected minus protected"]).splitlines()
    )
    assert not any("worn wrong" in line for line in lines)  # there are none
    only = side_by_side(reports, ["recall, unprotected"]).splitlines()
    assert len(only) == 2 + 3 * 2


def test_reports_that_cannot_be_compared_are_refused(reports, tmp_path, maskwatch):
    changed = json.loads(reports[1].read_text()) | {"pictures": 5}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(changed))
    done = maskwatch("evaluate", "table", reports[0], other)
    assert done.returncode == 1
    assert "other.json: pictures is 5, and 4 in" in done.stderr
    assert maskwatch("evaluate", "table", *reports).stdout.startswith("| source | condition |")
    with pytest.raises(ConfigError, match=r"--figure: .*before\.json has no 'recal', only recall; "):
        side_by_side(reports, ["recal"])
    for text, why in (
        ("{", "cannot be read as JSON"),
        ("[]", "is not a report"),
        ('{"what": "x"}', "measure again"),
    ):
        other.write_text(text)
        with pytest.raises(DataError, match=rf"other\.json: .*{why}"):
            side_by_side([reports[0], other])
    other.write_text(reports[0].read_text())
    twin = tmp_path / "x" / "before.json"
    twin.parent.mkdir()
    twin.write_text(reports[0].read_text())
    assert str(twin) in side_by_side([reports[0], twin]).splitlines()[0]
