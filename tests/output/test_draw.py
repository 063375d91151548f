"""What people look at."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from maskwatch.core.geometry import overlaps
from maskwatch.core.records import Alert, Box, Direction, Label, Passage, Person
from maskwatch.output import draw as render
from maskwatch.output.labels import Tag, place_labels
from maskwatch.output.places import Places, Segment


@pytest.fixture
def grey():
    return np.full((270, 480, 3), 128, np.uint8)


def test_boxes_are_drawn_where_the_faces_are_in_the_colour_of_their_label(grey, report):
    faces = report(
        1.5, 0.9, 0.1, None, boxes=[Box(40, 80, 90, 140), Box(180, 80, 230, 140), Box(320, 80, 370, 140)]
    )
    image = render.annotated(grey, faces)
    for face in faces.faces:
        assert tuple(image[110, int(face.box.x1)]) == render.COLOURS[face.label]
    assert image.shape[0] > grey.shape[0]  # the banner stands below, over nobody's face
    assert image[110, 150].tolist() == [128, 128, 128]
    assert (grey == 128).all()


def test_what_is_ignored_is_dark_and_the_rest_as_it_was(grey, report):
    half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    image = render.annotated(grey, report(1.0), places=Places(ignore=[half]))[:270]
    assert (image[20:-20, 20:220] < 50).all()
    assert (image[:, 260:] == 128).all()
    assert (grey == 128).all()


def test_the_banner_turns_red_and_says_the_sentence_while_there_is_an_alert(grey, report):
    calm = render.annotated(grey, report(1.0, 0.1))[270:]
    alarm = render.annotated(
        grey, report(1.0, 0.1), Alert("door", 1.0, 0.0, 1, 1, "마스크를 착용해 주세요.")
    )[270:]
    assert tuple(calm[1, 1]) == render.BANNER_COLOUR
    assert tuple(alarm[1, 1]) == render.ALERT_COLOUR
    assert (alarm != np.array(render.ALERT_COLOUR, np.uint8)).any(axis=2).mean() > 0.02  # there is text on it


def test_a_face_at_the_edge_and_a_tiny_frame_can_be_drawn(report):
    for shape in ((1, 1, 3), (20, 30, 3)):
        render.annotated(np.zeros(shape, np.uint8), report(0, 0.4, boxes=[Box(-10, -10, 25, 25)]))


def persons(*people):
    """Boxes, verdicts and whether the face is seen."""
    return tuple(
        Person(number, box, label, 0.9 if label is Label.PROTECTED else 0.1, face=0 if seen else None)
        for number, (box, label, seen) in enumerate(people, 1)
    )


def test_people_are_drawn_in_the_colour_of_their_verdict_and_not_of_the_frame(grey, report):
    """The classifier says mask of the face in this frame; the verdict on the person is another."""
    box = Box(200, 80, 260, 150)
    followed = replace(report(1.0, 0.9, boxes=[box]), persons=persons((box, Label.UNPROTECTED, True)))
    image = render.annotated(grey, followed)
    assert tuple(image[110, 200]) == render.COLOURS[Label.UNPROTECTED]
    assert (
        tuple(render.annotated(grey, replace(followed, persons=None))[110, 200])
        == render.COLOURS[Label.PROTECTED]
    )


def test_the_box_of_somebody_hidden_is_dashed(grey, report):
    box = Box(200, 80, 260, 150)
    colour = render.COLOURS[Label.PROTECTED]

    def left_side(seen):
        image = render.annotated(grey, replace(report(1.0), persons=persons((box, Label.PROTECTED, seen))))
        return (image[90:140, 200] == colour).all(axis=1).mean()

    assert left_side(seen=True) == 1.0
    assert 0.2 < left_side(seen=False) < 0.8


def test_the_banner_counts_people(grey, report, monkeypatch):
    written = []
    monkeypatch.setattr(render, "write", lambda image, text, *rest: written.append(text))
    people = persons(*[(Box(60 * n, 80, 60 * n + 40, 130), Label.PROTECTED, True) for n in range(3)])
    people += (
        replace(people[0], track=4, label=Label.UNPROTECTED),
        replace(people[0], track=5, label=Label.UNKNOWN),
    )
    render.annotated(grey, replace(report(61.2), persons=people))
    assert written == ["door   1:01.2   3 of 4 people protected, 75%"]


def test_a_sentence_that_is_longer_than_the_frame_is_shortened(grey, report):
    """It would run over the edge: the last column is the banner's colour."""
    alert = Alert("door", 1.0, 0.0, 1, 1, "Please wear your mask. " * 20)
    banner = render.annotated(grey, report(1.0, 0.1), alert)[270:]
    assert (banner[:, -6:] == render.ALERT_COLOUR).all()


def test_who_moved_leaves_a_trail_and_who_stands_still_does_not(grey, report):
    box = Box(200, 120, 240, 170)
    followed = replace(report(1.0), persons=persons((box, Label.PROTECTED, True)))
    plain = render.annotated(grey, followed)
    moved = render.annotated(grey, followed, trails={1: [(100.0, 145.0), (160.0, 145.0), (220.0, 145.0)]})
    stood = render.annotated(grey, followed, trails={1: [(219.0, 145.0), (220.0, 146.0), (220.0, 145.0)]})
    assert np.abs(moved[145, 150].astype(int) - render.COLOURS[Label.PROTECTED]).max() < 40
    assert (stood == plain).all()


