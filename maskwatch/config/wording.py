"""How what is wrong with a value is told."""

import difflib
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from maskwatch.config.sections import CameraConfig, Globals
from maskwatch.config.yaml_document import Key, Tree, printable
from maskwatch.core.address import redacted
from maskwatch.platform.settings_base import SettingsBase
from maskwatch.plugins import OneOf

MAX_SHOWN = 60  # characters of a wrong value


def dotted(key: Key) -> str:
    """A key as people write it, without a password."""
    return printable(redacted(".".join(str(part) for part in key)))


def wording(error: ErrorDetails, key: Key, tree: Tree, *, hidden: bool) -> str:
    """Pydantic's words in ours; `tree` is the file as it was written, so that no value from the environment is shown.

    With `hidden`, no value is.
    """
    match error["type"]:
        case "missing":
            return "is missing"
        case "broken_kind":
            return error["msg"]
        case "extra_forbidden":
            near = difflib.get_close_matches(str(key[-1]), _known_keys(tree, key), 1)
            return "unknown key" + (f"; did you mean {near[0]}?" if near else "")
    message = (
        error["msg"]
        .removeprefix("Value error, ")
        .replace("Input should be", "must be")
        .replace("a valid tuple", "a list")
    )
    message = message.replace("greater than or equal to", "at least").replace("greater than", "above")
    message = message.replace("less than or equal to", "at most").replace("less than", "below")
    got = tree.at(key)  # as written: a value from the environment is never shown
    near = error["ctx"]["near"] if error["type"] == "unknown_kind" else []
    hint = f"; did you mean {near[0]}?" if near else ""
    if isinstance(got, (dict, list)) or hidden:
        return message + hint
    written = redacted(repr(got))
    return f"{message}, got {written if len(written) <= MAX_SHOWN else f'{written[:MAX_SHOWN]}…'}{hint}"


def _known_keys(tree: Tree, key: Key) -> list[str]:
    """The keys that may stand beside an unknown one, for a hint."""
    start = 2 if key[0] == "cameras" else 0
    model: type[SettingsBase] | None = CameraConfig if start else Globals
    for place in range(start, len(key) - 1):
        field = model.model_fields.get(str(key[place])) if model else None
        if isinstance(key[place], int) or field is None:
            continue
        end = place + 1 + isinstance(key[place + 1], int)  # of a list, the item says its kind
        value = tree.at(key[:end])
        if start and isinstance(value, dict) and "kind" not in value:
            value = tree.at(key[start:end])
        model = _section(field, value)
    return list(model.model_fields) if model else []


def _section(field: FieldInfo, value: Any) -> type[SettingsBase] | None:
    """The records of a section, or of the kind that `value` names; None where a field is no section."""
    for each in (*field.metadata, *(m for a in get_args(field.annotation) for m in get_args(a)[1:])):
        if isinstance(each, OneOf):
            return each.settings_of(value)
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, SettingsBase) else None
