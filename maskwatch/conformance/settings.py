"""What the settings of every kind must be."""

from typing import get_args

import pytest
from pydantic import ValidationError

from maskwatch.plugins import KindSettings


def require_sound_settings(settings: KindSettings) -> None:
    """They name their kind and no other, refuse unknown keys, cannot be changed, and can be held against each other."""
    field = type(settings).model_fields["kind"]
    assert get_args(field.annotation) == (settings.kind,), 'kind must be `Literal["name"]`'
    assert field.default == settings.kind, (
        'kind must have its name as the default: `Literal["name"] = "name"`'
    )
    assert type(settings).model_config.get("frozen"), "settings must not change"
    assert hash(settings) == hash(settings.model_copy()), (
        "settings must be hashable: tuples, no lists or dicts"
    )
    with pytest.raises(ValidationError) as caught:
        type(settings).model_validate({"kind": settings.kind, "no_such_key": 1})
    assert any(error["loc"] == ("no_such_key",) for error in caught.value.errors())
