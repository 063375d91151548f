"""Shares of a queue, second opinions that are blind, what a reviewer decides, how far people agree."""

import json
import os
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.core.errors import LabelConflict, QueueError
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.learning.archive import Archive
from maskwatch.learning.loop import waiting
from maskwatch.samples import index
from maskwatch.samples.agreement import LABELS, agreement, comparisons, kappa
from maskwatch.samples.annotations import Annotation, Revision, as_annotations
from maskwatch.samples.opinions import Opinion, agree, matched
from maskwatch.samples.sample import Sample, read_sample
from maskwatch.samples.store import Queue
from maskwatch.samples.team import NAME, Status, Team, read_team, write_team
from maskwatch.samples.teamwork import accept, save, send_back, withdraw
from maskwatch.samples.work_done import work_done

PROTECTED, UNPROTECTED = AnnotationLabel.PROTECTED, AnnotationLabel.UNPROTECTED
WORN_WRONG, UNKNOWN = AnnotationLabel.WORN_WRONG, AnnotationLabel.UNKNOWN
TEAM = Team(("kim", "lee", "박"))
IDS = [f"20261126T{hour:02d}{minute:02d}00.000Z-{minute:06d}" for hour in range(24) for minute in range(60)]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def mark(label, x=10.0):
    return Annotation(Box(x, 10, x + 20, 40), label)


@pytest.fixture
def queue(tmp_path):
    return Queue(tmp_path / "queue")


@pytest.fixture
def add(queue, frame):
    """Add samples until one is drawn for a second opinion in `TEAM`, or until one is not."""

    def make(doubled=False):
        faces = (Face(Box(10, 10, 30, 40), 0.9, 0.97, Label.PROTECTED),)
        while True:
            report = FrameReport("door", "clip.mp4", 1, 0.0, (64, 48), faces)
            sample_id = queue.add(frame(0.0, "door", np.full((48, 64, 3), 90, np.uint8)), report, ("gap",))
            if TEAM.is_doubled(sample_id) is doubled:
                return sample_id

    return make


def test_everybody_has_an_even_share():
    counts = Counter(TEAM.owner(each) for each in IDS)
    assert set(counts) == set(TEAM.labellers)
    assert min(counts.values()) > 0.28 * len(IDS)


def test_who_joins_takes_his_share_and_nothing_else_moves():
    more = TEAM.with_labeller("choi")
    moved = [(TEAM.owner(each), more.owner(each)) for each in IDS if TEAM.owner(each) != more.owner(each)]
    assert {after for _, after in moved} == {"choi"}
    assert 0.2 * len(IDS) < len(moved) < 0.3 * len(IDS)
    assert {before for before, _ in moved} == set(TEAM.labellers)
    assert all(more.without_labeller("choi").owner(each) == TEAM.owner(each) for each in IDS)


@given(st.sets(st.text(st.characters(categories=["L"]), min_size=1, max_size=8), min_size=2, max_size=6))
def test_the_same_tenth_is_seen_by_two_whoever_is_in_the_team(names):
    team = Team(tuple(sorted(names)))
    drawn = [each for each in IDS if team.is_doubled(each)]
    assert drawn == [each for each in IDS if TEAM.is_doubled(each)]
    assert 0.07 * len(IDS) < len(drawn) < 0.13 * len(IDS)
    assert not any(Team(("kim",)).is_doubled(each) for each in IDS)


def test_a_team_is_kept_in_the_queues_folder(tmp_path):
    assert read_team(tmp_path) == Team()
    write_team(tmp_path, TEAM)
    assert read_team(tmp_path) == TEAM
    (tmp_path / NAME).write_text('{"labellers": [5]}')
    with pytest.raises(QueueError, match=r"\.team\.json"):
        read_team(tmp_path)
    with pytest.raises(QueueError, match="name"):
        TEAM.with_labeller("  ")


def the_two(queue, sample_id):
    """Who labels a doubled sample first, and who second."""
    first = TEAM.owner(sample_id)
    save(queue, TEAM, sample_id, [mark(PROTECTED)], first, based_on=0)
    return first, TEAM.second(queue.sample(sample_id))


