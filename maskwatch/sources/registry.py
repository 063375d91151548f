"""The kinds of source, and which of them an address means. Importing this loads no decoder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from glob import has_magic, iglob
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import CoreSchema

from maskwatch.core.address import Address
from maskwatch.core.errors import SourceError
from maskwatch.core.ports import Source
from maskwatch.platform.paths import base_of
from maskwatch.plugins import Kind, Kinds, KindSettings, OneOf
from maskwatch.sources.settings import Decode, RtspSettings

A_DEVICE = re.compile(r"usb:\d+|/dev/video\d+")
A_PIPE = re.compile(r"-|stdin:")
SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt")
HINT = "; go2rtc or MediaMTX make rtsp:// of other cameras"
A_HOST = re.compile(r"\d{1,3}(\.\d{1,3}){3}([:/]|$)")
A_PATH = re.compile(r"(?!.*://).*", re.DOTALL)
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source gets beside its settings: the camera's name, which its frames bear, and the camera's `rtsp` section.

    `fps`: how many frames a second are wanted at most, evenly spaced; None for every frame. `aspect`: width by height of
    the picture, None where its stream tells. `decode`: what decodes a network camera's stream.
    """

    camera: str
    fps: float | None = None
    rtsp: RtspSettings = field(default_factory=RtspSettings)
    aspect: float | None = None
    decode: Decode = Decode.SOFTWARE


SOURCES: Kinds[Source, SourceContext] = Kinds("source", "maskwatch.sources", "maskwatch.sources.kinds")


def as_address(value: object, info: ValidationInfo) -> Address:
    """The address as configured, if a source takes it; paths become relative to the configuration. Raises `ValueError` with the reason."""
    if isinstance(value, Address):  # one that nobody opens: a variable in it may be unknown
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a path or URL")
    address = Address(value)
    if why := why_not_taken(address):
        raise ValueError(why)
    base = base_of(info)
    return Address(base.beside(value)) if base and is_footage(address) else address


class AddressSettings(KindSettings):
    """The settings of kinds that need only an address. `pattern` is a regular expression for the whole address."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    pattern: ClassVar[re.Pattern[str]]
    address: Annotated[Address, BeforeValidator(as_address), WithJsonSchema(TEXT)]

    @classmethod
    def takes(cls, address: Address) -> bool:
        """Whether the whole address matches `pattern`; opens nothing."""
        return cls.pattern.fullmatch(address.reveal()) is not None

    @field_validator("address")
    @classmethod
    def _of_this_kind(cls, address: Address) -> Address:
        if not cls.takes(address):
            raise ValueError("is no address of this kind of source")
        return address


class AddressOrKind(OneOf):
    """Annotates a source: an address alone, or the settings of a kind."""

    def validated(self, value: Any, info: ValidationInfo) -> Any:
        """An `Address` from a text, or settings from keys and values.

        Raises `ValueError` or pydantic's errors.
        """
        if isinstance(value, Mapping | KindSettings):
            return super().validated(value, info)
        return as_address(value, info)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        choices = super().__get_pydantic_json_schema__(schema, handler)["anyOf"]
        return {"anyOf": [TEXT, *choices]}


def open_source(
    camera: str,
    source: Address | KindSettings,
    *,
    fps: float | None = None,
    rtsp_settings: RtspSettings | None = None,
    aspect: float | None = None,
    decode: Decode = Decode.SOFTWARE,
) -> Source:
    """The source behind an address, or of these settings; nothing is opened yet.

    `fps`: how many frames a second are wanted at most, evenly spaced; None for every frame. `aspect`: width by height of
    its picture, None where its stream tells. `decode`: what decodes a network camera's stream. Raises `SourceError` when no kind takes the address.
    """
    settings = _settings_of(source) if isinstance(source, Address) else source
    if isinstance(source, Address) and (settings is None or not Path(source.reveal()).exists()):
        why = why_not_taken(source) or (None if settings else "no kind of source takes this address")
        if why is not None:
            raise SourceError(f"{source}: {why}")
    assert settings is not None
    context = SourceContext(camera, fps, rtsp_settings or RtspSettings(), aspect, decode)
    return SOURCES.build(settings, context)


def why_not_taken(address: Address) -> str | None:
    """Why no kind of source takes the address, without showing it; None when one does. Opens nothing."""
    text = address.reveal()
    scheme = text.partition("://")[0].lower()
    if scheme in SCHEMES and "://" in text:
        try:
            parts = urlsplit(text)
            # an @ behind the host: a password with / ? or # in it, of which a part would be taken for the host
            if parts.hostname and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment:
                return None
        except ValueError:  # a port that is no number, brackets that do not close
            pass
        return f"must be {scheme}://HOST/…; in a password / ? # @ : are written %2F %3F %23 %40 %3A"
    if "://" in text:
        foreign = any(_fit(kind, address) for _, kind in SOURCES.foreign())
        return None if foreign else f"must be {'://…, '.join(SCHEMES)}://…, usb:0, or a path" + HINT
    if re.match(r"(ffmpeg|exec|echo|expr):", text):
        return "is of go2rtc, and would run a program here: not taken" + HINT
    if re.match(r"[^/]*:[^/]*@", text) or (A_HOST.match(text) and not Path(text).exists()):
        return "looks like an address without rtsp:// before it"
    return None


def is_footage(address: Address) -> bool:
    """Whether it is a path, or a pattern of paths, and neither a camera nor standard input."""
    text = address.reveal()
    return "://" not in text and not A_DEVICE.fullmatch(text) and not A_PIPE.fullmatch(text)


def why_missing(source: Address | KindSettings) -> str | None:
    """Why footage cannot be found; None when it can, and for a camera, where only opening it would tell."""
    address = address_of(source)
    if address is None or not is_footage(address):
        return None
    text = address.reveal()
    try:
        Path(text).stat()
    except OSError as e:
        found = has_magic(text) and next(iglob(text), None) is not None  # noqa: PTH207 - takes absolute patterns
        return None if found else str(e.strerror)
    return None


def address_of(source: Address | KindSettings) -> Address | None:
    """The address of a source of the kinds that have one."""
    if isinstance(source, Address):
        return source
    return source.address if isinstance(source, AddressSettings) else None


def _settings_of(address: Address) -> KindSettings | None:
    """The settings of the kind that the address fits best; other packages are asked only where none of ours takes it."""
    for kinds in (SOURCES.own(), SOURCES.foreign()):
        best = max(kinds, key=lambda kind: _fit(kind[1], address), default=None)
        if best is not None and _fit(best[1], address):
            made: Any = best[1].Settings.model_construct
            return made(address=address)  # type: ignore[no-any-return]
    return None


def _fit(kind: Kind[Source, SourceContext], address: Address) -> int:
    """How well an address alone fits this kind: 0 not at all, 1 where no other kind fits, 2 well."""
    fit = getattr(kind, "fit", None)
    return int(fit(address)) if fit is not None else 0
