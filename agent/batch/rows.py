"""One row of a manifest: what is asked of one video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.requests import call_of
from tools.errors import InputError

LONGEST_ID = 64


class Row(BaseModel):
    """A row as it was written. Paths in ``reference`` are relative to the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    custom_id: Annotated[
        str,
        Field(
            pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_ID - 1}}}$",
            description="Names the row, once in a manifest: letters, digits, ., - and _, at most 64.",
        ),
    ]
    prompt: str = Field(description="What the person does and where.")
    reference: str | Annotated[list[str], Field(min_length=1)] = Field(
        description="Photo of the person, or @name; in a list several photos of them, the first of which counts."
    )
    consent: str | None = Field(None, description="Basis; where left out, that of the batch, or saved with @name.")
    face: int | None = Field(None, ge=1, description="In a group photo: which face, from 1 at the left.")
    seed: int | None = Field(None, ge=0, le=2**32 - 1, description="Where left out, one that follows from custom_id.")
    overrides: dict[str, Any] = Field({}, description='Settings for this row alone, such as {"preset": "paper"}.')

    @property
    def references(self) -> list[str]:
        return [self.reference] if isinstance(self.reference, str) else self.reference

    @property
    def fingerprint(self) -> str:
        """Stands for what the row asks; another one under the same ``custom_id`` is another row."""
        return call_of(self.model_dump(mode="json", exclude={"custom_id"}))[:16]


def row_of(fields: Mapping[str, object]) -> Row:
    """The row; raises ``InputError`` for the first field that is wrong."""
    try:
        return Row.model_validate(fields)
    except ValidationError as error:
        raise InputError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    if first["type"] == "missing":
        return f"The field {name} is missing."
    if first["type"] == "extra_forbidden":
        return f"There is no field {name!r}; a row has {', '.join(Row.model_fields)}."
    if name == "custom_id":
        return (
            f"The custom_id cannot be {str(first['input'])[:80]!r}; use 1 to {LONGEST_ID} letters, digits, ., - and _, "
            "beginning with a letter or a digit."
        )
    return f"The field {name} cannot be {str(first['input'])[:80]!r}: {first['msg']}."
