"""What every section of the configuration has in common."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Probability = Annotated[float, Field(ge=0, le=1)]


class SettingsBase(BaseModel):
    """A section that knows its keys, cannot be changed, and takes finite numbers for numbers and not for yes or no."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _number_or_yes(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic and YAML together would take `fps: on` for one frame a second, and 1 for yes."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if _holds_bool(value) and kinds & {int, float} and bool not in kinds:
            raise ValueError("must be a number, not yes or no")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and kinds == {bool}:
            raise ValueError("must be true or false, not a number")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """The plain types that a field's type is made of."""
    inner = get_args(annotation)
    return (
        set().union(*map(_kinds, inner)) if inner else {annotation} if isinstance(annotation, type) else set()
    )


def _holds_bool(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, bool) or any(map(_holds_bool, inner))