def test_zones_and_lines_are_drawn_and_a_line_flashes_when_it_is_crossed(grey, report):
    places = Places(
        zones={"queue": ((0.05, 0.5), (0.3, 0.5), (0.3, 0.9), (0.05, 0.9))},
        lines={"door": Segment((0.6, 0.1), (0.6, 0.9), "right")},
    )
    followed = replace(report(1.0), persons=())
    calm = render.annotated(grey, followed, places=places)
    passage = Passage("door", 1.0, 1, Label.UNPROTECTED, Direction.LEAVING, "door")
    flash = render.annotated(grey, followed, places=places, passages=[passage])
    elsewhere = render.annotated(grey, followed, places=places, passages=[replace(passage, line="window")])
    orange = np.array(render.COLOURS[Label.UNPROTECTED])
    assert (calm[:270, :150] != 128).any()  # the zone
    assert (calm[200, 286:291] != 128).any()  # the line
    assert (flash[200, 286:291] == orange).all(axis=1).any()
    assert (elsewhere == calm).all()


def arrow_side(grey, report, line):
    image = render.annotated(grey, replace(report(1.0), persons=()), places=Places(lines={"door": line}))
    changed = (image[125:146] != 128).any(axis=2)
    return "left" if changed[:, 260:284].sum() > changed[:, 292:316].sum() else "right"


@pytest.mark.parametrize(
    ("start", "end", "leaving", "side"),
    [
        (
            (0.6, 0.9),
            (0.6, 0.1),
            "right",
            "right",
        ),  # who looks up the picture has its right side to the right
        ((0.6, 0.9), (0.6, 0.1), "left", "left"),
        ((0.6, 0.1), (0.6, 0.9), "right", "left"),
        ((0.6, 0.1), (0.6, 0.9), "left", "right"),
    ],
)
def test_the_arrow_of_a_line_points_to_where_people_leave(grey, report, start, end, leaving, side):
    assert arrow_side(grey, report, Segment(start, end, leaving)) == side


def crowd(number, width, height, seed):
    """Faces of many sizes, some on each other and some at the edge."""
    random = np.random.default_rng(seed)
    sides = random.uniform(height / 25, height / 5, number)
    lefts, tops = (
        random.uniform(-0.02, 1, number) * (width - sides),
        random.uniform(-0.02, 1, number) * (height - sides),
    )
    return [Box(x, y, x + s, y + 1.2 * s) for x, y, s in zip(lefts, tops, sides, strict=True)]


@pytest.mark.parametrize(("size", "text_px"), [((1920, 1080), 25), ((480, 270), 12)])
@pytest.mark.parametrize("seed", range(10))
def test_labels_of_eight_people_neither_overlap_nor_run_out_of_the_frame(size, text_px, seed):
    tags = [Tag(box, (0, 0, 0), str(n), "no mask", "98%") for n, box in enumerate(crowd(8, *size, seed), 1)]
    placed = place_labels(tags, size, text_px)
    assert len(placed) == 8
    for each in placed:
        assert 0 <= each.box.x1 < each.box.x2 <= size[0]
        assert 0 <= each.box.y1 < each.box.y2 <= size[1]
    assert not [pair for pair in combinations(placed, 2) if overlaps(pair[0].box, pair[1].box)]


def test_a_label_says_less_before_it_hides_a_face():
    """A face between two others, in a picture that has room for a number above it alone."""
    row = [Box(20, 4, 80, 90), Box(82, 30, 100, 90), Box(102, 4, 160, 90)]
    tags = [Tag(box, (0, 0, 0), str(n), "no mask", "98%") for n, box in enumerate(row, 1)]
    middle = place_labels([tags[1], tags[0], tags[2]], (180, 91), 12)[0]
    assert middle.parts == ("2", "", "")
    assert place_labels([tags[1]], (180, 91), 12)[0].parts == ("2", "no mask", "98%")


def test_a_label_that_is_larger_than_the_picture_is_left_out():
    assert place_labels([Tag(Box(0, 0, 5, 5), (0, 0, 0), "1", "mask")], (6, 6), 12) == ()


def test_a_scene_is_drawn_on_a_smaller_picture_with_its_boxes_where_they_were(report):
    box = Box(320, 160, 400, 260)
    found = replace(report(1.0, 0.1, boxes=[box]), persons=persons((box, Label.UNPROTECTED, True)))
    small = render.resized(found, (320, 240))  # of 640 x 480
    assert small.persons[0].box == small.faces[0].box == Box(160, 80, 200, 130)
    image = render.scene(np.full((240, 320, 3), 128, np.uint8), small)
    assert image.shape == (240, 320, 3)  # no banner
    assert tuple(image[105, 160]) == render.COLOURS[Label.UNPROTECTED]


def test_a_scene_is_labelled_in_the_language_of_who_looks(grey, report, monkeypatch):
    written = []
    monkeypatch.setattr("maskwatch.output.labels.write", lambda image, text, *_: written.append(text))
    words = render.Words(dict.fromkeys(Label, "미착용"), "가려짐")
    people = persons(
        (Box(40, 80, 90, 140), Label.UNPROTECTED, True), (Box(240, 80, 290, 140), Label.UNKNOWN, False)
    )
    render.scene(grey, replace(report(1.0), persons=people), words=words)
    assert {"미착용", "가려짐"} <= set(written)
