"""Who owns what lies in the service's folders, and what happens with files that it may not remove."""

import json
import logging
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from maskwatch.core.errors import QueueError
from maskwatch.core.records import Box, Face, FrameReport, Versions
from maskwatch.datasets.formats.entries import Entry, write_folder
from maskwatch.drift.confidences import Confidences
from maskwatch.learning.archive import Archive, LearningBatch
from maskwatch.models.registry import Registry, Version, shipped_files
from maskwatch.platform.files import locked, make_folder, replacing, write_atomically
from maskwatch.samples.annotations import as_annotations
from maskwatch.samples.retention import MB, Limits
from maskwatch.samples.store import Queue
from maskwatch.training.run_folder import claim

USER = 65534  # the service's, as it were
NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root alone makes files of another user")


@pytest.fixture
def state():
    """A folder of the user's; pytest's own is for root alone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, USER, USER)
        yield Path(folder)


@contextmanager
def as_user():
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(USER)
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def others(folder):
    """What below the folder is not the user's."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if (path.lstat().st_uid, path.lstat().st_gid) != (USER, USER)
    ]


@pytest.fixture
def add(frame, report):
    def make(queue, at=0.0):
        seen = report(at, 0.5, boxes=[Box(10, 5, 40, 40)])  # within the frame of 64 x 48 px
        return queue.add(frame(at, rgb=NOISE), seen, ("classifier",))

    return make


# what root's commands leave


def nested(state, add):
    write_atomically(state / "a" / "b" / "file.json", b"{}")


def replaced(state, add):
    with as_user():
        write_atomically(state / "file.json", b"{}")
    with replacing(state / "file.json") as part:
        part.write_bytes(b"[]")


def folder(state, add):
    make_folder(state / "a" / "b")


def lock(state, add):
    with locked(state / ".lock"):
        pass


def labelled_and_moved(state, add):
    queue = Queue(state / "queue", Limits(1000, 30))
    first, second = add(queue), add(queue, 1.0)
    queue.label(first, as_annotations(queue.sample(first).report.faces), "kim", based_on=0)
    queue.undo(first, "kim")
    queue.move(second, state / "elsewhere")
    queue.remove([first], labelled=True)


def registered(state, add):
    registry, shipped = Registry(state / "models"), shipped_files()
    files = {"detector.safetensors": shipped.detector, "classifier.safetensors": shipped.classifier}
    registry.add(files, Version("mine", None, datetime.now(UTC)))
    registry.promote("mine")
    registry.rollback()


def archived(state, add):
    archive = Archive(state / "archive")
    with archive.alone():
        batch = LearningBatch("one", "shipped", ())
        archive.save_batch(batch)
        claim(archive.batch_folder(batch) / "training", {"seed": 0})
        archive.save_doubted({"sample": 1})


def counted(state, add):
    confidences = Confidences(state / "drift", 365)
    box = Box(0, 0, 9, 9)
    versions = Versions("d", "c")
    confidences.add(FrameReport("door", "s", 0, 0.0, (48, 64), (Face(box, 0.9),), models=versions))
    confidences.save()


def exported(state, add):
    write_folder([Entry("labels/a.txt", b"0"), Entry("images/a.jpg", b"x")], state / "set")


@pytest.mark.parametrize(
    "write",
    [nested, replaced, folder, lock, labelled_and_moved, registered, archived, counted, exported],
    ids=lambda write: write.__name__,
)
def test_what_root_makes_is_the_folders_owners_who_may_read_and_remove_it(state, add, write):
    with umask(0o077):
        write(state, add)
    assert list(state.iterdir())
    assert others(state) == []
    with as_user():
        for path in state.rglob("*"):
            assert path.is_dir() or path.read_bytes() is not None
        for path in state.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_commands_that_root_gives_at_the_services_queue_leave_nothing_of_roots(
    state, add, maskwatch, demo_clip
):
    with as_user():
        queue = Queue(state / "queue", Limits(1000, 30))
        first, _ = add(queue), add(queue, 1.0)
    config = state / "config.yaml"
    settings = {name: {"dir": str(state / name)} for name in ("queue", "models", "drift")}
    cameras = {"door": {"source": str(demo_clip), "alert": {"sinks": []}}}
    write_atomically(config, json.dumps(settings | {"cameras": cameras, "web": {"enabled": False}}).encode())
    for command in (
        ["queue", "label", first, "--accept", "--by", "kim"],
        ["queue", "export", state / "set", "--format", "coco"],
        ["queue", "import", state / "set", "--by", "kim", "--force", "--accept-unchanged"],
        ["queue", "purge", "--yes"],
        ["models", "add", "--detector", shipped_files().detector, "--classifier", shipped_files().classifier],
        ["models", "promote", "shipped"],
        ["check"],
    ):
        done = maskwatch(*command, "-c", config)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert [sample.id for sample in Queue(state / "queue").samples()] == [first]
    assert others(state) == []


def test_another_users_file_that_was_linked_into_the_folder_keeps_its_owner(state, tmp_path):
    """Who may write to the folder must not be given root's files by what root does there."""
    secret = Path(tempfile.mkstemp(dir="/var/tmp")[1])
    try:
        os.link(secret, state / ".lock")
        with locked(state / ".lock"):
            pass
        assert secret.stat().st_uid == 0
    finally:
        secret.unlink()
    (state / ".lock").unlink()
    (state / ".lock").symlink_to(tmp_path / "made")
    with pytest.raises(OSError, match="symbolic links"), locked(state / ".lock"):
        pass
    assert not (tmp_path / "made").exists()