def test_the_second_does_not_see_what_the_first_said_and_her_opinion_changes_no_label(queue, add):
    sample_id = add(doubled=True)
    first, second = the_two(queue, sample_id)
    third = next(name for name in TEAM.labellers if name not in {first, second})
    assert second is not None
    sample = queue.sample(sample_id)
    assert TEAM.status(sample) is Status.SECOND
    assert not TEAM.may_learn(sample)
    assert TEAM.in_share(sample, second)
    assert not TEAM.in_share(sample, third)
    assert TEAM.seen_by(sample, second).labels is None
    assert TEAM.seen_by(sample, first).labels == TEAM.seen_by(sample, third).labels == sample.labels
    assert not TEAM.may_review(sample, second, is_admin=True)
    # based on the revision before the first's: she opened it when nobody had labelled it
    save(queue, TEAM, sample_id, [mark(WORN_WRONG)], second, based_on=0)
    sample = queue.sample(sample_id)
    assert (sample.labels.by, sample.labels.faces, sample.revision) == (first, (mark(PROTECTED),), 1)
    assert TEAM.status(sample) is Status.DISAGREED
    assert not TEAM.may_learn(sample)
    assert TEAM.seen_by(sample, second).labels.faces == (mark(WORN_WRONG),)
    assert TEAM.seen_by(sample, second).opinions == ()
    assert TEAM.may_review(sample, third, is_admin=False)
    assert not any(TEAM.may_review(sample, name, is_admin=False) for name in (first, second, "somebody"))
    # she mends her own, takes it back, and gives it anew
    save(queue, TEAM, sample_id, [mark(UNKNOWN)], second, based_on=1)
    assert [each.faces for each in queue.sample(sample_id).opinions] == [(mark(UNKNOWN),)]
    withdraw(queue, sample_id, second)
    assert TEAM.status(queue.sample(sample_id)) is Status.SECOND
    with pytest.raises(QueueError, match="nothing to undo"):
        withdraw(queue, sample_id, second)
    save(queue, TEAM, sample_id, [mark(PROTECTED, 11)], second, based_on=1)
    assert TEAM.status(queue.sample(sample_id)) is Status.LABELLED
    assert TEAM.may_learn(queue.sample(sample_id))


def test_a_reviewer_settles_a_disagreement_and_all_may_see_it_then(queue, add):
    sample_id = add(doubled=True)
    first, second = the_two(queue, sample_id)
    save(queue, TEAM, sample_id, [mark(WORN_WRONG), mark(UNPROTECTED, 40)], second, based_on=1)
    theirs = queue.sample(sample_id).opinions[0].faces
    accept(queue, sample_id, "admin", based_on=1, faces=theirs)
    sample = queue.sample(sample_id)
    assert TEAM.status(sample) is Status.ACCEPTED
    assert TEAM.may_learn(sample)
    assert (sample.labels.faces, sample.labels.by, sample.revision) == (theirs, "admin", 2)
    assert TEAM.seen_by(sample, second) == sample
    # what the two said when neither knew of the other is measured, not what the reviewer made of it
    (compared,) = comparisons([sample])
    assert (compared.first, compared.second, compared.alone) == (first, second, 1)
    assert compared.counts[LABELS.index(PROTECTED), LABELS.index(WORN_WRONG)] == compared.counts.sum() == 1


def test_what_is_returned_waits_for_who_labelled_it_and_is_not_learned_from(queue, add):
    sample_id = add()
    save(queue, TEAM, sample_id, [mark(PROTECTED)], "kim", based_on=0)
    assert TEAM.may_learn(queue.sample(sample_id))
    with pytest.raises(QueueError, match="what to mend"):
        send_back(queue, sample_id, "admin", "  ", based_on=1)
    with pytest.raises(LabelConflict):
        send_back(queue, sample_id, "admin", "마스크가 코 아래에 있습니다.", based_on=0)
    send_back(queue, sample_id, "admin", "마스크가 코 아래에 있습니다.", based_on=1)
    sample = queue.sample(sample_id)
    assert TEAM.status(sample) is Status.RETURNED
    assert not TEAM.may_learn(sample)
    assert TEAM.in_share(sample, "kim")
    assert not TEAM.in_share(sample, "lee")
    save(queue, TEAM, sample_id, [mark(WORN_WRONG)], "kim", based_on=1)
    sample = queue.sample(sample_id)
    assert TEAM.status(sample) is Status.LABELLED
    assert sample.verdict.comment == "마스크가 코 아래에 있습니다."  # what was said stays in the record
    accept(queue, sample_id, "admin", based_on=2)
    assert TEAM.status(queue.sample(sample_id)) is Status.ACCEPTED
    assert queue.sample(sample_id).revision == 2


