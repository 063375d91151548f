"""What the pages share: the queue, what is kept for it, and who has which picture open."""

from dataclasses import dataclass, field

from maskwatch.console.review.drafts import Drafts
from maskwatch.console.review.thumbnails import Thumbnails
from maskwatch.console.review.uploads import Uploads
from maskwatch.console.review.walk import Presence
from maskwatch.samples.store import Queue


@dataclass(frozen=True, slots=True)
class Review:
    """`by` is offered as the name of a person who has not given one yet; `learned` are samples that left the queue."""

    queue: Queue
    thumbnails: Thumbnails
    uploads: Uploads
    presence: Presence
    by: str | None
    learned: Queue | None = None
    drafts: Drafts = field(default_factory=Drafts)
