"""What a service remembers of its fleet, in `fleet.json` and `fleet.held` beside the registry's `current.json`."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from maskwatch.core.errors import FleetError
from maskwatch.fleet.manifest import Manifest
from maskwatch.platform.files import write_atomically


class Refusal(BaseModel):
    """A version that is not taken, as it was staged by the manifest of that `sequence`."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    why: str


class Taken(BaseModel):
    """The version that the fleet let serve here, since when, and what judged each camera before.

    `crashes` counts starts that ended neither well nor after a while.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    sequence: int
    at: AwareDatetime
    judges_before: dict[str, str] = Field(default_factory=dict)
    crashes: int = 0


class FleetState(BaseModel):
    """What is remembered. `sequence` is the highest that was seen: an older manifest is none.

    `changed_at` is when the registry last changed which version serves, as far as is known here; `pending` the version
    that is about to serve, `ours` are those that the fleet ever let serve here. `shadow` is the version that the fleet has put into the shadow.
    `instance` is what `ServiceReport` has.
    """

    model_config = ConfigDict(frozen=True)

    sequence: int = 0
    has_begun: bool = False
    changed_at: AwareDatetime | None = None
    pending: str | None = None
    taken: Taken | None = None
    ours: tuple[str, ...] = ()
    shadow: str | None = None
    refused: Mapping[str, Refusal] = Field(default_factory=dict)
    instance: str | None = None

    def refused_of(self, manifest: Manifest) -> frozenset[str]:
        """The versions that are still refused: one that was staged anew since is not."""
        return frozenset(
            version
            for version, refusal in self.refused.items()
            if (release := manifest.release(version)) is None or release.sequence <= refusal.sequence
        )

    def having(self, **changes: object) -> "FleetState":
        """The same with some fields changed."""
        return self.model_copy(update=changes)


class StateFiles:
    """The files in a registry's folder. They raise `OSError`, and `FleetError` for one that is damaged."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "fleet.json"
        self._held = folder / "fleet.held"

    def read(self) -> FleetState:
        """What was last written; what is so at first where nothing was."""
        try:
            return FleetState.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return FleetState()
        except ValidationError:
            raise FleetError(f"{self._path}: cannot be read; without it, the service begins anew") from None

    def write(self, state: FleetState) -> None:
        """Write it, over what was there."""
        write_atomically(self._path, f"{state.model_dump_json(indent=1)}\n".encode())

    def held(self) -> str | None:
        """The version that somebody here chose, against which the fleet does nothing; None: it may."""
        try:
            return self._held.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def hold(self, version: str) -> None:
        """Let the fleet change nothing from now on."""
        write_atomically(self._held, f"{version}\n".encode())

    def release(self) -> bool:
        """Let the fleet go on; gives whether it was held."""
        was_held = self._held.exists()
        self._held.unlink(missing_ok=True)
        return was_held
