"""The review page's logic, without a browser: what is shown, what hands and keys do, who may come in."""

import os
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import defusedxml.ElementTree
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.console.review import cards, filters
from maskwatch.console.review.canvas import WORDS
from maskwatch.console.review.drafts import MAX_DRAFTS, Draft, Drafts
from maskwatch.console.review.editing import Editing
from maskwatch.console.review.filters import Filter, LabelState, Order, Viewer
from maskwatch.console.review.keys import CHOICES, HELP, KEYS, Action, action_of
from maskwatch.console.review.thumbnails import HEIGHT_PX, WIDTH_PX, Thumbnails, thumbnail
from maskwatch.console.review.upload_dialog import REJECTIONS
from maskwatch.console.review.uploads import MAX_BYTES, Refusal, UploadRefused, Uploads
from maskwatch.console.review.walk import Presence, Walk
from maskwatch.console.team.examples import EXAMPLES, svg
from maskwatch.console.team.guidelines import guidelines
from maskwatch.console.texts import Texts, catalogue
from maskwatch.core.errors import ModelError, SourceError
from maskwatch.core.records import Box, Face, Label, ShadowJudgement, Versions
from maskwatch.core.selection.reasons import REASONS
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.sample import Sample
from maskwatch.samples.store import Queue
from maskwatch.samples.team import Team

SIZE = (640, 480)
TOKEN = "correct horse battery"
ENGLISH, KOREAN = Texts("en"), Texts("ko")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def sample(report):
    """Make a sample; `said` are the labels that somebody gave."""

    def make(number=0, camera="door", at=NOON, confidence=0.5, reasons=("classifier",), said=None, by="kim"):
        seen = report(float(number), confidence, camera=camera)
        made = Sample(f"20261122T120000.000Z-{number:06d}", seen, reasons, at, {})
        if said is None:
            return made
        from maskwatch.samples.annotations import with_revision

        annotations = [Annotation(Box(0, 0, 9, 9), AnnotationLabel(label)) for label in said]
        return made.with_history(with_revision((), annotations, by, at))

    return make


def ids(samples):
    return [int(each.id[-6:]) for each in samples]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), [0, 1, 2, 3, 4]),
        (Filter(camera="정문"), [1]),
        (Filter(day=f"{(NOON - timedelta(days=3)).astimezone():%Y-%m-%d}"), [2]),
        (Filter(reason="detector"), [3]),
        (Filter(state=LabelState.WAITING), [0, 1, 2]),
        (Filter(state=LabelState.LABELLED), [3, 4]),
        (Filter(state=LabelState.WORN_WRONG), [3]),
        (Filter(state=LabelState.UNKNOWN), []),
        (Filter(state=LabelState.NO_FACE), [4]),
        (Filter(at_least=0.6, at_most=0.7), [1]),
        (Filter(search="-000002"), [2]),
        (Filter(search=" Z-00000 ", order=Order.NEWEST), [4, 3, 2, 1, 0]),
        (Filter(order=Order.UNSURE), [0, 2, 3, 4, 1]),
    ],
)
def test_a_filter_lets_through_what_it_says(sample, wanted, expected):
    samples = [
        sample(0),
        sample(1, camera="정문", confidence=0.65),
        sample(2, at=NOON - timedelta(days=3)),
        sample(3, reasons=("classifier", "detector"), said=["protected", "worn_wrong"]),
        sample(4, said=[]),
    ]
    assert ids(filters.chosen(reversed(samples), wanted)) == expected


@given(
    camera=st.none() | st.text(min_size=1),
    state=st.sampled_from(LabelState),
    order=st.sampled_from(Order),
    search=st.text(),
    shares=st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted),
)
def test_an_address_holds_the_whole_filter(camera, state, order, search, shares):
    wanted = Filter(
        camera=camera,
        state=state,
        order=order,
        search=search,
        at_least=shares[0] / 100,
        at_most=shares[1] / 100,
    )
    assert filters.from_query(wanted.to_query()) == wanted


def test_nonsense_in_an_address_filters_nothing():
    query = {"state": "odd", "order": "", "at_least": "nan", "at_most": "2", "page": "x", "camera": ""}
    assert filters.from_query(query) == Filter()


