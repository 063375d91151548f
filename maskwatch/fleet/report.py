"""What each service says of itself in the fleet's folder, for people to look at: nothing is decided by it, it is not signed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from maskwatch.fleet.manifest import SERVICES
from maskwatch.fleet.share import Writable, file_itself

MAX_BYTES = 16_000
MAX_SERVICES = 10_000
Text = Annotated[str, Field(max_length=1000)]


class ServiceReport(BaseModel):
    """A service's `name`, what `serves` and is in its `shadow`, which manifest it saw last, and when it said so.

    Of `frames` that the version in the shadow judged, `differing` were judged differently; `problem` is why it cannot.
    `refused` has why by the version; `held` is whether somebody there chose a version.
    """

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(max_length=64)]
    at: AwareDatetime
    program: Annotated[str, Field(max_length=64)]
    sequence: int
    serves: Text
    shadow: Text | None = None
    frames: int = 0
    differing: int = 0
    problem: Text | None = None
    held: bool = False
    refused: dict[str, Text] = Field(default_factory=dict)


def write_report(share: Writable, report: ServiceReport) -> None:
    """Raises `OSError`, where the service may not write, say."""
    share.write(SERVICES, f"{quote(report.name, safe='')}.json", report.model_dump_json(indent=1).encode())


def read_reports(folder: Path) -> Iterator[ServiceReport]:
    """Those of all services, by name. What is no report is left out: anybody who may write there may have put it there."""
    paths = sorted((folder / SERVICES).glob("[!.]*.json"))[:MAX_SERVICES]
    for path in paths:
        try:
            with file_itself(path) as file:
                report = ServiceReport.model_validate_json(file.read(MAX_BYTES))
        except (OSError, ValidationError):
            continue
        yield report
