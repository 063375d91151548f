"""The configuration as the editor's page reads and changes it: fills `console.editor.port.Settings`."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from maskwatch.app.rules import camera_rules
from maskwatch.config.edit import ConfigFile, Proposal
from maskwatch.config.load import Config, load
from maskwatch.config.sections import CameraConfig
from maskwatch.config.yaml_document import Key
from maskwatch.config.yaml_edit import REMOVE
from maskwatch.console.editor.draft import Place, PlaceKind, Thresholds
from maskwatch.console.editor.port import CameraSettings, Prepared, SettingsChange, Snapshot
from maskwatch.core.errors import MALFORMED, ConfigError, ModelError
from maskwatch.core.people import Line, Passages, People
from maskwatch.core.what_if import Bounds, WhatIf
from maskwatch.detect.settings import STOCK
from maskwatch.detect.settings import Settings as DetectSettings
from maskwatch.models.registry import Registry
from maskwatch.rules.kinds.protected_ratio import Settings as RatioSettings
from maskwatch.tracking import FaceTracker

USES = frozenset({"fps", "privacy", "ignore", "zones", "lines", "detect", "classify", "alert", "models"})
PUBLISHED = (0.6, 0.7, 0.8)  # the thresholds of the published weights
SECTIONS = {PlaceKind.ZONE: "zones", PlaceKind.LINE: "lines"}

Changes = dict[Key, Any]


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A `Prepared` with what is to be written."""

    proposal: Proposal
    keys: tuple[str, ...]

    @property
    def removed(self) -> tuple[str, ...]:
        """See the port."""
        return self.proposal.removed

    @property
    def added(self) -> tuple[str, ...]:
        """See the port."""
        return self.proposal.added


class ConfigEditor:
    """A `Settings` of one file; versions before a change are kept in the folder `history`."""

    def __init__(self, path: Path, history: Path) -> None:
        self._path = path
        self._file = ConfigFile(path, history)
        self._loaded: tuple[str, Config] | None = None

    def _config(self) -> Config:
        """What the file says; read again only when it is another."""
        digest = self._file.digest()
        if self._loaded is None or self._loaded[0] != digest:
            self._loaded = digest, load(self._path, USES)
        return self._loaded[1]

    def read(self) -> Snapshot:
        """See the port."""
        digest = self._file.digest()
        config = self._config()
        cameras = {
            name: CameraSettings(_places(camera), self._thresholds(config, camera), camera.privacy)
            for name, camera in config.cameras.items()
        }
        return Snapshot(cameras, digest, self._file.why_not_writable(), self._file.can_undo())

    def prepare(self, change: SettingsChange) -> Prepared:
        """See the port."""
        config = self._config()
        camera = self._camera(config, change.camera)
        raw = self._file.value()
        scope = _Scope(raw, change.camera, for_all=change.for_all)
        changes = _place_changes(scope, camera, change.places)
        changes |= self._threshold_changes(scope, config, camera, change.thresholds)
        if not changes:
            raise ConfigError(f"{self._path}: nothing is changed")
        proposal = self._file.propose(changes, change.digest)
        return PreparedChange(proposal, tuple(".".join(map(str, key)) for key in changes))

    def save(self, prepared: Prepared) -> str:
        """See the port."""
        assert isinstance(prepared, PreparedChange)
        return self._file.write(prepared.proposal)

    def undo(self) -> str:
        """See the port."""
        return self._file.undo()

    def bounds(self, camera: str, places: tuple[Place, ...], thresholds: Thresholds) -> Bounds:
        """See the port. A threshold that is as now sets no bound: everything found counts."""
        config = self._config()
        now = self._thresholds(config, self._camera(config, camera))
        ignore = tuple(place.points for place in places if place.kind is PlaceKind.IGNORE)
        found_at = None if thresholds.found_at == now.found_at else thresholds.found_at
        floor = None if thresholds.min_face_px == now.min_face_px else thresholds.min_face_px
        return Bounds(thresholds.protected_at, found_at, floor or 0.0, ignore)

    def what_if(
        self, camera: str, places: tuple[Place, ...], thresholds: Thresholds, *, live: bool
    ) -> WhatIf:
        """See the port."""
        settings = self._camera(self._config(), camera)
        zones = {place.name: place.points for place in places if place.kind is PlaceKind.ZONE}
        lines = {
            place.name: Line(place.points[0], place.points[1], place.leaving)
            for place in places
            if place.kind is PlaceKind.LINE
        }
        passages = Passages(
            zones=zones, lines=lines, min_face_px=thresholds.min_face_px or settings.classify.min_face_px
        )
        people = People(FaceTracker(), protected_at=thresholds.protected_at, passages=passages)
        rules = camera_rules(_with_thresholds(settings, thresholds), live=live)
        return WhatIf(people, rules, self.bounds(camera, places, thresholds), self.recorded_at(camera))

    def recorded_at(self, camera: str) -> float | None:
        """See the port."""
        config = self._config()
        return self._thresholds(config, self._camera(config, camera)).found_at

    def _camera(self, config: Config, name: str) -> CameraConfig:
        if name not in config.cameras:
            raise ConfigError(f"{self._path}: has no camera {name!r} any more")
        return config.cameras[name]

    def _thresholds(self, config: Config, camera: CameraConfig) -> Thresholds:
        rule = _ratio_rule(camera)
        ratio = None if rule is None else rule[1].protected_ratio
        of_stages = _thresholds(config, camera)
        return Thresholds(
            camera.classify.protected_at,
            camera.alert.protected_ratio if ratio is None else ratio,
            camera.alert.for_s if rule is None or "for_s" not in rule[1].model_fields_set else rule[1].for_s,
            of_stages[-1] if of_stages else getattr(camera.detect, "score", None),
            _looked_for(camera),
        )

    def _threshold_changes(
        self, scope: "_Scope", config: Config, camera: CameraConfig, thresholds: Thresholds
    ) -> Changes:
        now = self._thresholds(config, camera)
        changes: Changes = {}
        if thresholds.protected_at != now.protected_at:
            changes |= scope.put(("classify", "protected_at"), thresholds.protected_at)
        if thresholds.min_face_px != now.min_face_px:
            changes |= scope.put(("detect", "min_face_px"), thresholds.min_face_px)
        if thresholds.found_at != now.found_at:
            of_stages = _thresholds(config, camera)
            if of_stages:
                changes |= scope.put(("detect", "thresholds"), [*of_stages[:-1], thresholds.found_at])
            else:
                changes |= scope.put(("detect", "score"), thresholds.found_at)
        for name in ("protected_ratio", "for_s"):
            if getattr(thresholds, name) != getattr(now, name):
                changes |= _of_the_rule(scope, changes, camera, name, getattr(thresholds, name))
        return changes