def test_pages_hold_all_samples_once(sample):
    samples = [sample(number) for number in range(7)]
    pages = [filters.page(samples, number, size=3) for number in (1, 2, 3)]
    assert [ids(page.samples) for page in pages] == [[0, 1, 2], [3, 4, 5], [6]]
    assert {page.count for page in pages} == {3}
    assert filters.page(samples, 9, size=3).number == 3
    assert filters.page([], 2, size=3) == filters.Page((), 1, 1)


def test_progress_counts_the_labelled_of_the_filter_and_ones_own_of_today(sample):
    samples = [
        sample(0, camera="a"),
        sample(1, camera="a", said=["protected"]),
        sample(2, camera="a", said=["unprotected"], by="lee"),
        sample(3, camera="b", said=["protected"]),
        sample(4, camera="b", said=["protected"], at=NOON - timedelta(days=2)),
    ]
    today = NOON.astimezone().date()
    told = filters.progress(samples, Filter(camera="a", state=LabelState.WAITING), "kim", today)
    assert (told.labelled, told.total, told.today) == (2, 3, 2)
    assert told.share == pytest.approx(2 / 3)
    assert filters.progress([], Filter(), "kim", today).share == 0


def test_a_card_escapes_what_others_named(sample):
    bad = '"><script>alert(1)</script>'
    made = sample(0, camera=bad, reasons=(bad,), said=["protected"], by=bad)
    html = cards.grid([replace(made, id=bad)], {"search": bad}, ENGLISH)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 3


def test_the_way_stays_as_it_was_when_it_began():
    walk = Walk(("a", "b", "c"), 0)
    assert walk.at("b").place == 1
    assert walk.at("z").ids == ("z", "a", "b", "c")
    assert walk.ahead(5) == ("b", "c")
    assert [step.here for step in walk.onward(1)] == ["b", "c", None]
    assert [step.here for step in walk.at("c").onward(-1)] == ["b", "a"]
    assert list(walk.onward(-1)) == []


def test_who_has_a_picture_open_is_known_until_he_leaves():
    presence = Presence()
    presence.enter("page 1", "kim", "a")
    presence.enter("page 2", "lee", "a")
    presence.enter("page 3", "lee", "a")
    assert presence.others("kim", "a") == ("lee",)
    presence.enter("page 2", "lee", "b")
    presence.leave("page 3")
    assert presence.others("kim", "a") == ()
    assert presence.others("kim", "b") == ("lee",)
    assert presence.others("lee", "b") == ()
    presence.leave("page 2")
    presence.leave("page 2")
    assert presence.others("kim", "b") == ()


FACES = (
    Face(Box(10, 10, 60, 70), 0.9, 0.6, Label.PROTECTED),
    Face(Box(200, 100, 260, 180), 0.8, 0.1, Label.UNPROTECTED),
    Face(Box(400, 100, 460, 180), 0.7),
)
LABEL_CHOICES = [AnnotationLabel.PROTECTED, AnnotationLabel.UNPROTECTED, AnnotationLabel.UNKNOWN]


@pytest.fixture
def editing():
    return Editing(FACES, None, SIZE)


def labels(editing):
    return [mark.label for mark in editing.result]


def selected_box(editing):
    return next(mark.box for mark in editing.annotations if mark.number == editing.selected)


def test_work_starts_with_what_the_models_say(editing):
    assert editing.result == tuple(
        Annotation(f.box, label) for f, label in zip(FACES, LABEL_CHOICES, strict=True)
    )
    assert [mark.face for mark in editing.annotations] == list(FACES)
    assert selected_box(editing) == FACES[0].box
    assert not editing.changed


def test_work_goes_on_from_what_a_person_said():
    theirs = (
        Annotation(Box(12, 12, 62, 72), AnnotationLabel.WORN_WRONG),
        Annotation(Box(300, 5, 320, 30), AnnotationLabel.UNKNOWN),
    )
    editing = Editing(FACES, theirs, SIZE)
    assert editing.result == theirs
    assert [mark.face for mark in editing.annotations] == [FACES[0], None]
    assert not editing.changed
    editing.as_the_models_say()
    assert labels(editing) == LABEL_CHOICES
    assert editing.changed


def test_a_key_labels_the_selected_box_and_goes_on_to_the_next(editing):
    for label in (
        AnnotationLabel.WORN_WRONG,
        AnnotationLabel.UNKNOWN,
        AnnotationLabel.PROTECTED,
        AnnotationLabel.UNPROTECTED,
    ):
        editing.label(label)
    assert labels(editing) == [
        AnnotationLabel.WORN_WRONG,
        AnnotationLabel.UNKNOWN,
        AnnotationLabel.UNPROTECTED,
    ]
    assert selected_box(editing) == FACES[2].box


