"""The queue's disk: full, read-only, or gone. The service watches on, says it once, and stores again by itself."""

import shutil
from functools import partial

import pytest
from harness.folders import exchange
from harness.mounts import remount

BACK_S = 5

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def disk(watched):
    if watched.disk is None:
        pytest.skip("a file system can be mounted by root alone, and not in every container")
    return watched.disk


def records(watched):
    return len(list(watched.queue.glob("*/*/[!.]*.json")))


def survives(watched, begin, end):
    """Break the disk until the service says so, see what must hold, mend it; gives the times and the log meanwhile."""
    service, mark = watched.service, watched.service.mark()
    service.until(lambda: records(watched))
    begin()
    noticed_s = service.until_logged("only counted until it works", 15, after=mark)
    watched.well_goes_on(12)
    assert service.status().up == 2
    end()
    kept = records(watched)
    back_s = service.until(lambda: records(watched) > kept, 4 * BACK_S)
    said = service.log[mark:]
    assert said.count("ERROR queue: ") == 1
    assert back_s <= BACK_S + 5  # the next frame that is worth it is seconds away
    return {"noticed_s": noticed_s, "back_s": back_s}, said


def fill(disk):
    with (disk / "filler").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return


def test_a_full_disk_stops_the_writing_and_not_the_watching(watched, disk, recovery):
    times, said = survives(watched, lambda: fill(disk), (disk / "filler").unlink)
    recovery(**times)
    assert "No space left on device" in said
    assert not list(watched.queue.rglob("*.part.*"))


def test_a_disk_that_turns_read_only_stops_the_writing_and_not_the_watching(watched, disk, recovery):
    times, said = survives(watched, lambda: remount(disk, "ro"), lambda: remount(disk, "rw"))
    recovery(**times)
    assert "Read-only file system" in said


def test_a_queue_folder_that_is_removed_is_made_again(watched, recovery):
    service, mark = watched.service, watched.service.mark()
    service.until(lambda: records(watched))
    shutil.rmtree(watched.queue)
    back_s = service.until(lambda: records(watched) > 0, 20)
    watched.well_goes_on()
    recovery(back_s=back_s)
    assert "ERROR" not in service.log[mark:]


def test_a_file_in_the_folders_place_is_told_once_until_it_is_gone(watched, recovery):
    aside = watched.queue.with_name("aside")
    aside.write_text("in the way")
    swap = partial(exchange, watched.queue, aside)
    times, said = survives(watched, swap, swap)
    recovery(**times)
    assert str(watched.queue) in said


def test_a_frame_that_cannot_be_stored_is_counted(watched, disk):
    fill(disk)
    before = watched.service.status().not_stored
    watched.service.until(lambda: watched.service.status().not_stored > before, 20)
    (disk / "filler").unlink()
