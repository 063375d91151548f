"""Whether a version was seen for long enough at its stage to decide on the next, by what services report."""

from collections.abc import Sequence
from datetime import datetime

from maskwatch.core.interval import wilson
from maskwatch.core.text import pluralize
from maskwatch.fleet.manifest import Release
from maskwatch.fleet.report import ServiceReport
from maskwatch.fleet.stages import Stage

ENOUGH_FRAMES = (
    400  # any share is then known within 5 points, and of none that differ fewer than 1 % do (Wilson, 95 %)
)


def evidence(release: Release, reports: Sequence[ServiceReport], now: datetime) -> str | None:
    """A line for people, of a release that is tried; None at other stages. Services that are silent do not count."""
    heard = [report for report in reports if not report.is_silent(now)]
    if release.stage is Stage.SHADOW:
        return f"{release.version} in the shadow: {_of_frames(release.version, heard)}"
    if release.stage is Stage.TENTH:
        return f"{release.version} at a tenth: {_of_services(release, heard, now)}"
    return None


def _of_frames(version: str, reports: Sequence[ServiceReport]) -> str:
    trying = [report for report in reports if report.shadow == version]
    frames, differing = sum(each.frames for each in trying), sum(each.differing for each in trying)
    interval = wilson(differing, frames)
    if interval is None:
        return f"no frame was compared yet; {ENOUGH_FRAMES} are needed"
    low, high = interval
    seen = (
        f"{differing} of {pluralize(frames, 'frame')} differ at {pluralize(len(trying), 'service')} "
        f"({differing / frames:.1%}, 95 % interval {low:.1%} to {high:.1%} if frames were independent)"
    )
    if frames < ENOUGH_FRAMES:
        return f"{seen}; {ENOUGH_FRAMES - frames} more are needed"
    return f"{seen}, enough to tell how many; models shadow --report tells there who is right, once they are labelled"


def _of_services(release: Release, reports: Sequence[ServiceReport], now: datetime) -> str:
    meant = [report for report in reports if release.serves(report.name)]
    gone_back = sum(release.version in report.refused for report in meant)
    ends = [each.watched_until for each in meant if each.serves == release.version and each.watched_until]
    stayed = sum(end <= now for end in ends)
    seen = f"{stayed} of {pluralize(len(meant), 'service')} served with it for as long as it is watched, {gone_back} refused it or went back"
    if waiting := len(meant) - stayed - gone_back:
        until = f", the last until {max(ends):%Y-%m-%d %H:%M} UTC" if ends and max(ends) > now else ""
        return f"{seen}; waiting for {pluralize(waiting, 'service')}{until}"
    interval = wilson(gone_back, stayed + gone_back)
    return seen if interval is None else f"{seen}: of all services {interval[1]:.0%} at most would (95 %)"