def test_a_click_labels_its_own_box_and_stays_there(editing):
    second = editing.annotations[1].number
    editing.label(AnnotationLabel.WORN_WRONG, second)
    assert labels(editing)[1] is AnnotationLabel.WORN_WRONG
    assert editing.selected == second


def test_what_is_no_face_is_removed(editing):
    editing.remove()
    assert [mark.box for mark in editing.result] == [FACES[1].box, FACES[2].box]
    assert selected_box(editing) == FACES[1].box
    editing.remove(editing.annotations[1].number)
    editing.remove()
    assert editing.result == ()
    assert editing.selected is None
    editing.remove()
    editing.label(AnnotationLabel.PROTECTED)
    editing.nudge(1, 1)
    editing.select_next(1)
    assert editing.result == ()


def test_selection_goes_round(editing):
    seen = []
    for step in (1, 1, 1, -1):
        editing.select_next(step)
        seen.append(selected_box(editing))
    assert seen == [FACES[1].box, FACES[2].box, FACES[0].box, FACES[2].box]
    editing.select(None)
    editing.select_next(-1)
    assert selected_box(editing) == FACES[2].box


def test_a_drawn_box_is_cut_at_the_edge_and_has_no_label_until_somebody_says_one(editing):
    editing.draw(Box(600.04, 440.06, 700, 500))
    drawn = editing.annotations[-1]
    assert (drawn.box, drawn.label) == (Box(600.0, 440.1, 640, 480), None)
    assert editing.selected == drawn.number
    assert editing.unlabelled == (drawn.number,)
    assert editing.changed
    with pytest.raises(ValueError, match="1 boxes have no label"):
        editing.result  # noqa: B018
    before = editing.annotations
    editing.draw(Box(5, 5, 7, 50))  # too narrow to be a face
    editing.draw(Box(-50, -50, -5, -5))
    assert editing.annotations == before
    editing.label(AnnotationLabel.WORN_WRONG)
    assert editing.unlabelled == ()
    assert editing.result[-1] == Annotation(Box(600.0, 440.1, 640, 480), AnnotationLabel.WORN_WRONG)


def test_a_box_can_be_made_without_a_mouse(editing):
    editing.draw()
    box = editing.annotations[-1].box
    assert box.centre == (320, 240)
    editing.nudge(1, 0)
    editing.nudge(0, -1, resize=True)
    moved = editing.annotations[-1].box
    assert moved.x1 > box.x1
    assert moved.width == pytest.approx(box.width)
    assert (moved.y1, moved.x1 - box.x1) == (box.y1, pytest.approx(moved.x2 - box.x2))
    assert moved.y2 < box.y2


def test_a_nudged_box_stays_whole_in_the_picture(editing):
    for _ in range(50):
        editing.nudge(-1, -1)
    assert editing.result[0].box == Box(0, 0, 50, 60)


def test_every_change_can_be_undone(editing):
    changes = [
        lambda: editing.label(AnnotationLabel.WORN_WRONG),
        lambda: editing.change(editing.annotations[0].number, Box(1, 1, 30, 30)),
        lambda: editing.draw(Box(100, 300, 150, 350)),
        lambda: editing.nudge(1, 1),
        lambda: editing.remove(editing.annotations[1].number),
        editing.as_the_models_say,
    ]
    states = [editing.annotations]
    for change in changes:
        change()
        states.append(editing.annotations)
    assert len(set(states)) >= len(changes)
    for state in reversed(states[:-1]):
        assert editing.undo()
        assert editing.annotations == state
    assert not editing.undo()
    for state in states[1:]:
        assert editing.redo()
        assert editing.annotations == state
    assert not editing.redo()


def test_another_change_forgets_what_might_have_been_done_again(editing):
    editing.label(AnnotationLabel.WORN_WRONG)
    editing.undo()
    editing.remove()
    assert not editing.redo()
    assert len(editing.result) == len(FACES) - 1


