"""What a device may be called. Importing this loads no torch."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

CARD = r"cuda:\d{1,2}"
DEVICES = rf"auto|cpu|cuda|{CARD}(,{CARD})*"


def _as_device(value: Any) -> Any:
    """A list of cards as one text."""
    name = (
        ",".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value
    )
    if not isinstance(name, str) or not re.fullmatch(DEVICES, name):
        raise PydanticCustomError("device", "Input should be 'auto', 'cpu', 'cuda', or cards like 'cuda:0'")
    return name


_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": rf"^({DEVICES})$"},
            {"type": "array", "items": {"type": "string", "pattern": rf"^{CARD}$"}, "minItems": 1},
        ]
    }
)
Device = Annotated[str, BeforeValidator(_as_device), _SCHEMA]
