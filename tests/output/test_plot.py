"""A replay over time, and what of it is kept."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib import font_manager

from maskwatch.core.records import Alert, Box, Decision, Direction, Label, Passage, Person
from maskwatch.output import plot as drawn
from maskwatch.output import timeline as timelines
from maskwatch.output.plot import plot
from maskwatch.output.recent import Recent
from maskwatch.output.style import COLOURS
from maskwatch.output.timeline import Stretch, Timeline
from maskwatch.output.trace import Trace
from maskwatch.platform.fonts import KOREAN

BOUNDS = {"alert under": 0.75}
P, U, N = Label.PROTECTED, Label.UNPROTECTED, Label.UNKNOWN


@pytest.fixture
def timeline(report):
    """Of labels by person and frame, ten frames a second; None: not in view, a tuple: hidden."""

    def make(*lanes):
        made = Timeline(0.75)
        for place, labels in enumerate(zip(*lanes, strict=True)):
            people = []
            for number, label in enumerate(labels, 1):
                if label is not None:
                    seen = not isinstance(label, tuple)
                    box = Box(100 * number, 10, 100 * number + 50, 70)
                    people.append(
                        Person(number, box, label if seen else label[0], 0.5, face=0 if seen else None)
                    )
            made.add(replace(report(place / 10), persons=tuple(people)))
        made.finish()
        return made

    return make


def test_a_trace_gives_back_what_it_was_given(report):
    people = (
        Person(3, Box(1.5, 2.5, 30.25, 40.75), U, 0.125, face=1),
        Person(7, Box(50, 60, 80, 90), N, None, face=None),
    )
    trace = Trace()
    trace.add(replace(report(0.0, 0.9), persons=None))
    trace.add(replace(report(0.1, 0.9, 0.1), persons=people))
    assert trace.persons(0) == ()
    assert [(p.track, p.box, p.label, p.protected, p.face) for p in trace.persons(1)] == [
        (3, people[0].box, U, 0.125, 0),
        (7, people[1].box, N, None, None),
    ]
    assert list(trace.ratio) == [1.0, 0.0]
    assert list(trace.raw_ratio) == [1.0, 0.5]
    assert [trace.people(place) for place in (0, 1)] == [1, 1]
    assert trace.boxes(1) == (Box(0, 50, 60, 120), Box(100, 50, 160, 120), people[0].box, people[1].box)
    assert trace.verdicts() == {3: U, 7: N}


def test_lanes_have_a_stretch_a_verdict_and_gaps_where_somebody_was_hidden(timeline):
    lanes = timeline([U, U, P, (P,), (P,), P], [None, N, N, None, None, None]).lanes()
    assert {
        track: [(round(s.start, 3), round(s.end, 3), s.label) for s in lane] for track, lane in lanes.items()
    } == {
        1: [(0.0, 0.2, U), (0.2, 0.3, P), (0.5, 0.6, P)],
        2: [(0.1, 0.3, N)],
    }


def test_a_long_pause_in_the_footage_is_nobodys_verdict(report):
    timeline = Timeline(0.75)
    for at in (0.0, 0.1, 600.0):
        timeline.add(replace(report(at), persons=(Person(1, Box(0, 0, 9, 9), P, 0.9, face=0),)))
    timeline.finish()
    assert timeline.lanes()[1] == [Stretch(0.0, 5.1, P), Stretch(600.0, 605.0, P)]


def image(path):
    return cv2.imread(str(path))[..., ::-1]


def share(rgb, label):
    """Of the picture in the colour of a verdict."""
    return (np.abs(rgb.astype(int) - COLOURS[label]) < 6).all(axis=2).mean()


def test_plot_has_the_ratio_an_alert_from_begin_to_end_and_a_row_a_person(tmp_path, timeline):
    seen = timeline([U] * 20 + [P] * 20, [U] * 30 + [P] * 10)
    alert = Alert("door", 1.0, 0.0, 2, 2, "x", ended_at=3.0)
    plot(tmp_path / "with.png", "clip", seen, [alert], BOUNDS)
    plot(tmp_path / "open.png", "clip", seen, [replace(alert, ended_at=None)], BOUNDS)
    plot(tmp_path / "without.png", "clip", seen, [], BOUNDS)
    whole, still_on, none = (image(tmp_path / f"{name}.png") for name in ("with", "open", "without"))
    assert whole.shape == (840, 1320, 3)

    def pink(rgb):
        return ((rgb[..., 0] > 230) & (rgb[..., 1] < 235) & (rgb[..., 1] > 200)).mean()

    assert pink(none) < 0.001
    assert 1.3 < pink(still_on) / pink(whole) < 1.7  # 2.9 s in the place of 2
    assert share(whole, P) > 0.05
    assert share(whole, U) > 0.05


def test_more_people_than_rows_are_only_counted(tmp_path, timeline, monkeypatch):
    lanes = [[None] * n + [U] * 5 + [None] * (60 - n) for n in range(50)]
    asked = []
    monkeypatch.setattr(drawn, "_draw_lanes", lambda axes, lanes: asked.append(len(lanes)))
    plot(tmp_path / "few.png", "clip", timeline(*lanes[:40]), [], BOUNDS)
    assert asked == [40]
    plot(tmp_path / "many.png", "clip", timeline(*lanes), [], BOUNDS)
    assert asked == [40]
    plot(tmp_path / "counts.png", "clip", timeline(*lanes[:40]), [], BOUNDS, rows=False)
    assert asked == [40]
    assert share(image(tmp_path / "many.png"), U) > 0.05


def test_of_long_footage_the_worst_frames_stand_for_the_others(report, monkeypatch):
    """And what is counted is exact, who is in view for the whole time is one person, and who was gone is counted once."""
    monkeypatch.setattr(timelines, "MAX_COLUMNS", 2000)
    timeline = Timeline(0.75)
    frames = 6000
    somebody = Person(1, Box(0, 0, 9, 9), P, 0.9, face=0)
    for n in range(frames):
        label = U if n in {377, 5001} else P
        people = [somebody] if n % 3 else []
        people += [Person(2 + n // 1000, Box(0, 0, 9, 9), label, 0.5, face=0)] if n % 1000 in {1, 377} else []
        timeline.add(replace(report(n / 10), persons=tuple(people)))
    timeline.finish()
    assert len(timeline) == frames // 4
    assert (timeline.frames, timeline.assessed, timeline.most) == (frames, frames - frames // 3 + 4, 2)
    assert timeline.under == 2
    assert [at for at, ratio in zip(timeline.at, timeline.ratio, strict=True) if ratio < 0.75] == [
        37.6,
        500.0,
    ]
    assert timeline.verdicts() == {P: 6, U: 1}
    assert set(timeline.lanes()) == set(range(1, 8))
    assert set(timeline._known) == {1, 7}  # of those who are gone, only how many they were


@pytest.mark.parametrize("people", [(), None])
def test_footage_without_anybody_is_plotted(tmp_path, report, people):
    timeline = Timeline(0.75)
    timeline.add(replace(report(0.0), persons=people))
    timeline.finish()
    plot(tmp_path / "out.png", "clip", timeline, [], BOUNDS)
    assert image(tmp_path / "out.png").shape == (840, 1320, 3)


def test_an_alert_a_passage_and_a_trail_are_shown_for_a_while(report, frame):
    recent = Recent()
    alert = Alert("door", 1.0, 0.0, 1, 1, "x")
    passage = Passage("door", 1.0, 1, P, Direction.LEAVING, "door")

    def see(at, **what):
        person = Person(1, Box(at, 0, at + 2, 2), P, 0.9, face=0)
        recent.add(Decision(frame(at), replace(report(at), persons=(person,)), **what))
        return recent.alert, len(recent.passages), [x for x, _ in recent.trails[1]]

    assert see(0.0) == (None, 0, [1.0])
    assert see(1.0, alerts=(alert,), passages=(passage,)) == (alert, 1, [1.0, 2.0])
    assert see(1.9) == (alert, 1, [2.0, 2.9])
    assert see(2.5) == (alert, 0, [2.9, 3.5])
    assert see(3.0) == (None, 0, [2.9 + 0.0, 3.5, 4.0][1:])


def test_an_alert_that_is_over_is_shown_no_more_however_lately_it_was_spoken(report, frame):
    """Else the banner would ask for masks beside a ratio of 100 %."""
    recent = Recent()
    alert = Alert("door", 1.0, 0.0, 2, 2, "Please wear your mask.")
    recent.add(Decision(frame(1.0), report(1.0, 0.1, 0.1), alerts=(alert,)))
    recent.end(replace(alert, at=0.5, ended_at=1.1))
    assert recent.alert == alert
    recent.end(replace(alert, ended_at=1.2))
    recent.add(Decision(frame(1.2), report(1.2, 0.9, 0.9)))
    assert recent.alert is None


def test_korean_names_are_written_with_a_font_that_has_them(tmp_path, report):
    """Matplotlib warns of a letter that it draws as an empty box, which fails the test."""
    if not any(Path(path).stem in KOREAN for path in font_manager.findSystemFonts()):
        pytest.skip("no Korean font is installed (the README's test command installs fonts-nanum)")
    timeline = Timeline(0.75)
    timeline.add(replace(report(0.0), persons=()))
    timeline.finish()
    plot(tmp_path / "korean.png", "정문 3층.mp4", timeline, [], BOUNDS)
    plot(tmp_path / "latin.png", "door.mp4", timeline, [], BOUNDS)
    title = [image(tmp_path / f"{name}.png")[:40] for name in ("korean", "latin")]
    assert (title[0] != title[1]).any()
