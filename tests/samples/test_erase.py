"""Erasing a camera's days: from the folders as the program itself fills them."""

import json
import os
import time
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest

from maskwatch.app import erase_related
from maskwatch.app.erase import Erasure, count_events, erase, erase_events, look
from maskwatch.console.review.thumbnails import Thumbnails
from maskwatch.core.errors import ConfigError, DataError, QueueError, SourceError
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import Box
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.datasets.records import Split
from maskwatch.events import erase as of_events
from maskwatch.events.media import Media
from maskwatch.events.store import EventFilter, EventStore
from maskwatch.learning import loop, retention
from maskwatch.learning.archive import Archive
from maskwatch.learning.retention import tidy_archive
from maskwatch.learning.split import SampleHashes, SplitAssignment
from maskwatch.samples import erase as erasing
from maskwatch.samples import store as store_module
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.export_notes import delete_export, note_export, read_exports
from maskwatch.samples.import_journal import NAME, Step, write_journal
from maskwatch.samples.store import Queue

NOISE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
FACES = (Annotation(Box(1, 2, 30, 40), AnnotationLabel.PROTECTED),)
MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (2, 3, 4))
OF_TUESDAY = Erasure("door", day=date(2026, 11, 3))


class Stores:
    """A queue and an archive, with three samples of each camera and day: two are labelled, of which one is used, too."""

    def __init__(self, folder, frame, report, monkeypatch):
        self.queue, self.archive = folder / "queue", folder / "archive"
        self.ids = {}
        queue, kept = Queue(self.queue), Archive(self.archive)
        for hours, camera in enumerate(("door", "yard")):
            for day in (MONDAY, TUESDAY, WEDNESDAY) if camera == "door" else (TUESDAY,):
                now = day + timedelta(hours=hours)
                monkeypatch.setattr(store_module, "utc_now", lambda now=now: now)
                queue._last = now - timedelta(seconds=1)
                names = [
                    queue.add(frame(n, camera, NOISE), report(n, 0.5, camera=camera), ("audit",))
                    for n in range(3)
                ]
                for name in names[1:]:
                    queue.label(name, FACES, "kim", based_on=0)
                queue.move(names[2], kept.samples_folder)
                kept.save_assignments({names[2]: SplitAssignment(camera, Split.TEST, SampleHashes(1, 2))})
                self.ids[camera, day] = names
        monkeypatch.undo()

    def erase(self, erasure=OF_TUESDAY):
        return erase(self.queue, self.archive, erasure)

    def files(self):
        """Of samples, by camera and day."""
        folders = (self.queue, self.archive / "samples")
        return {path.parent.parent.name + " " + path.parent.name for f in folders for path in f.glob("*/*/*")}


@pytest.fixture
def stores(tmp_path, frame, report, monkeypatch):
    return Stores(tmp_path, frame, report, monkeypatch)


ALL = {"door 2026-11-02", "door 2026-11-03", "door 2026-11-04", "yard 2026-11-03"}


@pytest.mark.parametrize(
    ("erasure", "gone"),
    [
        (OF_TUESDAY, {"door 2026-11-03"}),
        (Erasure("door", before=date(2026, 11, 4)), {"door 2026-11-02", "door 2026-11-03"}),
        (Erasure("yard", before=date(2026, 11, 2)), set()),
        (Erasure("door", day=date(2026, 11, 9)), set()),
    ],
)
def test_all_of_the_camera_and_the_days_goes_from_queue_and_archive_and_nothing_else(stores, erasure, gone):
    kept = look(stores.queue, stores.archive, erasure)
    assert (len(kept.queue.records), len(kept.archive.records)) == (2 * len(gone), len(gone))
    assert kept.cameras == ("door", "yard")
    assert stores.files() == ALL  # looking changes nothing
    assert stores.erase(erasure) == 3 * len(gone)
    assert stores.files() == ALL - gone
    assert stores.erase(erasure) == 0


def test_what_would_go_is_counted_in_bytes(stores):
    found = look(stores.queue, stores.archive, OF_TUESDAY).queue
    folder = stores.queue / "door" / "2026-11-03"
    assert found.bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_the_archives_notes_forget_the_samples_of_that_camera_alone(stores):
    archive = Archive(stores.archive)
    waiting = stores.ids["yard", TUESDAY][0]
    archive.save_doubted({stores.ids["door", TUESDAY][1]: 1, waiting: 1, stores.ids["door", MONDAY][1]: 1})
    stores.erase()
    assert set(archive.assignments()) == {
        names[2] for key, names in stores.ids.items() if key != ("door", TUESDAY)
    }
    assert set(archive.doubted()) == {waiting, stores.ids["door", MONDAY][1]}


