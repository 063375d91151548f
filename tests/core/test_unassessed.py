"""People whose face is never seen: what moves like one is counted once, and a curtain is nobody."""

import pytest

from maskwatch.core.people import Line, Passages, Side
from maskwatch.core.ports import Track
from maskwatch.core.records import Box, Coverage, Direction, Face, FrameReport, Label, Passage

SIZE = (800, 400)
MIN_FACE_PX = 20  # so 60 x 120 px is a person
LEAVING, ENTERING, GONE = Direction.LEAVING, Direction.ENTERING, Direction.GONE


def body(x, y=250, width=70, height=160):
    """What moves of somebody about that point, as far as it is in the picture."""
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2).within(*SIZE)


def passed(moves, *, fps=5.0, faces=None, calm_s=15.0, **options):
    """The passages when in each frame these boxes move, and then nothing; `faces` are in some frames, of one track."""
    passages = Passages(min_face_px=MIN_FACE_PX, **options)
    told = []
    for frame in range(len(moves) + round(calm_s * fps)):
        at = frame / fps
        moved = moves[frame] if frame < len(moves) else ()
        box = (faces or {}).get(frame)
        seen = () if box is None else (Face(box, 0.9 + frame / 1e5),)
        tracks = [] if box is None else [Track(1, box, min(faces) / fps, at, 0)]
        report = FrameReport("door", "clip", frame, at, SIZE, seen, Coverage.PART, moved=tuple(moved))
        told += passages.update(report, tracks, {})[1]
    return told


def walk(start, end, frames, **shape):
    return [[body(start + (end - start) * i / (frames - 1), **shape)] for i in range(frames)]


STILL = [[]] * 30  # six seconds
STIRS = [[Box(390, 200, 420, 240)], []] * 30  # an elbow now and then, for twelve seconds


@pytest.mark.parametrize("fps", [3, 5, 25])
def test_who_walks_through_is_one_passage_that_nobody_could_judge(fps):
    told = passed(walk(-20, 820, round(6 * fps)), fps=fps)
    assert [(p.track, p.label, p.direction, p.line) for p in told] == [(None, Label.UNKNOWN, GONE, None)]
    assert told[0].at == pytest.approx(6, abs=0.7)


@pytest.mark.parametrize(
    ("moves", "count"),
    [
        (walk(-20, 400, 20) + STILL + walk(400, 820, 20), 1),  # stands still for a while
        (walk(-20, 400, 20) + STIRS + walk(400, 820, 20), 1),
        (walk(-20, 820, 20) + STILL + walk(-20, 820, 20), 2),  # one after the other
        (walk(-20, 820, 20) + STILL + walk(820, -20, 20), 2),
        ([[*a, *b] for a, b in zip(walk(-20, 380, 20), walk(820, 420, 20), strict=True)], 2),  # two who meet
        ([[body(400 + (i % 2) * 15)] for i in range(60)], 0),  # a curtain
        ([[Box(300, 100, 500, 300)]] * 60, 0),  # a screen
        ([[Box(300, 100, 300 + 5 * i, 300)] for i in range(13, 60)], 0),  # a door that opens
        (walk(-20, 820, 20, width=30, height=60), 0),  # a dog
        ([[Box(0, 0, 800, 400)]] * 20, 0),  # the light
        (walk(300, 500, 4), 0),  # for less than a second
        ([[]] * 60, 0),
    ],
    ids=str,
)
def test_so_many_people_moved(moves, count):
    assert len(passed(moves)) == count


def test_whose_face_was_seen_is_counted_by_her_track_alone():
    moves = walk(-20, 820, 30)
    faces = {
        frame: Box(moves[frame][0].x1 + 20, 175, moves[frame][0].x1 + 50, 205) for frame in range(10, 16)
    }
    told = passed(moves, faces=faces)
    assert [(p.track, p.direction) for p in told] == [(1, GONE)]
    told = passed(moves, faces={10: faces[10]})  # a flicker is no face
    assert [(p.track, p.direction) for p in told] == [(None, GONE)]


def test_a_face_elsewhere_takes_nobody_away():
    faces = dict.fromkeys(range(5, 25), Box(380, 0, 410, 30))
    told = passed(walk(-20, 820, 30, y=310), faces=faces)
    assert sorted((p.track is None, p.direction) for p in told) == [(False, GONE), (True, GONE)]


def test_a_line_tells_which_way_they_went():
    lines = {"door": Line((0.5, 0.0), (0.5, 1.0), Side.RIGHT)}
    assert [(p.line, p.direction) for p in passed(walk(820, -20, 30), lines=lines)] == [("door", LEAVING)]
    assert [(p.line, p.direction) for p in passed(walk(-20, 820, 30), lines=lines)] == [("door", ENTERING)]
    assert [(p.line, p.direction) for p in passed(walk(-20, 380, 30), lines=lines)] == [(None, GONE)]


def test_with_zones_only_who_was_in_one_is_counted():
    low = {"floor": ((0.0, 0.8), (1.0, 0.8), (1.0, 1.0), (0.0, 1.0))}
    high = {"hall": ((0.4, 0.0), (0.6, 0.0), (0.6, 1.0), (0.4, 1.0))}
    assert passed(walk(-20, 820, 30), zones=low) == []
    (told,) = passed(walk(-20, 820, 30), zones=high)
    assert told.zones == ("hall",)


def test_without_a_size_movement_is_not_gone_by():
    passages = Passages()
    for frame, moved in enumerate(walk(-20, 820, 30) + [[]] * 60):
        report = FrameReport("door", "clip", frame, frame / 5, SIZE, (), moved=tuple(moved))
        assert passages.update(report, [], {})[1] == ()


def test_a_clock_that_is_set_back_ends_what_moved_and_stops_nothing():
    passages = Passages(min_face_px=MIN_FACE_PX)
    told: list[Passage] = []
    for start in (1000.0, 5.0):
        for frame, moved in enumerate(walk(-20, 820, 30) + [[]] * 20):
            report = FrameReport("door", "clip", frame, start + frame / 5, SIZE, (), moved=tuple(moved))
            told += passages.update(report, [], {})[1]
    assert len(told) == 2


@pytest.mark.timeout(1200)
def test_six_people_who_come_one_after_the_other_and_show_their_backs_are_six(shared):
    """Reference footage: six people walk in, stand with their backs to the camera, and walk out again.

    As the last one leaves, his bare face is seen from the side for half a second.
    """
    import maskwatch
    from maskwatch.core.people import People
    from maskwatch.tracking import FaceTracker

    analyzer = maskwatch.Analyzer(maskwatch.load_detector(), maskwatch.load_classifier())
    people = People(FaceTracker(), protected_at=0.5, passages=Passages(min_face_px=MIN_FACE_PX))
    told: list[Passage] = []
    frame = None

    def frames():
        nonlocal frame
        for each in maskwatch.open_source(shared / "footage/one_after_another.mp4", fps=5):
            frame = each
            yield each

    for report in analyzer.analyze(frames()):
        told += people.update(frame, report)[1]
    assert [passage.label for passage in told] == [*[Label.UNKNOWN] * 5, Label.UNPROTECTED]
