"""The thread that follows: what is wrong is told once, asked again later, and what serves goes on."""

import logging
import threading
from itertools import pairwise

import pytest

from maskwatch.core.errors import FleetError, FleetUnreachable
from maskwatch.fleet.follower import FleetFollower
from maskwatch.fleet.manifest import MANIFEST
from maskwatch.fleet.stages import Stage
from maskwatch.models.registry import SHIPPED

from .conftest import V1, Watched


class Says:
    """A member that fails as it is told to; counts what it is asked."""

    def __init__(self):
        self.fault, self.asked, self.well = None, 0, 0

    def follow(self):
        self.asked += 1
        if self.fault:
            raise self.fault

    def watch(self):
        pass

    def report(self, problem):
        pass

    def notice(self):
        return None

    def note_well(self):
        self.well += 1


@pytest.fixture
def pipeline():
    return Watched()


def follower(member, pipeline, every_s=3600.0):
    return FleetFollower(member, pipeline, every_s, threading.Event())


def test_a_fleet_that_cannot_be_reached_is_told_once_and_once_that_it_is_again(pipeline, caplog):
    member = Says()
    looks = follower(member, pipeline)
    with caplog.at_level(logging.INFO):
        for number in range(5):
            member.fault = FleetUnreachable(f"https://…: reason {number}")
            assert looks.look(failures=number) == number + 1
        assert pipeline.notice == "fleet: https://…: reason 4"
        member.fault = None
        assert looks.look(failures=5) == 0
        assert looks.look() == 0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "reason 0" in caplog.messages[0]
    assert caplog.messages[1] == "the fleet is followed again"
    assert pipeline.notice is None


def test_each_other_reason_to_refuse_is_told(pipeline, caplog):
    member = Says()
    looks = follower(member, pipeline)
    for fault in ("an older one", "an older one", "not signed", "not signed"):
        member.fault = FleetError(fault)
        looks.look()
    assert [message.rsplit(": ", 1)[1] for message in caplog.messages] == ["an older one", "not signed"]


def test_a_fleet_that_fails_is_asked_seldomer_and_no_longer_than_an_hour_of_five_minutes(pipeline):
    member = Says()
    member.fault = FleetUnreachable("away")
    looks = follower(member, pipeline, every_s=1e-4)
    real, rounds, asked_in = looks.look, [], []

    def look(*, asks, failures):
        rounds.append(asks)
        if asks:
            asked_in.append(len(rounds))
        if len(rounds) == 60:
            looks._stopping.set()
        return real(asks=asks, failures=failures)

    looks.look = look
    with looks:
        looks._thread.join(30)
    gaps = [b - a for a, b in pairwise(asked_in)]
    assert gaps[:4] == [2, 4, 8, 12]
    assert set(gaps[4:]) == {12}


def test_it_follows_in_its_thread_from_the_start_on(publisher, source, service, pipeline):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    with follower(shop.member, pipeline, every_s=0.01):
        for _ in range(3000):
            if shop.serving == V1 or pipeline.failed.wait(0.01):
                break
    assert shop.serving == V1
    assert not pipeline.failed.is_set()
    assert pipeline.notice is None


def test_a_share_that_is_not_mounted_and_one_that_is_attacked_leave_what_serves(
    publisher, source, service, folder, pipeline
):
    shop = service()
    folder.rmdir()
    looks = follower(shop.member, pipeline)
    assert looks.look() == 1
    assert pipeline.notice == f"fleet: {folder / MANIFEST}: No such file or directory"
    folder.mkdir()
    publisher.publish(source, V1, Stage.ALL)
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes().replace(b"all", b"ALL"))
    assert looks.look() == 1
    assert "not signed" in pipeline.notice
    assert shop.serving == SHIPPED
    shop.why_not = "it is worse here"
    (folder / MANIFEST).unlink()
    publisher.publish(source, V1, Stage.ALL)
    assert looks.look() == 0
    assert pipeline.notice == "fleet: v1 is refused: it is worse here"


def test_a_folder_in_which_nothing_is_published_yet_is_waited_for_quietly(
    publisher, source, service, folder, pipeline, caplog
):
    shop = service()
    looks = follower(shop.member, pipeline)
    assert looks.look() == 0
    assert (pipeline.notice, caplog.messages) == (None, [])
    publisher.publish(source, V1, Stage.ALL)
    assert looks.look() == 0
    assert shop.serving == V1
    (folder / MANIFEST).unlink()  # it is not mounted any more
    assert looks.look() == 1
    assert "cannot be reached" in caplog.messages[-1]


def test_a_share_that_may_not_be_written_to_is_followed_all_the_same(
    publisher, source, service, folder, pipeline, caplog
):
    publisher.publish(source, V1, Stage.ALL)
    (folder / "services").rmdir()
    (folder / "services").write_text("a file")
    shop = service()
    looks = follower(shop.member, pipeline)
    assert [looks.look(), looks.look()] == [0, 0]
    assert shop.serving == V1
    assert len([message for message in caplog.messages if "cannot be told" in message]) == 1


@pytest.mark.parametrize(("kind", "times"), [(None, 1), (RuntimeError, 0)])
def test_an_end_is_noted_and_a_crash_is_not(pipeline, kind, times):
    member = Says()
    looks = follower(member, pipeline)
    looks.__enter__()
    looks.__exit__(kind, kind and kind(), None)
    looks._thread.join(30)
    assert member.well == times


def test_what_nobody_foresaw_ends_the_service(pipeline):
    member = Says()
    member.fault = ZeroDivisionError("a fault of the program")
    with follower(member, pipeline):
        assert pipeline.failed.wait(30)
    assert isinstance(pipeline.error, ZeroDivisionError)
