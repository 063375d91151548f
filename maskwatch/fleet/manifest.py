"""What a fleet's registry offers, as one small document that is signed as a whole.

    FOLDER/manifest            a line of JSON, and a line with its signature
    FOLDER/files/<sha256>      weights and cards
    FOLDER/services/<name>     what each service says of itself, where it may write there

One file, so that JSON and signature are replaced at once: with two, whoever reads in between finds a signature of another
manifest, and takes it for an attack.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from maskwatch.core.errors import FleetError
from maskwatch.fleet.share import Share
from maskwatch.fleet.signing import verified
from maskwatch.fleet.stages import Stage, serves
from maskwatch.models.registry import CLASSIFIER, DETECTOR
from maskwatch.models.registry_state import SHIPPED, checked_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST, FILES, SERVICES = "manifest", "files", "services"
MAX_BYTES = 256_000  # of a manifest
MAX_RELEASES = 16  # older ones are left out


def _as_name(text: str) -> str:
    if checked_name(text) == SHIPPED:
        raise ValueError("the shipped models come with the program")
    return text


VersionName = Annotated[str, AfterValidator(_as_name)]
# no other: neither a path nor a format that could run code
FileName = Literal["detector.safetensors", "classifier.safetensors", "detector.md", "classifier.md"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class FileFacts(_Record):
    """A file's SHA-256, as 64 hexadecimal digits, and its size in bytes."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(gt=0)]


class Release(_Record):
    """A version, its files, and how far it may go.

    `sequence` is that of the manifest in which it came to its stage. `made_at` and `parent` are the registry's. `pilots` are
    services that are named to try it in place of its tenth.
    """

    version: VersionName
    stage: Stage
    sequence: Annotated[int, Field(gt=0)]
    made_at: AwareDatetime
    parent: str | None
    files: dict[FileName, FileFacts]
    pilots: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not {DETECTOR, CLASSIFIER} <= set(self.files):
            raise ValueError("a version needs its weights")
        return self

    def serves(self, service: str) -> bool:
        """Whether a service is to serve it."""
        if self.stage is Stage.TENTH and self.pilots:
            return service in self.pilots
        return serves(self.stage, self.version, service)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files.values())


class Manifest(_Record):
    """The releases, the latest first. A later manifest has a higher `sequence`.

    It was signed at `published_at` and holds until `expires_at`, None without end, as before there was one. So who can
    keep newer ones from a service is noticed: what The Update Framework calls a freeze attack, against which its timestamp
    role is signed anew all the time (https://theupdateframework.github.io/specification/latest/).
    """

    format: Literal[1] = 1
    sequence: Annotated[int, Field(gt=0)]
    published_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    releases: Annotated[tuple[Release, ...], Field(max_length=MAX_RELEASES)]

    @property
    def validity(self) -> timedelta | None:
        """For how long it was signed."""
        return None if self.expires_at is None else self.expires_at - self.published_at

    def require_valid(self, now: datetime) -> None:
        """Raises `FleetError` for one that has expired."""
        if self.expires_at is not None and now >= self.expires_at:
            raise FleetError(
                f"the fleet's manifest has expired: it was signed on {self.published_at:%Y-%m-%d} to hold until "
                f"{self.expires_at:%Y-%m-%d}; maskwatch fleet refresh signs it anew, where nobody withholds a newer one"
            )

    def release(self, version: str) -> Release | None:
        """That of a version; None where it is not offered."""
        return next((each for each in self.releases if each.version == version), None)

    def wanted(self, service: str, refused: Collection[str]) -> Release | None:
        """What a service is to serve: the latest release whose stage includes it, and that it did not refuse."""
        return next(
            (r for r in self.releases if r.version not in refused and r.serves(service)),
            None,
        )

    def shadowed(self, refused: Collection[str]) -> Release | None:
        """What is to be tried beside what serves: the latest release in its shadow stage, and that was not refused."""
        return next((r for r in self.releases if r.version not in refused and r.stage is Stage.SHADOW), None)

    def as_bytes(self) -> bytes:
        """Canonical JSON, in one line without its end: sorted keys, no spaces, UTF-8."""
        data = self.model_dump(mode="json")
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pull_manifest(share: Share, keys: "Sequence[Ed25519PublicKey]") -> Manifest:
    """The share's manifest, its signature before all else. Raises `FleetError` and `FleetUnreachable`."""
    return parse(verified(share.read(MANIFEST, MAX_BYTES), keys))


def parse(data: bytes) -> Manifest:
    """A manifest whose signature is right. Raises `FleetError` for one of another format."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise FleetError(
            f"the fleet's manifest is none that this release knows: {place}: {first['msg']}"
        ) from None