class _Scope:
    """Where a value is written: under the camera's own name, or in the sections for all."""

    def __init__(self, raw: Any, camera: str, *, for_all: bool) -> None:
        self.raw = raw
        self.own: Key = ("cameras", camera)
        self.for_all = for_all
        self.prefix: Key = () if for_all else self.own

    def at(self, key: Key) -> Any:
        """What is written there, None for nothing."""
        value = self.raw
        for part in key:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def has(self, key: Key) -> bool:
        """Whether something is written there, be it null."""
        section = self.at(key[:-1])
        return isinstance(section, dict) and key[-1] in section

    def put(self, key: Key, value: Any) -> Changes:
        """A value; what holds for all is no longer said otherwise under the camera's own name."""
        result: Changes = {(*self.prefix, *key): value}
        if self.for_all and self.has((*self.own, *key)):
            result[(*self.own, *key)] = REMOVE
        return result


def _places(camera: CameraConfig) -> tuple[Place, ...]:
    found = [(PlaceKind.IGNORE, "", polygon, None) for polygon in camera.ignore]
    zones = [(PlaceKind.ZONE, name, polygon, None) for name, polygon in camera.zones.items()]
    lines = [
        (PlaceKind.LINE, name, (each.start, each.end), each.leaving) for name, each in camera.lines.items()
    ]
    return tuple(
        Place(number, kind, name, points) if leaving is None else Place(number, kind, name, points, leaving)
        for number, (kind, name, points, leaving) in enumerate([*found, *zones, *lines], 1)
    )


def _as_written(place: Place) -> Any:
    points = [[int(share) if share == int(share) else share for share in point] for point in place.points]
    if place.kind is PlaceKind.LINE:
        return {"from": points[0], "to": points[1], "leaving": place.leaving.value}
    return points


def _place_changes(scope: _Scope, camera: CameraConfig, places: Sequence[Place]) -> Changes:
    before = _places(camera)
    changes = _ignore_changes(
        scope, *([p for p in each if p.kind is PlaceKind.IGNORE] for each in (before, places))
    )
    for kind, section in SECTIONS.items():
        old, new = (
            {p.name: replace(p, number=0) for p in each if p.kind is kind} for each in (before, places)
        )
        if old != new:
            changes |= _named_changes(scope, section, old, new)
    return changes


def _named_changes(
    scope: _Scope, section: str, old: Mapping[str, Place], new: Mapping[str, Place]
) -> Changes:
    """Each name for itself, so that the others stay as they are written."""
    own, all_of_them = scope.at((*scope.own, section)) or {}, scope.at((section,)) or {}
    changes: Changes = {}
    for name in old.keys() - new.keys():
        if name in all_of_them and not scope.for_all:
            raise ConfigError(
                f"{section}.{name}: stands in the section for all cameras; it can only be taken away for all of them"
            )
        for prefix, there in ((scope.own, own), ((), all_of_them)):
            if name in there:
                changes[(*prefix, section, name)] = REMOVE
    for name, place in new.items():
        if place != old.get(name):
            changes |= scope.put((section, name), _as_written(place))
    for prefix, there in ((scope.own, own), ((), all_of_them)):
        keys = [(*prefix, section, name) for name in there]
        if keys and all(changes.get(key) is REMOVE for key in keys) and not changes.keys() - set(keys):
            return {(*prefix, section): REMOVE}
    return changes


