"""Who may publish: Ed25519 signatures (RFC 8032), by `cryptography`."""

import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maskwatch.core.errors import ConfigError, SignatureError
from maskwatch.fleet.settings import KEY_TEXT
from maskwatch.platform.files import read_file, write_atomically

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PASSPHRASE = "MASKWATCH_FLEET_PASSPHRASE"  # noqa: S105 - the variable's name
MEANING = (
    b"maskwatch fleet manifest 1\n"  # is signed, too: a signature of anything else is none of a manifest
)
MAX_KEY_BYTES = 10_000
OTHERS = 0o077


def make_key(path: Path, passphrase: str | None) -> Path:
    """Write a new private key, which its user alone may read, and its public key beside it; returns the path of that.

    With a passphrase the private key is encrypted. Raises `ConfigError` when there is such a file already, and `OSError`.
    """
    _require()
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = path.with_name(f"{path.name}.pub")
    for each in (path, public):
        if each.exists():
            raise ConfigError(
                f"{each}: is there already; who has its public key would trust a new one no more"
            )
    key = Ed25519PrivateKey.generate()
    lock = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    write_atomically(public, f"{public_text(key.public_key())}\n".encode())
    public.chmod(0o644)
    return public


def read_private(path: Path, passphrase: str | None) -> "Ed25519PrivateKey":
    """Raises `ConfigError`, which tells nothing of the key, when there is none, others may read it, or the passphrase is wrong."""
    _require()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        data = read_file(path, MAX_KEY_BYTES)
        mode = path.stat().st_mode
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read ({e.strerror or e})") from e
    if data.startswith(KEY_TEXT.encode()):
        raise ConfigError(f"{path}: is a public key; --key wants the private one")
    if mode & OTHERS:
        raise ConfigError(f"{path}: others may read the private key; chmod 600 {path}")
    try:
        key = load_pem_private_key(data, passphrase.encode() if passphrase else None)
    except TypeError:
        why = (
            f"{PASSPHRASE} is set and it has no passphrase"
            if passphrase
            else f"needs its passphrase in {PASSPHRASE}"
        )
        raise ConfigError(f"{path}: {why}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            f"{path}: is no private key, or the passphrase in {PASSPHRASE} is another"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: is no Ed25519 key (maskwatch fleet keygen makes one)")
    return key


def public_text(key: "Ed25519PublicKey") -> str:
    """A public key as it is written out: `ed25519:`, and its 32 bytes in base64."""
    return KEY_TEXT + b64encode(key.public_bytes_raw()).decode()


def read_public(key: str) -> tuple["Ed25519PublicKey", ...]:
    """The keys that are trusted: one written out, or those of a file, one a line. Raises `ConfigError`."""
    _require()
    lines = [key]
    if not key.startswith(KEY_TEXT):
        try:
            lines = read_file(Path(key), MAX_KEY_BYTES).decode().splitlines()
        except (OSError, ValueError) as e:
            raise ConfigError(f"fleet.public_key: {key}: cannot be read ({_why(e)})") from e
    keys = tuple(_public(line) for line in map(str.strip, lines) if line and not line.startswith("#"))
    if not keys:
        raise ConfigError(f"fleet.public_key: {key}: has no key in it")
    return keys


def sign(document: bytes, key: "Ed25519PrivateKey") -> bytes:
    """A document of one line, with a second line that is its signature."""
    return b"%b\n%b\n" % (document, b64encode(key.sign(MEANING + document)))


def verified(data: bytes, keys: Sequence["Ed25519PublicKey"]) -> bytes:
    """The document of what `sign` gave. Raises `SignatureError` when it was signed with none of these keys."""
    from cryptography.exceptions import InvalidSignature

    document, _, rest = data.partition(b"\n")
    try:
        signature = b64decode(rest.strip(), validate=True)
    except ValueError:
        signature = b""
    for key in keys:
        try:
            key.verify(signature, MEANING + document)
        except InvalidSignature:
            continue
        return document
    raise SignatureError("the fleet's manifest is not signed with the key that is trusted")


def _public(line: str) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    kind, _, rest = line.partition(":")
    try:
        raw = b64decode(rest.split(maxsplit=1)[0], validate=True) if f"{kind}:" == KEY_TEXT else b""
        return Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, LookupError):
        raise ConfigError(
            f"fleet.public_key: must be {KEY_TEXT} and 32 bytes in base64, as KEY.pub has it"
        ) from None


def _require() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise ConfigError("cryptography is not installed (it comes with maskwatch[fleet])") from None


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "is no text"
