"""What the bar on top of each page leads to."""

from dataclasses import dataclass

from maskwatch.console.users import Role


@dataclass(frozen=True, slots=True)
class Link:
    """`key` is that of its text in `texts/shell.yaml`; who has not the role neither sees it nor may follow it."""

    key: str
    path: str
    icon: str
    role: Role = Role.VIEWER


QUEUE = Link("queue", "/queue", "photo_library", Role.LABELLER)
TEAM = Link("team", "/team", "groups", Role.LABELLER)
HISTORY = Link("history", "/history", "history")
SITES = Link("sites", "/sites", "domain")
PEOPLE = Link("people", "/people", "group", Role.ADMIN)
EVERYTHING = (
    Link("live", "/live", "videocam"),
    SITES,
    HISTORY,
    QUEUE,
    TEAM,
    Link("editor", "/editor", "tune", Role.ADMIN),
    PEOPLE,
)
QUEUE_ALONE = (QUEUE, TEAM)
STORE_ALONE = (SITES, HISTORY, PEOPLE)
"""Of a shared store, without a service."""