def _ignore_changes(scope: _Scope, before: Sequence[Place], after: Sequence[Place]) -> Changes:
    """Polygon by polygon where the list stands there, so that comments beside them stay."""
    old, new = ([_as_written(place) for place in each] for each in (before, after))
    if old == new:
        return {}
    key: Key = (*scope.prefix, "ignore")
    if not new and (scope.for_all or not scope.at(("ignore",))):
        return {each: REMOVE for each in dict.fromkeys([(*scope.own, "ignore"), key]) if scope.has(each)}
    if not new or scope.at(key) != old:
        return scope.put(("ignore",), new)
    changes: Changes = scope.put(("ignore",), new)
    steps: Changes = {}
    gone: list[int] = []
    matcher = SequenceMatcher(None, [json.dumps(each) for each in old], [json.dumps(each) for each in new])
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        if i1 < len(old) and j2 - j1 > i2 - i1:
            return changes  # something new in between: the list as a whole
        steps |= {(*key, i1 + n): new[j1 + n] for n in range(min(i2 - i1, j2 - j1))}
        gone += range(i1 + (j2 - j1), i2)
        if i1 == len(old):
            left = len(old) - len(gone)
            return steps | {(*key, n): REMOVE for n in reversed(gone)} | _appended(key, left, new[j1:j2])
    del changes[key]
    return steps | {(*key, n): REMOVE for n in reversed(gone)} | changes


def _appended(key: Key, length: int, items: Sequence[Any]) -> Changes:
    return {(*key, length + n): item for n, item in enumerate(items)}


def _ratio_rule(camera: CameraConfig) -> tuple[int, RatioSettings] | None:
    """The first rule that asks for the ratio, and its place."""
    rules = enumerate(camera.alert.rules)
    return next(((place, rule) for place, rule in rules if isinstance(rule, RatioSettings)), None)


def _of_the_rule(scope: _Scope, changes: Changes, camera: CameraConfig, name: str, value: float) -> Changes:
    """Where the rule itself says the number it is changed there, else in the `alert` section."""
    rule = _ratio_rule(camera)
    if rule is None or name not in rule[1].model_fields_set:
        return scope.put(("alert", name), value)
    holder = scope.own if scope.at((*scope.own, "alert", "rules")) is not None else ()
    if holder == scope.prefix or scope.for_all:
        return {(*holder, "alert", "rules", rule[0], name): value}
    key: Key = (*scope.own, "alert", "rules")
    rules = changes.get(key) or copy.deepcopy(scope.at(("alert", "rules")))
    rules[rule[0]][name] = value
    return {key: rules}


def _with_thresholds(camera: CameraConfig, thresholds: Thresholds) -> CameraConfig:
    rules = tuple(
        rule.model_copy(update={"protected_ratio": thresholds.protected_ratio, "for_s": thresholds.for_s})
        if isinstance(rule, RatioSettings) and place == (_ratio_rule(camera) or (None,))[0]
        else rule
        for place, rule in enumerate(camera.alert.rules)
    )
    alert = camera.alert
    if not any(set(rule.model_fields_set) & {"protected_ratio", "for_s"} for rule in alert.rules):
        rules = alert.rules
        alert = alert.model_copy(
            update={"protected_ratio": thresholds.protected_ratio, "for_s": thresholds.for_s}
        )
    return camera.model_copy(update={"alert": alert.model_copy(update={"rules": rules})})


def _looked_for(camera: CameraConfig) -> float | None:
    return camera.detect.min_face_px if isinstance(camera.detect, DetectSettings) else None


def _thresholds(config: Config, camera: CameraConfig) -> tuple[float, ...] | None:
    """All three of our own cascade, None for another detector or where nobody knows."""
    if not isinstance(camera.detect, DetectSettings):
        return None
    if camera.detect.thresholds is not None:
        return camera.detect.thresholds
    if camera.detect.weights == STOCK:
        return PUBLISHED
    try:
        registry = Registry(config.models.dir)
        path = camera.detect.weights or registry.files(registry.state().serving).detector
        return _thresholds_of(str(path), Path(path).stat().st_mtime_ns)
    except (OSError, ModelError, SafetensorError, *MALFORMED):
        return None


@cache
def _thresholds_of(path: str, _changed_ns: int) -> tuple[float, ...]:
    """From the head of a file of weights."""
    with safe_open(path, framework="numpy") as file:
        return tuple(json.loads(file.metadata()["point"])["thresholds"])