def test_a_change_that_changes_nothing_needs_no_undo(editing):
    editing.label(AnnotationLabel.PROTECTED)
    editing.select_next(1)
    assert not editing.undo()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["draw", "nudge", "grow", "remove", "undo", "next"]),
            st.tuples(*[st.integers(-200, 900)] * 4),
        )
    )
)
def test_no_box_ever_leaves_the_picture(steps):
    editing = Editing(FACES, None, SIZE)
    for what, (a, b, c, d) in steps:
        match what:
            case "draw":
                editing.draw(Box(min(a, c), min(b, d), max(a, c), max(b, d)))
            case "nudge":
                editing.nudge(a, b)
            case "grow":
                editing.nudge(a, b, resize=True)
            case "remove":
                editing.remove()
            case "undo":
                editing.undo()
            case "next":
                editing.select_next(1)
    for mark in editing.annotations:
        assert 0 <= mark.box.x1 < mark.box.x2 <= SIZE[0]
        assert 0 <= mark.box.y1 < mark.box.y2 <= SIZE[1]
    assert editing.selected is None or editing.selected in [mark.number for mark in editing.annotations]


def test_every_key_means_one_thing():
    meanings = [
        (name, shift, key.control)
        for key in KEYS
        for name in key.names
        for shift in (False, True)
        if key.shift in (None, shift)
    ]
    assert len(meanings) == len(set(meanings))
    assert [action_of(key, shift=False) for key in "12345z"] == [
        Action.PROTECTED,
        Action.UNPROTECTED,
        Action.WORN_WRONG,
        Action.REMOVE,
        Action.UNKNOWN,
        Action.UNDO,
    ]
    assert action_of("Tab", shift=True) is Action.SELECT_PREVIOUS
    assert action_of("q", shift=False) is None
    assert action_of("z", shift=True) is Action.REDO
    assert action_of("z", shift=False, control=True) is Action.UNDO
    assert action_of("z", shift=True, control=True) is Action.REDO
    assert action_of("y", shift=False, control=True) is Action.REDO
    assert action_of("1", shift=False, control=True) is None


@pytest.fixture
def image(tmp_path):
    def make(name, size=(1920, 1080)):
        path = tmp_path / name
        cv2.imwrite(str(path), np.random.default_rng(len(name)).integers(0, 255, (*size[::-1], 3), np.uint8))
        return path

    return make


@pytest.mark.parametrize(
    ("size", "expected"), [((1920, 1080), (400, 225)), ((300, 900), (100, 300)), ((64, 48), (64, 48))]
)
def test_a_thumbnail_is_small_and_in_shape(image, size, expected):
    made = cv2.imdecode(np.frombuffer(thumbnail(image("a.png", size)), np.uint8), cv2.IMREAD_COLOR)
    assert made.shape[1::-1] == expected
    assert made.shape[0] <= HEIGHT_PX
    assert made.shape[1] <= WIDTH_PX


def test_thumbnails_are_kept_within_a_bound(image):
    paths = [image(f"{name}.png", (400, 300)) for name in ("a", "bb", "ccc")]
    one = len(thumbnail(paths[0]))
    kept = Thumbnails(max_bytes=int(2.5 * one))
    first = kept.of(paths[0])
    for path in paths:
        path.unlink() if path is paths[0] else kept.of(path)
    assert kept.of(paths[1])
    assert 0 < kept.kept_bytes <= 2.5 * one
    assert first
    with pytest.raises(SourceError):
        kept.of(paths[0])  # the oldest went


def test_a_kept_thumbnail_is_not_made_again_and_goes_with_its_frame(image):
    path = image("a.png")
    kept = Thumbnails()
    made = kept.of(path)
    assert kept.of(path) is made
    path.unlink()
    with pytest.raises(SourceError, match=r"a\.png"):
        kept.of(path)
    assert kept.kept_bytes == 0


def jpeg(rgb, suffix=".jpg"):
    return cv2.imencode(suffix, rgb[..., ::-1])[1].tobytes()


def test_an_upload_is_a_sample_with_the_faces_proposed(tmp_path, bare):
    uploads = Uploads(Queue(tmp_path), lambda _: FACES[:1])
    stored = uploads.store("C:\\사진\\정문 1.jpg", jpeg(bare))
    again = uploads.store("정문 1.jpg", jpeg(bare, ".png"))
    first, second = Queue(tmp_path).samples()
    assert (first.id, second.id) == (stored.sample_id, again.sample_id)
    assert (stored.faces, stored.proposed) == (1, True)
    assert first.report.camera == "uploads"
    assert first.report.source == "정문 1.jpg"
    assert first.report.faces == FACES[:1]
    assert first.reasons == ("upload",)
    assert first.labels is None
    assert Queue(tmp_path).find(first.id)[1].shape == bare.shape


