"""One service of a fleet: what it takes, tries, refuses and goes back from."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from maskwatch.core.errors import FleetError, NotInFleet
from maskwatch.core.records import ShadowCounts, ShadowStatus
from maskwatch.fleet.download import install
from maskwatch.fleet.manifest import MANIFEST, Manifest, Release, pull_manifest
from maskwatch.fleet.report import ServiceReport, warning_of_namesake, write_report
from maskwatch.fleet.share import Share, Writable
from maskwatch.fleet.stages import Stage
from maskwatch.fleet.state import Taken
from maskwatch.fleet.switch import Switch
from maskwatch.platform.clock import utc_now

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a service finds out about a version by itself; the reasons are lines for people, None when all is well.

    `why_not` is asked before the version serves, `why_back` while it does and is watched. `judges` are what judge each
    camera now, as drift is counted by; `tried` is what came of the version in the shadow.
    """

    why_not: Callable[[str], str | None]
    why_back: Callable[[Taken], str | None]
    judges: Callable[[], Mapping[str, str]]
    tried: Callable[[], ShadowStatus | None]


@dataclass(frozen=True, slots=True)
class Membership:
    """The service's `name` in the fleet, and what it takes from where: `keys` are trusted, `cameras` shadow.

    At most `max_bytes` are taken for a version. Of the registry's versions the newest `keep` stay. `program` is this
    program's version, which is reported each `every_s`.
    """

    name: str
    share: Share
    keys: "tuple[Ed25519PublicKey, ...]"
    cameras: tuple[str, ...]
    max_bytes: int
    keep: int
    program: str
    every_s: float


class Member:
    """For one thread. Methods raise `ModelError`, `FleetError` and `OSError`."""

    def __init__(
        self,
        membership: Membership,
        switch: Switch,
        judgement: Judgement,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._fleet = membership
        self._switch = switch
        self._files = switch.files
        self._registry = switch.registry
        self._judgement = judgement
        self._is_stopped = is_stopped
        self._has_namesake = False

    def watch(self) -> None:
        """Notice what somebody here chose, and go back from a version that does not hold what was hoped for."""
        self._switch.notice_choice()
        taken = self._switch.watched()
        if taken is None or self._files.held() is not None:
            return
        why = self._judgement.why_back(taken)
        if why is not None:
            self._switch.leave(taken, why)

    def follow(self) -> None:
        """Pull the manifest and do what it says. Raises `FleetError` for what is not followed, and `FleetUnreachable`."""
        manifest = self._pulled()
        if manifest is None:
            return
        manifest.require_valid(utc_now())
        held = self._files.held()
        if held is None:
            self._serve(manifest)
            self._shadow(manifest)
        elif (release := manifest.release(held)) and release.stage is Stage.WITHDRAWN:
            raise FleetError(f"version {held} was chosen here, and is withdrawn from the fleet")

    def report(self, problem: Exception | None = None) -> None:
        """Tell who looks at the share, where something is published; `problem` is why the fleet is not followed."""
        share = self._fleet.share
        if not isinstance(share, Writable) or not share.has(MANIFEST):
            return
        self._look_for_namesake(share)
        state, registry, tried = self._files.read(), self._registry.state(), self._judgement.tried()
        counts = sum(tried.cameras.values(), ShadowCounts()) if tried else ShadowCounts()
        said = ServiceReport(
            name=self._fleet.name,
            at=utc_now(),
            program=self._fleet.program,
            sequence=state.sequence,
            serves=registry.serving,
            shadow=registry.shadow.version if registry.shadow else None,
            frames=counts.frames,
            differing=counts.differing,
            problem=tried.problem if tried else None,
            held=self._files.held() is not None,
            refused={version: each.why[:1000] for version, each in state.refused.items()},
            not_followed=str(problem)[:1000] if problem else None,
            every_s=self._fleet.every_s,
            instance=state.instance,
            watched_until=self._switch.watched_until,
        )
        write_report(share, said)

    def note_well(self) -> None:
        """The service has run for a while, or ends as it should."""
        self._switch.note_well()

    def notice(self) -> str | None:
        """What somebody should know; None when the fleet is followed and nothing was refused."""
        if (version := self._files.held()) is not None:
            return f"not followed since {version} was chosen here (maskwatch fleet follow)"
        refused = self._files.read().refused
        return "; ".join(f"{v} is refused: {each.why}" for v, each in refused.items()) or None

    def _look_for_namesake(self, share: Share) -> None:
        state = self._files.read()
        if state.instance is None:
            state = state.having(instance=uuid4().hex)
            self._files.write(state)
        warning = warning_of_namesake(share, self._fleet.name, state.instance)
        if warning is not None and not self._has_namesake:
            self._has_namesake = True
            log.warning(warning)

    def _pulled(self) -> Manifest | None:
        """None before anything was published; a manifest that was seen and is gone cannot be reached."""
        state = self._files.read()
        try:
            manifest = pull_manifest(self._fleet.share, self._fleet.keys)
        except NotInFleet:
            if state.sequence:
                raise
            return None
        if manifest.sequence < state.sequence:
            raise FleetError(
                f"the fleet's manifest is an older one (number {manifest.sequence}; {state.sequence} was seen already)"
            )
        refused = {version: state.refused[version] for version in state.refused_of(manifest)}
        if manifest.sequence > state.sequence or refused != state.refused:
            self._files.write(state.having(sequence=manifest.sequence, refused=refused))
        return manifest

    def _serve(self, manifest: Manifest) -> None:
        state, serving = self._files.read(), self._registry.state().serving
        release, wanted = manifest.release(serving), manifest.wanted(self._fleet.name, state.refused)
        if wanted is not None:
            if wanted.version != serving:
                self._take(wanted)
        elif release is not None and serving in state.ours:
            was = "withdrawn" if release.stage is Stage.WITHDRAWN else f"staged as {release.stage}"
            self._switch.go_back(serving, f"it was {was}")

    def _take(self, release: Release) -> None:
        self._install(release)
        before = self._registry.state()
        # of one that served already, the holdout might say that the later one is better, which was withdrawn
        is_known = release.version in before.before
        why = None if is_known else self._judgement.why_not(release.version)
        if why is not None:
            log.warning(
                "version %s of the fleet is refused, %s goes on: %s", release.version, before.serving, why
            )
            self._switch.refuse(release.version, release.sequence, why)
        elif self._registry.state() == before and not self._is_stopped():  # nobody chose meanwhile
            self._switch.take(release, self._judgement.judges())
            self._registry.tidy(self._fleet.keep)

    def _shadow(self, manifest: Manifest) -> None:
        state, registry = self._files.read(), self._registry.state()
        running = registry.shadow.version if registry.shadow else None
        if running is not None and running != state.shadow:
            return  # somebody here tries another one
        release = manifest.shadowed(state.refused) if self._fleet.cameras else None
        if release is None or release.version == registry.serving:
            if state.shadow is not None:
                self._registry.end_shadow()
                self._files.write(state.having(shadow=None))
        elif state.shadow != release.version:  # else it goes on, or somebody here ended it
            self._install(release)
            self._files.write(state.having(shadow=release.version))
            self._registry.begin_shadow(release.version, self._fleet.cameras)
            log.info("version %s of the fleet is in the shadow of %s", release.version, registry.serving)

    def _install(self, release: Release) -> None:
        install(self._registry, self._fleet.share, release, self._fleet.max_bytes, self._is_stopped)
