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
EVERYTHING = (
    Link("live", "/live", "videocam"),
    Link("history", "/history", "history"),
    QUEUE,
    Link("editor", "/editor", "tune", Role.ADMIN),
    Link("people", "/people", "group", Role.ADMIN),
)