def test_an_upload_without_models_is_kept_without_faces(tmp_path, bare):
    def fail(_):
        raise ModelError("weights.safetensors: is missing")

    stored = Uploads(Queue(tmp_path), fail).store("a.jpg", jpeg(bare))
    assert not stored.proposed
    assert Queue(tmp_path).sample(stored.sample_id).report.faces == ()


def png_of(width, height):
    """A PNG that says it is this large; nobody decodes it."""
    import struct

    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(9)


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        (b"", Refusal.NO_PICTURE, "is no JPEG or PNG"),
        (b"GIF89a" + bytes(100), Refusal.NO_PICTURE, "is no JPEG or PNG"),
        (b"\xff\xd8\xff", Refusal.NO_PICTURE, "not a picture that can be read"),
        (png_of(640, 480), Refusal.NO_PICTURE, "not a picture that can be read"),
        (png_of(40_000, 40_000), Refusal.TOO_MANY_PIXELS, "more than 50 million pixels"),
        (bytes(MAX_BYTES + 1), Refusal.TOO_LARGE, "larger than 25 MB"),
    ],
    ids=["empty", "gif", "cut", "broken", "bomb", "large"],
)
def test_an_upload_that_is_no_fit_picture_is_refused(tmp_path, data, reason, said):
    with pytest.raises(UploadRefused, match=said) as refused:
        Uploads(Queue(tmp_path), lambda _: ()).store("a.png", data)
    assert refused.value.reason is reason
    assert Queue(tmp_path).samples() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "a token is needed"),
        (["--token", "short"], "at least 12 characters"),
        (["--by", " "], "must have a name"),
    ],
)
def test_the_command_refuses_what_is_not_safe(maskwatch, tmp_path, arguments, said):
    done = maskwatch("queue", "review", "--dir", tmp_path, "--port", "0", *arguments)
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_token_may_be_a_credential_of_systemd(maskwatch, tmp_path):
    credential = tmp_path / "credentials/MASKWATCH_REVIEW_TOKEN"
    credential.parent.mkdir()
    there = os.environ | {"CREDENTIALS_DIRECTORY": str(credential.parent)}

    def reviewed(token):
        credential.write_text(token)
        return maskwatch(
            "queue", "review", "--dir", tmp_path, "--host", "192.0.2.1", "--port", "0", env=there
        )

    assert "a token is needed" in reviewed("\n").stderr  # what the unit gives where there is none
    assert "at least 12 characters" in reviewed("short\n").stderr
    assert "Cannot assign requested address" in reviewed("correct horse battery\n").stderr