def test_the_note_of_the_last_import_forgets_their_boxes(stores):
    names = stores.ids["door", TUESDAY][0], stores.ids["yard", TUESDAY][0]
    write_journal(stores.queue, stores.queue, "kim", [Step(name, 0, FACES) for name in names])
    stores.erase()
    record = json.loads((stores.queue / NAME).read_text())
    assert [step["id"] for step in record["samples"]] == [names[1]]


@pytest.mark.parametrize("killed_after", [1, 2, 5, 7])
def test_killed_anywhere_the_same_command_takes_the_rest(stores, killed_after, monkeypatch):
    """After so many files that were removed or written."""

    class Killed(BaseException):
        pass

    left = [killed_after]

    def counted(call):
        def wrapped(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return call(*arguments, **options)

        return wrapped

    from pathlib import Path

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", counted(Path.unlink))
        broken.setattr("maskwatch.learning.archive.write_atomically", counted(lambda *_: None))
        try:
            stores.erase()
        except Killed:
            pass
        else:
            assert killed_after > 6  # three samples of two files, and the note that is not written here
    stores.erase()
    assert stores.files() == ALL - {"door 2026-11-03"}
    assert stores.ids["door", TUESDAY][2] not in Archive(stores.archive).assignments()
    assert len(Archive(stores.archive).assignments()) == 3


def test_what_a_crash_left_of_a_day_goes_too_and_a_record_that_cannot_be_read(stores):
    folder = stores.queue / "door" / "2026-11-03"
    (folder / "20261103T130000.000Z-000009.jpg").write_bytes(b"half")
    (folder / ".20261103T130000.000Z-000009.ab12.part.jpg").write_bytes(b"half")
    (folder / "20261103T140000.000Z-000009.json").write_text("{")
    assert len(look(stores.queue, stores.archive, OF_TUESDAY).queue.others) == 2
    stores.erase()
    assert not folder.exists()


def test_what_a_service_may_be_about_to_write_today_is_left(stores, frame, report):
    queue = Queue(stores.queue)
    queue.add(frame(0, "door", NOISE), report(0, 0.5), ("audit",))
    today = datetime.now(UTC).date()
    folder = stores.queue / "door" / str(today)
    fresh, old = folder / "x.jpg", folder / "y.jpg"
    fresh.write_bytes(b"half")
    old.write_bytes(b"half")
    os.utime(old, (time.time() - 3600,) * 2)
    assert stores.erase(Erasure("door", day=today)) == 1
    assert list(folder.iterdir()) == [fresh]


def test_a_queue_that_runs_goes_on_and_a_page_that_shows_them_shows_them_no_more(stores, frame, report):
    running = Queue(stores.queue)
    name = stores.ids["door", TUESDAY][0]
    assert name in {sample.id for sample in running.samples()}
    path, thumbnails = running.image(name), Thumbnails()
    assert thumbnails.of(path)
    stores.erase()
    assert name not in {sample.id for sample in running.samples()}
    with pytest.raises(SourceError):
        thumbnails.of(path)
    with pytest.raises(QueueError, match="no sample"):
        running.label(name, FACES, "kim", based_on=0)
    assert running.add(frame(9, "door", NOISE), report(9, 0.5), ("audit",))


def test_while_a_training_runs_nothing_is_erased(stores):
    with Archive(stores.archive).alone(), pytest.raises(DataError, match="another training runs"):
        stores.erase()
    assert stores.files() == ALL


def test_a_file_that_may_not_be_removed_is_told_and_the_others_go(stores, monkeypatch):
    stuck = stores.ids["door", TUESDAY][0]

    def delete(path):
        if path.stem == stuck:
            raise PermissionError(1, "Operation not permitted", str(path))
        for each in (path, path.with_suffix(".jpg")):
            each.unlink()

    monkeypatch.setattr(erasing, "delete_sample", delete)
    with pytest.raises(
        QueueError, match=f"1 files may not be removed: .*{stuck}.json: Operation not permitted"
    ):
        stores.erase()
    assert {path.stem for path in (stores.queue / "door" / "2026-11-03").iterdir()} == {stuck}


@pytest.mark.parametrize("name", ["..", "door/2026-11-03", "", "*", "/tmp"])
def test_what_is_no_cameras_name_is_refused(stores, name):
    with pytest.raises(ConfigError, match="--camera"):
        look(stores.queue, stores.archive, Erasure(name, day=date(2026, 11, 3)))


def test_where_nothing_was_ever_stored_nothing_is_made(tmp_path):
    assert erase(tmp_path / "queue", tmp_path / "archive", OF_TUESDAY) == 0
    assert list(tmp_path.iterdir()) == []


# the archive's own limit


def test_used_samples_are_kept_until_somebody_says_for_how_long_and_what_the_holdout_loses_is_told(
    stores, monkeypatch
):
    monkeypatch.setattr(retention, "utc_now", lambda: WEDNESDAY + timedelta(days=30))
    archive, said = Archive(stores.archive), []
    with archive.alone():
        assert tidy_archive(archive, stores.queue, None, said.append) == 0
        assert (len(archive.holdout()), said) == (4, [])
        assert tidy_archive(archive, stores.queue, 30, said.append) == 3
        assert tidy_archive(archive, stores.queue, 30, said.append) == 0
    (line,) = said
    assert line.endswith("3 of them held out: the holdout has 1 now")
    assert line.startswith(
        f"{stores.archive}: 3 samples older than 30 days deleted (learn.archive_max_days), "
    )
    assert set(archive.assignments()) == {stores.ids["door", WEDNESDAY][2]}
    assert archive.erased() == {Split.TEST: 3}
    assert {path.parent.name for path in stores.queue.glob("*/*/*")} == {
        "2026-11-02",
        "2026-11-03",
        "2026-11-04",
    }


def test_what_an_erasure_takes_from_the_holdout_is_known_before_and_told_by_the_next_training(stores):
    kept = look(stores.queue, stores.archive, OF_TUESDAY)
    assert (kept.held_out, kept.holdout) == (1, 4)
    stores.erase()
    archive = Archive(stores.archive)
    assert archive.erased() == {Split.TEST: 1}
    told = loop._erased(SimpleNamespace(archive=archive), len(archive.holdout()))
    assert told == [
        "erased from the archive since the last training: 1 sample, 1 of them held out; the holdout has 3 now"
    ]
    archive.forget_erased()
    assert loop._erased(SimpleNamespace(archive=archive), 3) == []


# exports


def test_an_export_is_known_by_camera_and_day_as_long_as_it_is_there_and_goes_whole(stores, tmp_path):
    packed, folder = tmp_path / "x.zip", tmp_path / "out"
    packed.write_bytes(b"zip")
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.jpg").write_bytes(b"jpeg")
    door, yard = ((c, stores.ids[c, TUESDAY][0]) for c in ("door", "yard"))
    note_export(stores.queue, packed, [door])
    note_export(stores.queue, folder, [door, yard])
    note_export(stores.queue, tmp_path / "never-written", [door])
    found = [e for e in read_exports(stores.queue) if e.holds("door", OF_TUESDAY.is_wanted)]
    assert [e.path for e in found] == [str(packed), str(folder)]
    assert not any(e.holds("door", lambda day: day == "2026-11-02") for e in found)
    assert [e.path for e in found if e.holds("yard", OF_TUESDAY.is_wanted)] == [str(folder)]
    os.utime(folder / "images" / "a.jpg", (time.time() + 60,) * 2)
    with pytest.raises(QueueError, match=r"a\.jpg: was changed since it was exported"):
        delete_export(stores.queue, found[1])
    assert (folder / "images" / "a.jpg").exists()
    os.utime(folder / "images" / "a.jpg", (time.time() - 60,) * 2)
    for each in found:
        delete_export(stores.queue, each)
    assert not packed.exists()
    assert not folder.exists()
    assert read_exports(stores.queue) == []


# alerts that wait


def test_of_alerts_that_wait_those_of_the_camera_and_the_days_are_found(tmp_path):
    box = tmp_path / "box" / "target"
    box.mkdir(parents=True)

    def message(at, camera, key="a", half=False):
        name = f"{int(at.timestamp() * 1e9):020d}-{key}-begin.message"
        path = box / (f".{name.removesuffix('.message')}.12345678.part.message" if half else name)
        path.write_text(json.dumps({"camera": camera, "picture": "/9j/"})[: 9 if half else None])
        return path

    mine = message(TUESDAY, "door")
    left = [message(MONDAY, "door"), message(TUESDAY, "yard", "b")]
    fresh, old = message(TUESDAY, "door", "c", half=True), message(TUESDAY, "door", "d", half=True)
    os.utime(old, (time.time() - 3600,) * 2)
    assert set(erase_related._messages([box], OF_TUESDAY)) == {mine, old}
    assert set(erase_related._messages([box], Erasure("door", before=date(2026, 11, 4)))) == {
        mine,
        old,
        left[0],
    }
    assert fresh.exists()


# events


def events_of(stores, camera, *days):
    folder = stores.queue.parent / "events"
    store = EventStore.in_folder(folder)
    made = [Event(uuid4().hex, EventKind.ALERT, day.timestamp(), camera) for day in days]
    store.add(made)
    store.close()
    media = Media(folder)
    for each in made:
        for path in (media.still(each.id), media.clip(each.id)):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(each.camera.encode())
    return folder, [each.id for each in made]


@pytest.mark.parametrize(
    ("erasure", "gone"),
    [
        (OF_TUESDAY, {1}),
        (Erasure("door", before=date(2026, 11, 4)), {0, 1}),
        (Erasure("yard", before=date(2026, 12, 4)), {3}),
        (Erasure("door", day=date(2026, 11, 9)), set()),
    ],
)
def test_its_events_go_with_their_stills_and_clips_and_nothing_else(stores, erasure, gone):
    folder, ids = events_of(stores, "door", MONDAY, TUESDAY, WEDNESDAY)
    ids += events_of(stores, "yard", TUESDAY)[1]
    assert count_events(folder, erasure) == len(gone)
    assert erase_events(folder, erasure) == len(gone)
    store = EventStore.in_folder(folder)
    left = {each.id for each in store.find(EventFilter(), limit=9)}
    store.close()
    assert left == {each for number, each in enumerate(ids) if number not in gone}
    assert {path.stem for path in folder.glob("stills/*")} == left
    assert {path.stem for path in folder.glob("clips/*")} == left


def test_the_days_of_events_are_those_of_utc_to_the_last_second(stores):
    begin = datetime(2026, 11, 3, tzinfo=UTC)
    second = timedelta(seconds=1)
    end = begin + timedelta(days=1)
    folder, _ = events_of(stores, "door", begin - second, begin, end - second, end)
    assert erase_events(folder, OF_TUESDAY) == 2


def test_nothing_of_an_erased_event_is_left_in_the_files(stores):
    folder, _ = events_of(stores, "door", TUESDAY)
    store = EventStore.in_folder(folder)  # the service has it open meanwhile
    store.add(
        [Event("a" * 32, EventKind.OUTAGE, TUESDAY.timestamp(), "door", data={"reason": "somebody-there"})]
    )
    assert erase_events(folder, OF_TUESDAY) == 2
    for path in folder.glob("events.db*"):
        assert b"somebody-there" not in path.read_bytes()
    store.add([Event("b" * 32, EventKind.OUTAGE, MONDAY.timestamp(), "door")])
    store.close()


def test_where_no_events_were_ever_kept_nothing_is_made(tmp_path):
    assert (count_events(tmp_path / "events", OF_TUESDAY), erase_events(tmp_path / "events", OF_TUESDAY)) == (
        0,
        0,
    )
    assert not (tmp_path / "events").exists()


def test_killed_between_the_pictures_and_their_events_the_same_command_takes_the_rest(stores, monkeypatch):
    folder, _ = events_of(stores, "door", MONDAY, TUESDAY)
    (folder / "stills" / f".{'e' * 32}.12345678.part.jpg").write_bytes(b"of another")
    with monkeypatch.context() as broken:
        broken.setattr(EventStore, "delete", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase_events(folder, OF_TUESDAY)
    assert erase_events(folder, OF_TUESDAY) == 1
    assert len(list(folder.glob("stills/[!.]*"))) == len(list(folder.glob("clips/*"))) == 1
    assert len(list(folder.glob("stills/.*"))) == 1


def test_a_half_written_still_goes_with_its_event(stores):
    folder, (event_id,) = events_of(stores, "door", TUESDAY)
    half = folder / "stills" / f".{event_id}.12345678.part.jpg"
    half.write_bytes(b"half")
    erase_events(folder, OF_TUESDAY)
    assert not half.exists()


@pytest.mark.parametrize(
    ("named", "gone"), [("20261104T000000.000000Z", True), ("20261102T235959.000000Z", False)]
)
def test_a_database_put_aside_goes_unless_it_is_from_before_these_days(stores, named, gone):
    folder, _ = events_of(stores, "door", TUESDAY)
    aside = folder / f"events.db.damaged-{named}-wal"
    aside.write_bytes(b"door")
    assert bool(of_events.damaged(folder, OF_TUESDAY.since)) is gone
    assert of_events.delete_damaged(folder, OF_TUESDAY.since) == gone
    assert aside.exists() is not gone
