"""Values that are write-only: marked by who writes a definition, or kept (`vai_records.validation.masking`)."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field

from vai_records.strict import ReallyTrue, Strict

Value = TypeVar("Value")


class Secret(Strict):
    """Stands where a write-only value is kept."""

    model_config = ConfigDict(frozen=True)

    secret: Annotated[Literal[True], ReallyTrue]


class Marked(Strict, Generic[Value]):
    """A value that is to be kept and not shown, whatever its name."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["secret"]
    value: Value = Field(repr=False)
