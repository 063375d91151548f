"""Whether announcements help: how many people put a mask on after one. Pure.

That somebody puts a mask on after an announcement does not prove that she does so because of it. So a random share of the
announcements may be withheld: the difference between told and withheld ones is the announcement's effect.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace

from maskwatch.core.people.shares import Clusters, difference, share
from maskwatch.core.records import (
    Alert,
    AlertKind,
    Announcements,
    EffectFigures,
    EffectStatus,
    FrameReport,
    Label,
    Outcome,
)

SEEN_S = 2.0  # a person last seen so shortly before the end counts as followed until the end
DAY_S = 86_400.0


class Effect:
    """Follows what comes of one camera's announcements. Time is the frames' own, in seconds.

    An announcement addresses the people in view with the verdict unprotected. Somebody whose verdict is protected within
    `effect_s` has put a mask on; somebody who is not followed so long, or who is addressed again before, is unknown. A share
    `withhold_share` (0..1) of the announcements is withheld, chosen by a hash of `seed`, the camera and the alert's time, so
    that a replay withholds the same.
    """

    def __init__(
        self, camera: str, *, effect_s: float = 20.0, withhold_share: float = 0.0, seed: int = 0
    ) -> None:
        self._camera = camera
        self._effect_s = effect_s
        self._withhold_share = withhold_share
        self._seed = seed
        self._open: list[Announcement] = []
        self._unheard: list[Announcement] = []  # over, and not known whether anybody was told
        self._total = {True: _Tally(), False: _Tally()}  # told, withheld
        self._today = {True: _Tally(), False: _Tally()}
        self._day: int | None = None
        self.status = EffectStatus(effect_s)

    def withholds(self, alert: Alert) -> bool:
        """Whether this alert is to be withheld; the same answer each time. Alerts about a camera never are."""
        if not _asks_for_masks(alert):
            return False
        text = f"{self._seed}/{self._camera}/{alert.at:.3f}"
        drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
        return drawn < self._withhold_share

    def update(self, report: FrameReport) -> tuple[Outcome, ...]:
        """The outcomes of announcements that are complete now; to be called with each report, in order, before `decided`."""
        self._begin_day(int(report.at // DAY_S))
        return self._close([each for each in self._open if each.is_over_after(report)])

    def decided(self, alert: Alert, report: FrameReport) -> Alert:
        """The alert of this report, marked if it is withheld; it begins an announcement and ends those before.

        Several alerts of one report are one announcement. An alert that is quiet, or asks nobody for a mask, is none.
        """
        if not _asks_for_masks(alert):
            return alert
        marked = replace(alert, withheld=True) if self.withholds(alert) else alert
        if all(each.at != alert.at for each in self._open):
            for each in self._open:
                each.stop()
            people = frozenset(p.track for p in report.counted if p.label is Label.UNPROTECTED)
            told = False if marked.withheld else None
            self._open.append(Announcement(alert.at, self._effect_s, people, told=told))
        return marked

    def announcement(self, alert: Alert) -> "Announcement | None":
        """The announcement of this alert, which is to be told of its delivery; None when it is over."""
        return next((a for a in (*self._open, *self._unheard) if a.at == alert.at), None)

    def _close(self, over: "list[Announcement]") -> tuple[Outcome, ...]:
        """Count those that are over and known to be told or withheld; one that reached nobody is dropped."""
        self._open = [each for each in self._open if each not in over]
        waiting = [*self._unheard, *over]
        self._unheard = [each for each in waiting if each.told is None and not each.has_failed]
        done = [each for each in waiting if each.told is not None]
        for each in done:
            outcome = each.outcome()
            self._total[outcome.told].add(outcome)
            self._today[outcome.told].add(outcome)
        if done:
            self._refresh()
        return tuple(each.outcome() for each in done)

    def _begin_day(self, day: int) -> None:
        if self._day is not None and day != self._day:
            self._today = {True: _Tally(), False: _Tally()}
            self._refresh()
        self._day = day

    def _refresh(self) -> None:
        self.status = EffectStatus(self._effect_s, _figures(self._today), _figures(self._total))


def _asks_for_masks(alert: Alert) -> bool:
    return alert.kind is AlertKind.UNPROTECTED and not alert.quiet


class Announcement:
    """One alert and the people whom it addresses, by their tracks. `told` is False for a withheld one, None while unknown."""

    def __init__(self, at: float, effect_s: float, people: frozenset[int], *, told: bool | None) -> None:
        self.at = at
        self.told = told
        self.has_failed = False
        self._until = at + effect_s
        self._people = people
        self._put_on: set[int] = set()
        self._without: set[int] = set()  # followed until the end, without one
        self._seen = dict.fromkeys(people, at)
        self._is_stopped = False

    def delivered(self, _at: float) -> None:
        """It reached people."""
        self.told = True

    def failed(self) -> None:
        """It reached nobody."""
        self.has_failed = True

    def is_over_after(self, report: FrameReport) -> bool:
        """Whether its time is over with this report, which is taken into account; also when the clock was set back."""
        if self._is_stopped:
            return True
        is_over = not self.at <= report.at <= self._until
        for person in report.persons or ():
            if person.track not in self._people:
                continue
            if not is_over:
                self._seen[person.track] = report.at
                if person.label is Label.PROTECTED:
                    self._put_on.add(person.track)
            elif person.label is not Label.PROTECTED and report.at > self._until:
                self._without.add(person.track)
        if is_over:
            self._without |= {track for track, at in self._seen.items() if at >= self._until - SEEN_S}
        return is_over

    def stop(self) -> None:
        """End it before its time: people without a mask until now are unknown."""
        self._is_stopped = True

    def outcome(self) -> Outcome:
        """What came of it."""
        without = self._without - self._put_on
        unknown = self._people - self._put_on - without
        put_on = tuple(sorted(self._put_on))
        return Outcome(self.at, bool(self.told), tuple(sorted(self._people)), put_on, tuple(sorted(unknown)))


@dataclass(slots=True)
class _Tally:
    """Counts of announcements, told or withheld. Its size does not grow with time."""

    announcements: int = 0
    addressed: int = 0
    put_on: int = 0
    unknown: int = 0
    clusters: Clusters = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.announcements += 1
        self.addressed += len(outcome.addressed)
        self.put_on += len(outcome.put_on)
        self.unknown += len(outcome.unknown)
        self.clusters[len(outcome.addressed), len(outcome.put_on)] += 1

    def figures(self) -> Announcements:
        return Announcements(
            self.announcements, self.addressed, self.put_on, self.unknown, share(self.clusters)
        )


def _figures(tallies: dict[bool, _Tally]) -> EffectFigures:
    told, withheld = tallies[True].figures(), tallies[False].figures()
    return EffectFigures(told, withheld, difference(told.share, withheld.share))
