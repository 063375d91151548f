"""Names of people who labelled: replaced by pseudonyms, by the program's own folders, with everything else as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from maskwatch.app import upkeep
from maskwatch.app.erase_person import erase_person, look_for
from maskwatch.app.upkeep import Upkeep, rename_old
from maskwatch.config import load as configuration
from maskwatch.console.access_log import Action
from maskwatch.console.users import Role, Users
from maskwatch.core.errors import QueueError, UserError
from maskwatch.core.events import Event, EventKind
from maskwatch.core.records import Box, Face, FrameReport, Label
from maskwatch.datasets.labels import AnnotationLabel
from maskwatch.events.store import EventStore
from maskwatch.learning import retention
from maskwatch.learning.archive import Archive
from maskwatch.platform.clock import utc_now
from maskwatch.samples import people
from maskwatch.samples import store as store_module
from maskwatch.samples.agreement import agreement, comparisons
from maskwatch.samples.annotations import Annotation
from maskwatch.samples.import_journal import Step, write_journal
from maskwatch.samples.opinions import Opinion
from maskwatch.samples.store import Queue
from maskwatch.samples.team import Team, read_team, write_team
from maskwatch.samples.teamwork import accept, send_back

TEAM = Team(("Kim Nari", "lee", "박"))
PASSWORD = "a long one, with 7 words in it"


def faces(bare):
    label = AnnotationLabel.UNPROTECTED if bare else AnnotationLabel.PROTECTED
    return [Annotation(Box(10, 10, 30, 40), label)]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("cameras: {door: {source: 'usb:0'}}\n")
    return configuration.load(path, {"queue", "learn", "events", "drift", "alert", "console"})


@pytest.fixture
def labelled(config, frame):
    """Twelve samples that Kim and another person labelled, some of them used, one returned with a comment on Kim."""
    queue = Queue(config.queue.dir)
    write_team(queue.folder, TEAM)
    report = FrameReport(
        "door", "x", 1, 0.0, (64, 48), (Face(Box(10, 10, 30, 40), 0.9, 0.97, Label.PROTECTED),)
    )
    people_of = [("Kim Nari", "lee"), ("lee", "Kim Nari"), ("박", "lee"), ("Kim Nari", "박")]
    for number in range(12):
        name = queue.add(frame(0.0, "door", np.full((48, 64, 3), 90, np.uint8)), report, ("gap",))
        first, second = people_of[number % 4]
        queue.label(name, faces(number % 2), first, based_on=0)
        said = Opinion(tuple(faces(number % 3 % 2)), second, utc_now(), 1)
        queue.change(name, lambda sample, said=said: replace(sample, opinions=(said,)))
        if number % 4 == 0:
            queue.move(name, Archive(config.learn.archive).samples_folder)
    names = [each.id for each in queue.samples()]
    send_back(queue, names[0], "lee", "kim nari: the mask is under the nose, Kim Nari.", based_on=1)
    accept(queue, names[1], "Kim Nari", based_on=1)
    write_journal(queue.folder, Path("set.zip"), "Kim Nari", [Step(names[2], 1, ())])
    Users(config.console.dir).add("Kim Nari", Role.LABELLER, PASSWORD)
    Users(config.console.dir).add("chief", Role.ADMIN, PASSWORD)
    store = EventStore.in_folder(config.events.dir)
    for user in ("Kim Nari", "KIM NARI", "lee"):
        data = {"user": user, "address": "192.0.2.7", "action": Action.OPENED, "target": f"/people/{user}"}
        store.add([Event(uuid4().hex, EventKind.ACCESS, 1.0, data=data)])
    store.add([Event(uuid4().hex, EventKind.SETTINGS, 2.0, data={"user": "Kim Nari", "keys": ["fps"]})])
    data = {"user": "chief", "address": "192.0.2.8", "action": "user_added", "target": "Kim Nari"}
    store.add([Event(uuid4().hex, EventKind.ACCESS, 3.0, data=data)])
    store.close()
    return queue


def everything(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).lower()


def figures(config):
    samples = [
        s for each in (config.queue.dir, config.learn.archive / "samples") for s in Queue(each).samples()
    ]
    found = agreement(comparisons(samples))
    return found.total, dict(found.labels), sorted(map(repr, found.people.values()))


def test_a_name_is_replaced_wherever_it_stands_by_one_pseudonym_and_people_agree_as_before(
    config, labelled, tmp_path
):
    before = figures(config)
    assert before[0].pictures == 12
    found = look_for(config, "kim nari")
    assert found.queue
    assert found.archive
    assert (found.events, found.is_user, found.in_team) == (4, True, True)
    pseudonym = erase_person(config, "kim nari")
    assert people.PSEUDONYM.fullmatch(pseudonym)
    assert b"kim nari" not in everything(tmp_path)
    assert b"lee" in everything(tmp_path)
    assert figures(config) == before
    said = {each.by for sample in Queue(config.queue.dir).samples() for each in people.said(sample)}
    assert pseudonym in said <= {pseudonym, "lee", "박"}
    (returned,) = [s for s in Queue(config.queue.dir).samples() if s.verdict and not s.verdict.accepted]
    assert returned.verdict.comment == f"{pseudonym}: the mask is under the nose, {pseudonym}."
    assert read_team(config.queue.dir).labellers == ("lee", "박")
    store = EventStore.in_folder(config.events.dir)
    assert store.users() == {pseudonym: 4, "lee": 1, "chief": 1}
    store.close()
    assert [each.name for each in Users(config.console.dir).all()] == ["chief"]
    assert not (config.queue.dir / people.NAME).exists()
    assert not look_for(config, "Kim Nari").is_known


@pytest.mark.parametrize("killed_at", [1, 3, 8, 12, 99])  # of files; above, in the events
def test_killed_anywhere_it_goes_on_with_the_same_pseudonym(
    config, labelled, tmp_path, monkeypatch, killed_at
):
    class Killed(BaseException):
        pass

    before, left = figures(config), [killed_at]
    real = Path.replace

    def replace_until_killed(path, target):
        left[0] -= 1
        if left[0] < 0 or not isinstance(path, Path):
            raise Killed
        return real(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", replace_until_killed)
        broken.setattr(EventStore, "add", replace_until_killed)
        with pytest.raises(Killed):
            erase_person(config, "Kim Nari")
    assert killed_at < 2 or look_for(config, "Kim Nari").is_known
    noted = people.noted(config.queue.dir)
    pseudonym = erase_person(config, "Kim Nari")
    assert noted in ({}, {"kim nari": pseudonym})
    assert b"kim nari" not in everything(tmp_path)
    assert figures(config) == before


def test_the_only_admin_is_refused_before_anything_changes(config, labelled, tmp_path):
    users = Users(config.console.dir)
    users.set_role("Kim Nari", Role.ADMIN)
    users.remove("chief")
    before = everything(tmp_path)
    with pytest.raises(UserError, match="only admin"):
        erase_person(config, "Kim Nari")
    assert everything(tmp_path) == before


def test_a_sample_that_cannot_be_read_is_told_and_all_others_are_done(config, labelled, tmp_path):
    path = next(config.queue.dir.glob("*/*/*.json"))
    path.write_text("{")
    with pytest.raises(QueueError, match=r"in 1 samples names could not be replaced: .*cannot be read"):
        erase_person(config, "Kim Nari")
    assert b"kim nari" not in b"".join(
        each.read_bytes().lower() for each in config.queue.dir.glob("*/*/*.json")
    )
    assert people.noted(config.queue.dir)  # it is not over


def test_names_become_pseudonyms_when_labels_are_old_the_same_as_long_as_newer_ones_have_the_name(
    config, frame, monkeypatch
):
    queue = Queue(config.queue.dir)
    report = FrameReport("door", "x", 1, 0.0, (64, 48), ())
    names = [
        queue.add(frame(0.0, "door", np.zeros((48, 64, 3), np.uint8)), report, ("gap",)) for _ in range(3)
    ]
    now = datetime.now(UTC)
    for name, days in zip(names, (40, 20, 1), strict=True):
        monkeypatch.setattr(store_module, "utc_now", lambda days=days: now - timedelta(days=days))
        queue.label(name, [], "kim", based_on=0)
    monkeypatch.undo()

    def said():
        return [queue.sample(name).labels.by for name in names]

    archive = config.learn.archive / "samples"
    assert rename_old(queue.folder, archive, 30) == 1
    pseudonym = said()[0]
    assert people.PSEUDONYM.fullmatch(pseudonym)
    assert said() == [pseudonym, "kim", "kim"]
    assert rename_old(queue.folder, archive, 10) == 1
    assert said() == [pseudonym, pseudonym, "kim"]
    assert people.noted(queue.folder) == {"kim": pseudonym}
    assert rename_old(queue.folder, archive, 0.5) == 1
    assert said() == [pseudonym] * 3
    assert people.noted(queue.folder) == {}


def test_the_service_sees_to_names_and_archive_and_waits_while_a_training_runs(
    config, labelled, monkeypatch, caplog
):
    queue = config.queue.model_copy(update={"names_max_days": 10})
    learn = config.learn.model_copy(update={"archive_max_days": 10})
    later = datetime.now(UTC) + timedelta(days=20)
    for module in (upkeep, retention):
        monkeypatch.setattr(module, "utc_now", lambda: later)
    keeper, archive = Upkeep(queue, learn, pytest.fail), Archive(config.learn.archive)
    with caplog.at_level("INFO"):
        with archive.alone():
            keeper.look()
        assert "another training runs; the archive is tidied when it is over" in caplog.text
        assert "names of people in 12 samples became pseudonyms (queue.names_max_days)" in caplog.text
        assert len(archive.samples.images()) == 3
        keeper.look()
    assert "3 samples older than 10 days deleted (learn.archive_max_days)" in caplog.text
    assert archive.samples.images() == {}
    said = {each.by for sample in labelled.samples() for each in people.said(sample)}
    assert len(said) == 3
    assert all(map(people.PSEUDONYM.fullmatch, said))


def test_by_default_labels_archive_and_names_are_kept(config):
    assert config.queue.labelled_max_days is None
    assert config.queue.names_max_days is None
    assert config.learn.archive_max_days is None
