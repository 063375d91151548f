"""Replaces the name of somebody who labelled, decided or looked with a pseudonym, for good."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maskwatch.config.load import Config
from maskwatch.console.users import Users
from maskwatch.events import erase as of_events
from maskwatch.samples import people
from maskwatch.samples.store import Queue
from maskwatch.samples.team import read_team


@dataclass(frozen=True, slots=True)
class NameUses:
    """Where a person's name occurs: the numbers of samples in queue and archive, and of events, and the spellings found.

    `is_user`: of the console; `in_team`: among those who label; `damaged`: databases put aside as damaged, deleted whole.
    """

    queue: int
    archive: int
    events: int
    spellings: tuple[str, ...]
    is_user: bool
    in_team: bool
    is_begun: bool
    damaged: tuple[Path, ...]

    @property
    def is_known(self) -> bool:
        """Whether it stands anywhere."""
        return bool(
            self.queue or self.archive or self.events or self.is_user or self.in_team or self.is_begun
        )


def look_for(config: Config, name: str) -> NameUses:
    """What would change. Raises `QueueError`, `EventError`, `UserError`."""
    wanted, folder = people.key(name), config.queue.dir
    archive = config.learn.archive / "samples"
    waiting, used = (people.people(Queue(each).samples())[wanted] for each in (folder, archive))
    users = {
        user: count
        for user, count in of_events.count_users(config.events.dir).items()
        if people.key(user) == wanted
    }
    return NameUses(
        waiting,
        used,
        sum(users.values()),
        tuple(sorted(users)),
        Users(config.console.dir).get(name) is not None,
        wanted in map(people.key, read_team(folder).labellers),
        wanted in people.noted(folder),
        tuple(of_events.damaged(config.events.dir, None)),
    )


def erase_person(config: Config, name: str, advance: Callable[[], None] = lambda: None) -> str:
    """Replace the name everywhere; returns the pseudonym. Stopped half-way, the same call goes on with the same one.

    She cannot sign in any more. Raises `UserError`, before anything is changed, for the only admin, and `QueueError`,
    `EventError`.
    """
    wanted, folder = people.key(name), config.queue.dir
    users = Users(config.console.dir)
    if users.get(name) is not None:
        users.remove(name)  # first: what she does from now on would be written under the name again
    names = {wanted: people.pseudonyms(folder, [name])[wanted]}
    people.leave_team(folder, names)
    renaming = people.Renaming(names)
    for each in (folder, config.learn.archive / "samples"):
        people.rename(each, renaming, advance)
    spellings = [user for user in of_events.count_users(config.events.dir) if people.key(user) == wanted]
    of_events.rename_users(config.events.dir, dict.fromkeys(spellings, names[wanted]))
    of_events.delete_damaged(config.events.dir, None)
    people.forget_pseudonyms(folder, [name])
    return names[wanted]
