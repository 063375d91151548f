"""Weight files: safetensors with their metadata, written all or nothing. Never pickle."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from maskwatch.core.errors import MALFORMED, ModelError
from maskwatch.platform.files import write_atomically


@dataclass(frozen=True, slots=True, eq=False)
class TensorFile:
    """What a file holds; `version` is its name and the start of its SHA-256.

    `metadata` are strings; `fact` reads those that hold JSON.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    version: str

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names start with `prefix` and a dot, without them."""
        return {
            n.removeprefix(f"{prefix}."): t for n, t in self.tensors.items() if n.startswith(f"{prefix}.")
        }

    def fact(self, name: str) -> Any:
        """What was written as JSON under that name in the metadata. Raises `KeyError` or `ValueError`."""
        return json.loads(self.metadata[name])


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> str:
    """Write them; returns the file's SHA-256."""
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


@contextmanager
def opened(path: Path, architecture: str, kind: str) -> Iterator[TensorFile]:
    """A file of that architecture, while the block builds a network from it; `kind` is what people call it.

    Raises `ModelError`, naming the file, when it is missing, damaged, or another thing, also from within the block.
    """
    try:
        data = path.read_bytes()
        tensors = load(data)
        metadata = _metadata(data)
        if metadata.get("architecture") != architecture:
            raise ModelError(f"{path}: is of architecture {metadata.get('architecture')}, not {architecture}")
        yield TensorFile(tensors, metadata, f"{path.stem}@{hashlib.sha256(data).hexdigest()[:12]}")
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror or e})") from e
    except (SafetensorError, RuntimeError, *MALFORMED) as e:
        raise ModelError(f"{path}: is damaged or is no {kind} ({type(e).__name__})") from e


def architecture(path: Path) -> str | None:
    """What the file says that it is for; None where it says nothing. Raises `ModelError`, naming the file."""
    try:
        return _metadata(path.read_bytes()).get("architecture")
    except OSError as e:
        raise ModelError(f"{path}: cannot be read ({e.strerror or e})") from e
    except MALFORMED as e:
        raise ModelError(f"{path}: is damaged or is no file of weights ({type(e).__name__})") from e


def _metadata(data: bytes) -> dict[str, str]:
    """From the header: eight bytes of its length (little-endian), then JSON (the format's own description).

    The library reads it from a file's name alone, which by then may be another file than the bytes.
    """
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header.get("__metadata__", {}))
