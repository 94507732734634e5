"""The checks of a transform: conditions for its new rows, checked before they become visible."""

from collections.abc import Sequence
from itertools import count
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from vai_records.strict import Number, Strict, Whole, short

ROWS = "rows"
"""The name of the new rows in the SQL of a check: `{{ rows }}`."""

MOST_CHECKS = 50
MOST_VALUES = 1_000


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    return value


Text = Annotated[str, AfterValidator(_storable)]
Column = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_storable)]
Columns = Annotated[list[Column], Field(min_length=1, max_length=100), short(100)]
Value = Annotated[Text, Field(max_length=1_000)] | bool | Whole | float
Rows = Annotated[int, Field(ge=0, le=2**53)]


class _Check(Strict):
    """`severity`: whether rows that break it fail the run (`error`) or are only reported (`warn`).

    `samples`: how many of them are shown, in the result, the log and the event.
    """

    model_config = ConfigDict(frozen=True)

    name: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    severity: Literal["error", "warn"] = "error"
    samples: int = Field(default=5, ge=0, le=20)

    @property
    def about(self) -> Sequence[str]:
        """The columns of the new rows that it looks at."""
        return ()

    @property
    def label(self) -> str:
        """Its name; without one, its type and columns."""
        kind: str = getattr(self, "type", "check")
        return self.name or "_".join([kind, *self.about])[:128]


class NotNull(_Check):
    """No row has NULL in one of the columns."""

    type: Literal["not_null"]
    columns: Columns

    @property
    def about(self) -> Sequence[str]:
        return self.columns


class Unique(_Check):
    """No two rows have the same values in the columns; rows with a NULL there do not count."""

    type: Literal["unique"]
    columns: Columns

    @property
    def about(self) -> Sequence[str]:
        return self.columns


class AcceptedValues(_Check):
    """The column has one of these values, or NULL."""

    type: Literal["accepted_values"]
    column: Column
    values: Annotated[list[Value], Field(min_length=1, max_length=MOST_VALUES), short(MOST_VALUES)]

    @property
    def about(self) -> Sequence[str]:
        return [self.column]


class Relationships(_Check):
    """Each value of the column is in a column of an input, or NULL. `to` is the input's name in the SQL."""

    type: Literal["relationships"]
    column: Column
    to: Annotated[str, Field(min_length=1, max_length=255)]
    field: Column | None = Field(default=None, description="The input's column; the same name where it is left out.")

    @property
    def about(self) -> Sequence[str]:
        return [self.column]


class RowCount(_Check):
    """There are at least `min` and at most `max` new rows."""

    type: Literal["row_count"]
    min: Rows | None = None
    max: Rows | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min}) is greater than max ({self.max})")
        return self


class Freshness(_Check):
    """The newest value of the column is at most `max_age_seconds` old."""

    type: Literal["freshness"]
    column: Column
    max_age_seconds: Number = Field(gt=0, le=10**10)

    @property
    def about(self) -> Sequence[str]:
        return [self.column]


class SqlCheck(_Check):
    """A query that must give no rows; `{{ rows }}` are the new ones, `{{ name }}` an input, as in the transform."""

    type: Literal["sql"]
    sql: Annotated[Text, Field(min_length=1, max_length=100_000)]


Check = Annotated[
    NotNull | Unique | AcceptedValues | Relationships | RowCount | Freshness | SqlCheck, Field(discriminator="type")
]


def labels(checks: Sequence[_Check]) -> list[str]:
    """A name for each check, no two the same. A name that is there already gets a number."""
    wanted, found = {check.label for check in checks}, list[str]()
    for check in checks:
        numbered = (f"{check.label}_{number}" for number in count(2))
        there = {*found, *wanted}
        found.append(check.label if check.label not in found else next(name for name in numbered if name not in there))
    return found


def is_sql(place: Sequence[Any]) -> bool:
    """Whether the SQL of a check stands at this place of a definition."""
    return len(place) == 3 and place[0] == "checks" and place[2] == "sql"
