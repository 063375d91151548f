"""Changes which version serves here on behalf of the fleet, remembers it, and notices when somebody else did."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from maskwatch.core.errors import ModelError
from maskwatch.fleet.manifest import Release
from maskwatch.fleet.state import Refusal, StateFiles, Taken
from maskwatch.models.registry import SHIPPED, Registry
from maskwatch.platform.clock import utc_now

log = logging.getLogger(__name__)

MAX_CRASHES = 3  # with a version just taken: then the one before serves again
MAX_OURS = 100


class Switch:
    """Of a service's registry, which other processes may change, too. Methods raise `ModelError`, `FleetError` and `OSError`.

    A version that was taken is `watched` for so long.
    """

    def __init__(self, registry: Registry, watched: timedelta) -> None:
        self.registry = registry
        self.files = StateFiles(registry.folder)
        self._watched = watched

    def note_start(self) -> None:
        """The service starts, perhaps because it crashed: a version with which that happens again and again is left.

        To be called before the models are loaded.
        """
        state = self.files.read()
        taken = state.taken
        if taken is None or not self.is_watched(taken):
            return
        self.files.write(state.having(taken=taken.model_copy(update={"crashes": taken.crashes + 1})))
        if taken.crashes >= MAX_CRASHES and self.registry.state().serving == taken.version:
            self.leave(taken, f"the service ended unexpectedly {taken.crashes} times with it")

    def note_well(self) -> None:
        """The service has run for a while, or ends as it should."""
        state = self.files.read()
        if state.taken is not None and state.taken.crashes:
            self.files.write(state.having(taken=state.taken.model_copy(update={"crashes": 0})))

    def watched(self) -> Taken | None:
        """The version that serves, if the fleet let it and it is still watched."""
        taken = self.files.read().taken
        if taken is None or self.registry.state().serving != taken.version or not self.is_watched(taken):
            return None
        return taken

    def is_watched(self, taken: Taken) -> bool:
        """Whether it was taken lately."""
        return utc_now() - taken.at < self._watched

    @property
    def watched_until(self) -> datetime | None:
        """When the version that serves is or was watched no more; None where the fleet did not let it."""
        taken = self.files.read().taken
        return taken.at + self._watched if taken and self.registry.state().serving == taken.version else None

    def notice_choice(self) -> None:
        """Where another version serves than the fleet let serve, somebody chose it, which holds against the fleet."""
        state, changed_at = self.files.read(), self._changed_at()
        if state.has_begun and changed_at == state.changed_at:
            return
        serving = self.registry.state().serving
        if state.has_begun and serving != state.pending:
            log.warning(
                "version %s was chosen here: the fleet is not followed from now on "
                "(maskwatch fleet follow lets the fleet decide again)",
                serving,
            )
            self.files.hold(serving)
        self.files.write(state.having(has_begun=True, changed_at=changed_at, pending=None))

    def take(self, release: Release, judges_before: Mapping[str, str]) -> None:
        """Let a version of the fleet serve, which is in the registry."""
        version, state, before = release.version, self.files.read(), self.registry.state()
        taken = Taken(
            version=version, sequence=release.sequence, at=utc_now(), judges_before=dict(judges_before)
        )
        ours = (*(each for each in state.ours if each != version), version)[-MAX_OURS:]
        self.files.write(state.having(taken=taken, ours=ours, pending=version))
        why = f"the fleet has it at the stage {release.stage}"
        if before.before[-1:] == (version,):
            self.registry.rollback(why)  # it served before, and is not to lie above the one that it follows
        else:
            self.registry.promote(version, why)
        log.info("version %s of the fleet is to serve, after %s", version, before.serving)
        self._note_change()

    def refuse(self, version: str, sequence: int, why: str) -> None:
        """Do not take a version, until it is staged by a later manifest than that of `sequence`."""
        state = self.files.read()
        refused = {**state.refused, version: Refusal(sequence=sequence, why=why)}
        self.files.write(state.having(refused=refused))
        self.registry.refuse(version, why)

    def leave(self, taken: Taken, why: str) -> None:
        """Go back from a version, and refuse it."""
        self.refuse(taken.version, taken.sequence, why)
        self.go_back(taken.version, why)

    def go_back(self, version: str, why: str) -> None:
        """Let the version serve that did before and was not refused; of those whose files are whole."""
        refused, reason = self.files.read().refused, f"{version} of the fleet is left: {why}"
        before = [each for each in self.registry.state().before if each not in {version, *refused}]
        for target in (*reversed(before), SHIPPED):
            self.files.write(self.files.read().having(pending=target))
            try:
                while (state := self.registry.state()).serving != target and target in state.before:
                    self.registry.rollback(reason)
                self.registry.promote(target, reason)
            except ModelError as e:
                log.warning("%s cannot serve again: %s", target, e)
                continue
            log.warning("version %s of the fleet is left, %s is to serve again: %s", version, target, why)
            break
        self._note_change()

    def _note_change(self) -> None:
        """What the registry did last was done from here."""
        self.files.write(self.files.read().having(pending=None, changed_at=self._changed_at()))

    def _changed_at(self) -> datetime | None:
        served = self.registry.state().served_last
        return served.at if served else None
