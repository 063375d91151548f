"""Builds a fleet's member: its own checks of a version, and the thread that follows the fleet."""

import threading
from collections.abc import Callable
from datetime import timedelta

from maskwatch import __version__
from maskwatch.app.analysts import version_analysts
from maskwatch.config.load import Config
from maskwatch.core.errors import ConfigError, DataError, MaskwatchError, NotInFleet, QueueError
from maskwatch.drift.confidences import days, named
from maskwatch.drift.shift import Bounds
from maskwatch.fleet.follower import FleetFollower
from maskwatch.fleet.manifest import pull_manifest
from maskwatch.fleet.member import Judgement, Member, Membership
from maskwatch.fleet.report import warning_of_namesake
from maskwatch.fleet.settings import FleetSettings
from maskwatch.fleet.share import open_share
from maskwatch.fleet.shift import why_shifted
from maskwatch.fleet.signing import read_public
from maskwatch.fleet.state import StateFiles, Taken
from maskwatch.fleet.switch import Switch
from maskwatch.learning.archive import Archive
from maskwatch.learning.holdout import why_worse_here
from maskwatch.models.hot_swap import ABOUT, taking_turns
from maskwatch.models.loading import pick_device
from maskwatch.models.registry import Registry
from maskwatch.pipeline.pipeline import Pipeline
from maskwatch.platform.clock import utc_now


def fleet_switch(config: Config, registry: Registry) -> Switch | None:
    """What changes the serving version on behalf of the fleet, before any is loaded; None without a fleet."""
    if config.fleet.address is None:
        return None
    switch = Switch(registry, timedelta(hours=config.fleet.watch_hours))
    switch.note_start()
    return switch


def fleet_follower(
    config: Config, switch: Switch, pipeline: Pipeline, load: Callable[[str], object]
) -> FleetFollower:
    """Follows the configured fleet. `load` loads a version and tries it out. Raises `ConfigError`."""
    fleet = config.fleet
    stopping = threading.Event()
    judgement = Judgement(
        why_not=lambda version: _why_not(config, switch.registry, version, load),
        why_back=lambda taken: _why_back(config, pipeline, taken),
        judges=lambda: _judges(pipeline),
        tried=lambda: pipeline.board.snapshot().shadow,
    )
    member = Member(_membership(config, fleet), switch, judgement, stopping.is_set)
    return FleetFollower(member, pipeline, fleet.every_s, stopping)


def check_fleet(config: Config) -> str:
    """What the configured fleet offers this service. Raises `ConfigError` and `FleetError`."""
    fleet = config.fleet
    member = _membership(config, fleet)
    try:
        manifest = pull_manifest(member.share, member.keys)
    except NotInFleet:
        return f"nothing is published yet in {fleet.shown_address}, unless a share is to be mounted there"
    manifest.require_valid(utc_now())
    told = [f"signed manifest {manifest.sequence} of {manifest.published_at:%Y-%m-%d %H:%M} UTC"]
    if manifest.expires_at is not None:
        told.append(f"valid until {manifest.expires_at:%Y-%m-%d}")
    if (wanted := manifest.wanted(member.name, ())) is not None:
        told.append(f"{wanted.version} for {member.name}")
    if (shadowed := manifest.shadowed(())) is not None:
        told.append(f"{shadowed.version} in the shadow")
    own = StateFiles(config.models.dir).read().instance
    if (warning := warning_of_namesake(member.share, member.name, own)) is not None:
        told.append(warning)
    return ", ".join(told)


def _membership(config: Config, fleet: FleetSettings) -> Membership:
    assert fleet.address is not None
    assert fleet.public_key is not None
    if fleet.name is None and "site" not in config.events.model_fields_set:
        raise ConfigError("fleet.name: this service needs a name that no other has (or events.site)")
    shadow = tuple(config.cameras)[:1] if fleet.shadow is None else fleet.shadow
    for name in shadow:
        if name not in config.cameras:
            raise ConfigError(f"fleet.shadow: {name!r} is no camera")
    return Membership(
        name=fleet.name or config.events.site,
        share=open_share(fleet.address.get_secret_value()),
        keys=read_public(fleet.public_key),
        cameras=shadow,
        max_bytes=fleet.max_mb * 1_000_000,
        keep=config.learn.keep,
        program=__version__,
        every_s=fleet.every_s,
    )


def _why_not(config: Config, registry: Registry, version: str, load: Callable[[str], object]) -> str | None:
    """By the smoke test with each camera's settings, and by the holdout."""
    try:
        with taking_turns():
            load(version)
    # RuntimeError: what torch and OpenVINO make of weights that fit in shape and in nothing else
    except (MaskwatchError, OSError, RuntimeError) as e:
        return f"it cannot be used: {e}"
    serving = registry.files(registry.state().serving)
    analysts = version_analysts(config, pick_device(config.device))
    try:
        with taking_turns():
            return why_worse_here(
                Archive(config.learn.archive), analysts, serving, registry.files(version), config.learn.margin
            )
    except ConfigError:  # cameras that other kinds judge
        return None
    except (DataError, QueueError) as e:
        return f"the holdout cannot be read: {e}"


def _why_back(config: Config, pipeline: Pipeline, taken: Taken) -> str | None:
    """By the hot swap, that could not use it after all, and by how sure the models are."""
    problem = pipeline.board.snapshot().notices.get(ABOUT, "")
    if taken.version in problem:  # else it is about one before
        return problem
    bounds = Bounds(config.fleet.max_shift, config.drift.reference_days, config.drift.least_faces)
    counted = list(days(config.drift.dir))
    now = _judges(pipeline)
    return why_shifted(counted, taken.judges_before, now, bounds, since=taken.at, today=utc_now().date())


def _judges(pipeline: Pipeline) -> dict[str, str]:
    return {name: named(each) for name, each in pipeline.versions().items()}