# what the service may not remove


@contextmanager
def of_root(record):
    os.chown(record.parent, 0, 0)
    try:
        yield as_user
    finally:
        os.chown(record.parent, USER, USER)


@contextmanager
def read_only(record):
    mount("--bind", record.parent, record.parent)
    try:
        mount("-o", "remount,ro,bind", record.parent)
        yield as_root
    finally:
        subprocess.run(["umount", record.parent], check=True)


@contextmanager
def busy(record):
    mount("--bind", record, record)
    try:
        yield as_root
    finally:
        subprocess.run(["umount", record], check=True)


@contextmanager
def immutable(record):
    if subprocess.run(["chattr", "+i", record], capture_output=True).returncode:
        pytest.skip("this file system knows no immutable files")
    try:
        yield as_root
    finally:
        subprocess.run(["chattr", "-i", record], check=True)


@contextmanager
def as_root():
    """Who is held up, too."""
    yield


def mount(*arguments):
    if subprocess.run(["mount", *arguments], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        (of_root, "Permission denied"),
        (read_only, "Read-only file system"),
        (busy, "Device or resource busy"),
        (immutable, "Operation not permitted"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_may_not_be_removed_is_passed_over_and_told_once_and_storing_goes_on(
    state, add, caplog, monkeypatch, obstacle, reason
):
    caplog.set_level(logging.INFO)
    with as_user():
        old = Queue(state / "queue", Limits(1000, 30))
        first = add(old)
        record = old.image(first).with_suffix(".json")
        elsewhere = record.parent.with_name("2026-01-01")  # so that others of its day can be written
        record.parent.rename(elsewhere)
    record = elsewhere / record.name
    sample_mb = sum(path.stat().st_size for path in elsewhere.iterdir()) / MB
    with obstacle(record) as service, service():
        queue = Queue(state / "queue", Limits(4.5 * sample_mb, 30))
        added = [add(queue, at) for at in range(1, 8)]
        kept = [sample.id for sample in queue.samples()]
        assert kept == [first, *added[-3:]]
        assert reason in queue.notice
        assert "1 file that should go may not be removed" in queue.notice
        for _ in range(2):
            queue.tidy()
        add(queue, 9)
        warned = [r.getMessage() for r in caplog.records if "may not be removed" in r.getMessage()]
        assert len(warned) == 1
        assert str(record.parent) in warned[0]
    monkeypatch.setattr(queue._retention, "_limits", Limits(1.5 * sample_mb, 30))
    with as_user():
        queue.tidy()
    assert queue.notice is None
    assert first not in [sample.id for sample in queue.samples()]


def test_a_lock_that_root_left_keeps_samples_and_stops_no_storing(state, add):
    with as_user():
        queue = Queue(state / "queue", Limits(1000, 30))
        record = queue.image(add(queue)).with_suffix(".json")
    sample_mb = sum(path.stat().st_size for path in record.parent.iterdir()) / MB
    lock = state / "queue" / ".lock"
    lock.touch(0o600)
    assert lock.stat().st_uid == 0
    with as_user():
        queue = Queue(state / "queue", Limits(100 * sample_mb, 1e-9))
        added = [add(queue, at) for at in range(1, 4)]
        queue.tidy()
        assert set(added) <= {sample.id for sample in queue.samples()}
        assert ".lock: Permission denied" in queue.notice
    lock.unlink()
    with as_user():
        queue.tidy()
    assert queue.notice is None
    assert queue.samples() == []


def test_a_purge_removes_what_it_may_and_says_how_much_it_may_not(state, add):
    with as_user():
        queue = Queue(state / "queue", Limits(1000, 30))
        first = add(queue)
        folder = queue.image(first).parent
        folder.rename(folder.with_name("2026-01-01"))
        others = [add(queue, at) for at in (1, 2)]
    with of_root(folder.with_name("2026-01-01") / "x") as service, service():
        with pytest.raises(QueueError, match=r"deleted 2, but 1 may not be removed: .*Permission denied"):
            queue.remove([first, *others], labelled=False)
        assert [sample.id for sample in queue.samples()] == [first]


def test_a_folder_that_the_service_may_not_read_is_told_once_and_the_rest_is_shown(state, add, caplog):
    with as_user():
        queue = Queue(state / "queue", Limits(1000, 30))
        first = add(queue)
    closed = state / "queue" / "gate"
    closed.mkdir(0o700)
    with as_user():
        for _ in range(2):
            assert [sample.id for sample in queue.samples()] == [first]
        assert add(queue, 1.0)
        queue.tidy()
    assert [r.getMessage() for r in caplog.records if "left out" in r.getMessage()] == [
        f"queue: {closed}: Permission denied; its samples are left out"
    ]


def test_days_of_drift_that_may_not_be_removed_are_told_once_and_counting_goes_on(state, caplog):
    old = state / "drift" / "door" / "2020-01-01.json"
    with as_user():
        write_atomically(old, b"{}")
    os.chown(old.parent, 0, 0)
    with as_user():
        confidences = Confidences(state / "drift", 365)
        for _ in range(2):
            confidences.save()
    told = [r.getMessage() for r in caplog.records]
    assert told == [f"drift: {old}: is too old and may not be removed: Permission denied"]