def test_labels_that_nobody_gave_are_neither_accepted_nor_returned(queue, add):
    sample_id = add()
    with pytest.raises(QueueError, match="nobody has labelled"):
        accept(queue, sample_id, "admin", based_on=0)
    with pytest.raises(QueueError, match="nobody has labelled"):
        send_back(queue, sample_id, "admin", "why", based_on=0)
    assert queue.sample(sample_id).verdict is None


def test_a_record_with_opinions_reads_as_before_for_who_does_not_know_them(queue, add):
    sample_id = add(doubled=True)
    _, second = the_two(queue, sample_id)
    save(queue, TEAM, sample_id, [mark(WORN_WRONG)], second, based_on=1)
    send_back(queue, sample_id, "admin", "look again", based_on=1)
    path = queue.image(sample_id).with_suffix(".json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["labels"]["faces"] == [{"box": [10.0, 10.0, 30.0, 40.0], "label": "protected"}]
    assert [each["revision"] for each in record["history"]] == [1]
    assert record["opinions"][0]["by"] == second
    assert record["verdict"] | {"at": ""} == {
        "accepted": False,
        "by": "admin",
        "at": "",
        "revision": 1,
        "comment": "look again",
    }
    again = read_sample(path)
    assert (again.opinions, again.verdict) == (
        queue.sample(sample_id).opinions,
        queue.sample(sample_id).verdict,
    )
    queue.label(sample_id, (), "kim", based_on=None)  # another change keeps them
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert (kept["opinions"], kept["verdict"]) == (record["opinions"], record["verdict"])
    for key in ("opinions", "verdict"):
        del record[key]
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read_sample(path).labels == again.labels


def test_without_a_team_everybody_labels_what_he_likes(queue, add):
    sample_id, nobody = add(), Team()
    assert nobody.owner(sample_id) is None
    assert nobody.in_share(queue.sample(sample_id), "anybody")
    save(queue, nobody, sample_id, [mark(PROTECTED)], "anybody", based_on=0)
    assert nobody.status(queue.sample(sample_id)) is Status.LABELLED
    with pytest.raises(LabelConflict):
        save(queue, nobody, sample_id, [mark(UNKNOWN)], "lee", based_on=0)


def test_boxes_are_of_one_face_where_they_overlap_by_half_each_once():
    mine = [mark(PROTECTED, 0), mark(PROTECTED, 5)]
    theirs = [mark(PROTECTED, 4), mark(PROTECTED, 200)]
    assert matched(mine, theirs) == [(1, 0)]
    assert matched(mine[:1], [mark(PROTECTED, 8)]) == []  # IoU 0.43
    assert agree(mine, [mark(PROTECTED, 5), mark(PROTECTED, 0)])
    assert not agree(mine, theirs)
    assert not agree(mine[:1], [mark(UNPROTECTED, 0)])
    assert agree([], [])


def pair(first, second, said, others, number=0):
    """A sample with what two said of it."""
    report = FrameReport("door", "clip.mp4", 1, 0.0, (640, 48), ())
    history = (Revision(tuple(said), first, NOW, 1),)
    opinions = (Opinion(tuple(others), second, NOW, 1),)
    return Sample(f"20261126T120000.000Z-{number:06d}", report, ("gap",), NOW, {}, history, opinions)


def test_kappa_is_that_of_the_book():
    """Cohen 1960, table 1 in the form of the textbook case: 20, 5, 10, 15 of 50."""
    assert kappa(np.array([[20.0, 5.0], [10.0, 15.0]])) == pytest.approx(0.4)
    assert np.isnan(kappa(np.array([[7.0, 0.0], [0.0, 0.0]])))


def test_agreement_is_told_by_label_by_pair_and_by_person_with_intervals():
    row = [0.0, 40.0, 80.0, 120.0]
    same = [
        mark(label, x) for label, x in zip((PROTECTED, UNPROTECTED, WORN_WRONG, PROTECTED), row, strict=True)
    ]
    other = [*same[:2], mark(UNPROTECTED, 80)]  # one label differs, one box is missing
    samples = [pair("kim", "lee", same, same, number) for number in range(10)]
    samples += [pair("lee", "박", same, other, 10 + number) for number in range(10)]
    told = agreement(comparisons(samples))
    assert (told.total.pictures, told.total.faces) == (20, 70)
    assert told.total.found_by_both == pytest.approx(70 / 80)
    assert told.pairs["kim", "lee"].kappa == 1.0
    low, high = told.total.kappa_interval
    assert low < told.total.kappa < high < 1.0
    assert told.pairs["lee", "박"].kappa < told.total.kappa
    assert told.labels[PROTECTED].kappa == 1.0
    assert told.labels[WORN_WRONG].kappa < told.labels[UNPROTECTED].kappa + 0.3
    assert told.labels[UNKNOWN].kappa is None
    assert set(told.people) == {"kim", "lee", "박"}
    assert told.people["lee"].pictures == 20
    assert json.loads(json.dumps(told.to_json()))["pairs"][0]["people"] == ["kim", "lee"]
    assert agreement([]).total.kappa is None


def done(by, at, label=PROTECTED, number=0):
    report = FrameReport("door", "clip.mp4", 1, 0.0, (640, 48), ())
    history = (Revision((mark(label),), by, at, 1),)
    return Sample(f"20261126T000000.000Z-{number:06d}", report, ("gap",), at, {}, history)


def test_work_is_counted_by_day_week_and_label_and_a_break_is_no_work():
    noon = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    samples = [done("kim", noon + timedelta(seconds=4 * n), number=n) for n in range(6)]
    samples += [done("kim", noon + timedelta(hours=1, seconds=10 * n), WORN_WRONG, 6 + n) for n in range(3)]
    samples += [
        done("kim", noon - timedelta(days=3), number=20),
        done("lee", noon - timedelta(days=9), number=21),
    ]
    (kim, lee, park) = work_done(samples, TEAM, noon + timedelta(hours=2))
    assert (kim.name, kim.today, kim.week, kim.total) == ("kim", 9, 10, 10)
    assert (kim.labels[PROTECTED], kim.labels[WORN_WRONG]) == (7, 3)
    assert kim.median_s == 4.0
    assert (lee.today, lee.week, lee.total, lee.median_s) == (0, 0, 1, None)
    assert park.total == 0
    (again, *_) = work_done(samples[:6], Team(), noon, learned=samples[6:])
    assert again.total == 10


def test_neither_a_break_nor_labels_from_a_file_tell_how_long_a_picture_takes():
    seconds = [0, 4, 8, 12, 16, 20, *(1000 * n for n in range(1, 9)), *(9000 + n / 100 for n in range(40))]
    samples = [done("kim", NOW + timedelta(seconds=s), number=n) for n, s in enumerate(seconds)]
    assert work_done(samples, Team(), NOW)[0].median_s == 4.0
    assert work_done(samples[6:], Team(), NOW)[0].median_s is None


def test_what_waits_is_counted_for_whom_it_waits(queue, add):
    ids = [add() for _ in range(4)]
    doubled = add(doubled=True)
    _, second = the_two(queue, doubled)
    save(queue, TEAM, ids[0], as_annotations(queue.sample(ids[0]).report.faces), "kim", based_on=0)
    send_back(queue, ids[0], "admin", "look again", based_on=1)
    samples = [each for each in queue.samples() if each.id in {*ids, doubled}]
    told = {each.name: each for each in work_done(samples, TEAM, datetime.now(UTC))}
    assert sum(each.waiting for each in told.values()) == 5
    assert told["kim"].returned == 1
    expected = Counter(TEAM.owner(each) for each in ids[1:]) + Counter([second, "kim"])
    assert {name: each.waiting for name, each in told.items()} == {name: expected[name] for name in told}


def test_only_what_nobody_doubts_waits_to_be_learned_from(queue, add):
    """As `learn` asks for it: not what was returned, what two disagree on, or what a second has still to see."""
    write_team(queue.folder, TEAM)
    single, returned, second, disagreed, settled = add(), add(), add(True), add(True), add(True)
    for sample_id in (single, returned):
        save(queue, TEAM, sample_id, [mark(PROTECTED)], "kim", based_on=0)
    send_back(queue, returned, "admin", "look again", based_on=1)
    the_two(queue, second)
    for sample_id in (disagreed, settled):
        _, who = the_two(queue, sample_id)
        save(queue, TEAM, sample_id, [mark(WORN_WRONG)], who, based_on=1)
    accept(queue, settled, "admin", based_on=1)
    loop = SimpleNamespace(queue=queue, archive=Archive(queue.folder.parent / "archive"))
    assert {sample.id for sample in waiting(loop)} == {single, settled}


def test_the_commands_tell_agreement_and_progress(queue, add, maskwatch):
    write_team(queue.folder, TEAM)
    for _ in range(5):
        first, second = the_two(queue, sample_id := add(doubled=True))
        save(queue, TEAM, sample_id, [mark(PROTECTED)], second, based_on=1)
    told = json.loads(maskwatch("queue", "agreement", "--dir", queue.folder, "--json").stdout)
    assert (told["all"]["pictures"], told["all"]["found_by_both"], told["all"]["kappa"]) == (5, 1.0, None)
    table = maskwatch("queue", "agreement", "--dir", queue.folder).stdout
    assert f"{min(first, second)} and {max(first, second)}" in table
    assert "5 pictures labelled by two" in table
    people = json.loads(maskwatch("queue", "progress", "--dir", queue.folder, "--json").stdout)
    assert sorted(each["name"] for each in people) == sorted(TEAM.labellers)
    assert sum(each["today"] for each in people) == 10
    assert "protected" in maskwatch("queue", "progress", "--dir", queue.folder).stdout
    (queue.folder / NAME).write_text("[]")
    refused = maskwatch("queue", "progress", "--dir", queue.folder)
    assert refused.returncode == 1
    assert ".team.json" in refused.stderr


def test_only_folders_of_days_that_changed_are_looked_through(queue, add, monkeypatch):
    looked = []
    records = index._records
    monkeypatch.setattr(index, "_records", lambda day: looked.append(day) or records(day))
    monkeypatch.setattr(index, "THOROUGH_S", 1e9)
    sample_id = add()
    day = queue.image(sample_id).parent
    other = day.with_name("2026-11-01")
    shutil.copytree(day, other)
    for each in (day, other):
        os.utime(each, (0, 0))
    queue.samples()
    assert sorted(looked) == sorted([str(day), str(other)])
    looked.clear()
    assert len(queue.samples()) > 1
    assert looked == []
    queue.label(sample_id, (), "kim", based_on=0)  # renames the record into place
    assert next(each for each in queue.samples() if each.id == sample_id and each.labels).labels.by == "kim"
    assert looked == [str(day)]
    shutil.rmtree(other)
    assert len(queue.samples()) == len(list(day.glob("*.json")))
    monkeypatch.setattr(index, "THOROUGH_S", 0.0)
    record = queue.image(sample_id).with_suffix(".json")
    os.utime(day, (0, 0))
    queue.samples()
    record.write_text(
        record.read_text(encoding="utf-8").replace('"kim"', '"lee"'), encoding="utf-8"
    )  # by hand
    os.utime(day, (0, 0))
    assert queue.sample(sample_id).labels.by == "lee"
    assert next(each for each in queue.samples() if each.id == sample_id).labels.by == "lee"
