"""What each service says of itself in the fleet's folder, for people to look at: nothing is decided by it, it is not signed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from maskwatch.core.errors import FleetError
from maskwatch.fleet.manifest import SERVICES
from maskwatch.fleet.share import Share, Writable, file_itself
from maskwatch.platform.clock import utc_now

MAX_BYTES = 16_000
MAX_SERVICES = 10_000
RETIRED_AFTER = timedelta(days=30)
SILENT_AFTER = 3  # times that it did not report
Text = Annotated[str, Field(max_length=1000)]


class ServiceReport(BaseModel):
    """A service's `name`, what `serves` and is in its `shadow`, which manifest it saw last, and when it said so.

    Of `frames` that the version in the shadow judged, `differing` were judged differently; `problem` is why it cannot.
    `refused` has why by the version; `held` is whether somebody there chose a version. `not_followed` is why the manifest is not
    followed now. It says so again each `every_s`. `instance` is an id that no other service has, even one of its name.
    `watched_until` is when the version that serves, where the fleet let it, is or was watched no more.
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
    not_followed: Text | None = None
    every_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    instance: Text | None = None
    watched_until: AwareDatetime | None = None

    def is_silent(self, now: datetime) -> bool:
        """Whether it should have reported again by `now`."""
        return now - self.at > SILENT_AFTER * timedelta(seconds=self.every_s)

    def may_be_retired(self, now: datetime) -> bool:
        """Whether at `now` it has been silent for so long that the service may no longer exist."""
        return now - self.at > RETIRED_AFTER


def write_report(share: Writable, report: ServiceReport) -> None:
    """Raises `OSError`, where the service may not write, say."""
    share.write(SERVICES, _file_of(report.name), report.model_dump_json(indent=1).encode())


def warning_of_namesake(share: Share, name: str, instance: str | None) -> str | None:
    """What to say where another service reports under this name; None where none does."""
    try:
        report = ServiceReport.model_validate_json(share.read(f"{SERVICES}/{_file_of(name)}", MAX_BYTES))
    except (FleetError, ValidationError):
        return None
    if report.is_silent(utc_now()) or report.instance in {None, instance}:
        return None
    return f"another service of the fleet is named {name!r}, too: each needs a fleet.name of its own"


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


def remove_report(folder: Path, name: str) -> None:
    """Forget a service. Raises `FleetError` where none of that name reported, or one does so still, and `OSError`."""
    found = {report.name: report for report in read_reports(folder)}
    if name not in found:
        raise FleetError(
            f"{folder}: no service {name!r} has reported there, but {', '.join(found) or 'none'}"
        )
    if not found[name].is_silent(utc_now()):
        raise FleetError(
            f"{name!r} still reports and would reappear; remove `fleet` from its configuration first"
        )
    (folder / SERVICES / _file_of(name)).unlink()


def _file_of(name: str) -> str:
    return f"{quote(name, safe='')}.json"
