"""The configuration as a JSON Schema (draft 2020-12), made from the records that read it."""

from typing import Any

from maskwatch.config.load import file_schema
from maskwatch.config.sections import CameraConfig

NAME = r"^[^/\\.\s-][^/\\]{0,63}$"  # roughly: to an editor, \w is a letter of English alone
VARIABLE = {"type": "string", "pattern": r"\{MASKWATCH_\w+\}"}


def json_schema() -> dict[str, Any]:
    """What `maskwatch.config.load` takes passes it, but for the rules that it cannot say: an order, a duplicate, a file."""
    whole, camera = file_schema(), CameraConfig.model_json_schema()
    kinds = {**camera.pop("$defs"), **whole.pop("$defs"), "Camera": camera}
    for section in ("detect", "classify"):
        camera["properties"][section]["anyOf"].append(
            _of_an_inherited_kind(camera["properties"][section]["anyOf"])
        )
    whole["properties"]["cameras"] = {
        "type": "object",
        "description": "Each camera by its name; it may override any value of the sections beside this one.",
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"$ref": "#/$defs/Camera"},
    }
    result = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of maskwatch",
        **{key: value for key, value in whole.items() if key != "title"},
        "$defs": kinds,
    }
    return dict(_with_variables(result))


def _of_an_inherited_kind(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """What a camera may say of a section whose kind stands in the defaults: keys of any kind, but no kind."""
    keys: dict[str, list[Any]] = {}
    for choice in choices:
        for part in (choice, *choice.get("allOf", ())):
            for key, value in part.get("properties", {}).items():
                keys.setdefault(key, []).append(value)
    del keys["kind"]
    properties = {key: {"anyOf": values} for key, values in keys.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _with_variables(part: Any) -> Any:
    """A part of the schema in which a number or a choice may also be a variable from the environment."""
    if isinstance(part, list):
        return [_with_variables(each) for each in part]
    if not isinstance(part, dict):
        return part
    inner = {key: _with_variables(value) for key, value in part.items()}
    if part.get("type") in ("number", "integer", "boolean") or "enum" in part:
        told = {key: inner.pop(key) for key in ("default", "title", "description") if key in inner}
        return {"anyOf": [inner, VARIABLE], **told}
    return inner