def test_a_port_that_is_taken_is_told(maskwatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = maskwatch("queue", "review", "--dir", tmp_path, "--port", port)
    assert done.returncode == 2
    assert done.stderr == f"maskwatch: --host 127.0.0.1 --port {port}: Address already in use\n"


# what may have been missed


MISS, OTHER_MISS = Face(Box(400, 300, 440, 350), 0.41), Face(Box(500, 300, 540, 350), 0.3)


@pytest.fixture
def perhaps():
    """The work on a picture of which two suggested boxes are no faces yet."""
    return Editing(FACES, None, SIZE, (MISS, OTHER_MISS))


def test_a_suggested_box_counts_as_no_face_until_somebody_takes_it(perhaps, editing):
    assert perhaps.result == editing.result
    assert perhaps.suggestions == {0: MISS, 1: OTHER_MISS}
    perhaps.take(1)
    assert perhaps.annotations[:-1] == editing.annotations
    assert (perhaps.annotations[-1].box, perhaps.annotations[-1].label) == (OTHER_MISS.box, None)
    assert selected_box(perhaps) == OTHER_MISS.box
    assert perhaps.suggestions == {0: MISS}
    assert perhaps.changed


def test_the_key_takes_one_suggested_box_after_the_other_and_undo_gives_it_back(perhaps):
    before = perhaps.annotations
    for _ in range(3):
        perhaps.take()
    assert [mark.box for mark in perhaps.annotations[len(before) :]] == [MISS.box, OTHER_MISS.box]
    assert perhaps.suggestions == {}
    perhaps.undo()
    assert perhaps.suggestions == {1: OTHER_MISS}
    perhaps.take(7)
    assert len(perhaps.annotations) == len(before) + 1
    assert action_of("f", shift=False) is Action.TAKE


def test_a_box_that_somebody_draws_over_a_suggestion_takes_its_place(perhaps):
    perhaps.draw(MISS.box.moved(3, 3))
    assert perhaps.suggestions == {1: OTHER_MISS}
    assert perhaps.annotations[-1].face is MISS


def test_misses_come_first_and_else_the_oldest(sample):
    reasons = [("classifier",), ("near_miss",), ("audit",), ("detector", "gap"), ("second_look",)]
    samples = [sample(number, reasons=each) for number, each in enumerate(reasons)]
    assert ids(filters.chosen(samples[::-1], Filter())) == [1, 3, 4, 0, 2]
    assert ids(filters.chosen(samples[::-1], Filter(order=Order.OLDEST))) == [0, 1, 2, 3, 4]
    assert filters.from_query({"order": "oldest"}).order is Order.OLDEST
    assert filters.from_query({}).order is Order.MISSES


def test_a_picture_says_in_a_sentence_why_it_is_there(sample):
    assert (
        cards.why(sample(reasons=("gap",)), ENGLISH)
        == "A face was seen just before and just after this image, but not in it."
    )
    made = sample(reasons=("near_miss", "audit"))
    told = cards.why(replace(made, report=replace(made.report, near_misses=(MISS,))), ENGLISH)
    assert "just below what counts as a face" in told
    assert "drawn at random" in told
    assert "dashed box does not count as a face" in told
    assert cards.why(sample(reasons=("upload",)), ENGLISH) == ""
    assert "무작위로" in cards.why(sample(reasons=("audit",)), KOREAN)


def test_a_picture_says_what_another_version_says_of_it(sample):
    made = sample(reasons=("shadow",), confidence=0.9)
    (known,) = made.report.faces
    other = replace(known, protected=0.2, label=Label.UNPROTECTED)
    more = replace(known, box=known.box.moved(300, 200))
    said = ShadowJudgement("v2", "shipped", Versions("d", "c"), (other, more))
    judged = replace(made, report=replace(made.report, shadow=said))
    told = cards.why(judged, ENGLISH)
    assert "judges this image differently" in told
    assert "Faces that only v2 found: 1." in told
    assert "v2 says unprotected 80% in place of protected 90%." in told
    lost = replace(made, report=replace(made.report, shadow=replace(said, faces=())))
    assert "Faces that v2 did not find: 1." in cards.why(lost, ENGLISH)
    assert "v2의 판정: 착용 90% 대신 미착용 80%." in cards.why(judged, KOREAN)
    assert "v2에서만 찾은 얼굴: 1개." in cards.why(judged, KOREAN)


def test_a_card_shows_suggested_boxes_until_somebody_has_looked(sample):
    made = sample(reasons=("near_miss",))
    made = replace(made, report=replace(made.report, near_misses=(MISS,)))
    assert cards.grid([made], {}, ENGLISH).count('class="mw-suggested"') == 1
    done = sample(reasons=("near_miss",), said=["protected"])
    done = replace(done, report=replace(done.report, near_misses=(MISS,)))
    assert 'class="mw-suggested"' not in cards.grid([done], {}, ENGLISH)


# a team


DOUBLED = next(n for n in range(1000) if Team(("kim", "lee")).is_doubled(f"20261122T120000.000Z-{n:06d}"))
SINGLE = next(n for n in range(1000) if not Team(("kim", "lee")).is_doubled(f"20261122T120000.000Z-{n:06d}"))
TEAM = Team(("kim", "lee"))


def test_who_gives_the_second_opinion_sees_the_picture_as_if_it_waited(sample):
    """On the cards, in the filters and in what is counted as done."""
    made = sample(DOUBLED, said=["worn_wrong"], by="kim")
    lee, kim = Viewer(TEAM, "lee"), Viewer(TEAM, "kim")
    (seen,) = filters.chosen([made], Filter(state=LabelState.WAITING), lee)
    html = cards.grid([seen], {}, ENGLISH)
    assert "waiting" in html
    assert "kim" not in html
    assert "worn" not in html
    assert filters.chosen([made], Filter(state=LabelState.WORN_WRONG), lee) == []
    assert filters.chosen([made], Filter(state=LabelState.SECOND), lee) == []
    assert filters.chosen([made], Filter(state=LabelState.WAITING), kim) == []
    assert filters.chosen([made], Filter(state=LabelState.SECOND), kim) == [made]
    assert filters.progress([made], Filter(), "lee", NOON.date(), lee).labelled == 0
    assert filters.progress([made], Filter(), "kim", NOON.date(), kim).labelled == 1


def test_ones_own_share_is_a_filter_that_an_address_holds(sample):
    samples = [sample(number) for number in range(60)]
    mine = [filters.chosen(samples, Filter(mine=True), Viewer(TEAM, name)) for name in TEAM.labellers]
    assert sorted(ids(mine[0]) + ids(mine[1])) == list(range(60))
    assert 15 < len(mine[0]) < 45
    assert filters.from_query(Filter(mine=True).to_query()) == Filter(mine=True)
    assert len(filters.chosen(samples, Filter(mine=True), Viewer(Team(), "kim"))) == 60


def test_an_unsaved_picture_is_marked_and_drafts_are_each_persons_own(sample):
    made, drafts = sample(SINGLE), Drafts()
    editing = Editing(FACES, None, SIZE)
    drafts.keep("kim", Draft(made, editing))
    assert drafts.of("kim", made.id) == Draft(made, editing)
    assert drafts.of("lee", made.id) is None
    assert "not saved yet" in cards.grid([made], {}, ENGLISH, drafts.samples("kim"))
    assert "not saved yet" not in cards.grid([made], {}, ENGLISH, drafts.samples("lee"))
    for number in range(MAX_DRAFTS):
        drafts.keep("lee", Draft(sample(number), editing))
    assert drafts.of("kim", made.id) is None
    drafts.drop("lee", sample(1).id)
    drafts.drop("lee", "none such")
    assert len(drafts.samples("lee")) == MAX_DRAFTS - 1


@pytest.mark.parametrize("file", ["review", "team"])
def test_every_sentence_is_there_in_both_languages_with_the_same_gaps(file):
    texts = {key: each for key, each in catalogue().items() if key.startswith(f"{file}.")}
    assert len(texts) > 30
    gaps = re.compile(r"{(\w+)")
    for key, each in texts.items():
        assert set(each) == {"en", "ko"}, key
        assert all(isinstance(text, str) and text.strip() for text in each.values()), key
        assert set(gaps.findall(each["en"])) == set(gaps.findall(each["ko"])), key
        assert re.search("[가-힣]", each["ko"]) or key in {
            "review.their_labels",
            "team.says",
            "team.pair",
            "team.returned_by",
            "team.interval",
            "review.by",
            "review.counted",
            "review.labelled_by",
            "review.judged",
        }, key


def test_every_sentence_that_the_pages_ask_for_is_in_the_catalogue():
    """Keys that are put together are those of reasons, states, orders, labels, keys and refusals."""
    asked = set()
    for path in Path(cards.__file__).parents[1].glob("*/*.py"):
        asked |= set(re.findall(r't\("((?:review|team)\.\w+)"', path.read_text(encoding="utf-8")))
    asked |= {f"review.why_{reason}" for reason in REASONS}
    asked |= {f"review.state_{state}" for state in LabelState} | {f"review.order_{order}" for order in Order}
    asked |= {f"review.{label}" for label, _ in CHOICES} | {f"review.{text}" for _, text in HELP}
    asked |= {f"review.upload_{reason}" for reason in (*Refusal, *REJECTIONS.values(), "no_room", "failed")}
    asked |= {f"review.{word}" for word in WORDS}
    assert len(asked) > 120
    assert asked - catalogue().keys() == set()


def test_the_queues_own_guidelines_come_before_those_of_the_program(tmp_path):
    assert "protected" in guidelines(tmp_path, "en")
    assert "착용" in guidelines(tmp_path, "ko")
    (tmp_path / "guidelines.md").write_text("# At our door", encoding="utf-8")
    assert guidelines(tmp_path, "ko") == "# At our door"
    (tmp_path / "guidelines.ko.md").write_text("# 우리 문에서는", encoding="utf-8")
    assert (guidelines(tmp_path, "ko"), guidelines(tmp_path, "en")) == ("# 우리 문에서는", "# At our door")
    (tmp_path / "guidelines.md").write_bytes(b"\xff")
    assert "protected" in guidelines(tmp_path, "en")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_example_of_the_guidelines_is_drawn(tmp_path, language):
    named = re.findall(r"/team/examples/(\w+)\.svg", guidelines(tmp_path, language))
    assert set(named) == set(EXAMPLES)
    for name in named:
        assert defusedxml.ElementTree.fromstring(svg(name)).tag.endswith("svg")
