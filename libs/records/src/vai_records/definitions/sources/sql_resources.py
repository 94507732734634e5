"""What the source `sql_database` can be asked for; the names are dlt's where dlt has one."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from vai_records.definitions.sources.resources import MOST_RESOURCES, ColumnName, CursorValue, Resource, distinct
from vai_records.strict import Number, Strict, short

SqlName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]
"""Of a schema, a table or a column, as the database spells it."""


class SqlIncremental(Strict):
    """Only what is new: rows from the saved cursor on, which is the largest `cursor_path` of the runs before."""

    model_config = ConfigDict(frozen=True)

    cursor_path: ColumnName = Field(description="The column; the database itself compares its values.")
    initial_value: CursorValue | None = Field(default=None, description="Where the first run begins.")
    end_value: CursorValue | None = Field(default=None, description="Rows from this value on are left out.")
    lag: Number | None = Field(
        default=None,
        gt=0,
        le=1e15,
        description="Look back so far, for rows that were committed late: seconds where the cursor is a time.",
    )
    on_cursor_value_missing: Literal["include", "exclude", "raise"] = Field(
        default="include", description="Rows without the cursor: each is delivered once (include), never, or an error."
    )


class SqlSlices(Strict):
    """How a table is cut; each slice is durable by itself."""

    model_config = ConfigDict(frozen=True)

    column: ColumnName | None = Field(
        default=None, description="Left out: the cursor's column where there is one, else the primary key."
    )
    rows: int | None = Field(default=None, ge=1, le=100_000_000, description="About so many rows each.")
    days: Number | None = Field(default=None, gt=0, le=36_600, description="Windows of so many days of a time.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rows is None) == (self.days is None):
            raise ValueError("give rows, or days where the column is a time")
        return self


def _from_column(value: Any) -> Any:
    return {"cursor_path": value} if isinstance(value, str) else value


class SqlResource(Resource):
    """A table or a view."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_: SqlName | None = Field(default=None, alias="schema", description="Left out: the definition's.")
    source_table: SqlName | None = Field(default=None, description="The table or view; left out: the name.")
    incremental: Annotated[
        SqlIncremental | None, BeforeValidator(_from_column, json_schema_input_type=SqlIncremental | ColumnName | None)
    ] = Field(default=None, description="A column's name, or an object that says more.")
    slices: SqlSlices | None = Field(default=None, description="Left out: by the key, slice_rows rows each.")
    only_columns: Annotated[list[ColumnName], Field(min_length=1, max_length=2_000), short(2_000)] | None = Field(
        default=None, description="These alone; left out: all."
    )

    @property
    def is_incremental(self) -> bool:
        return self.incremental is not None

    @property
    def relation(self) -> str:
        return self.source_table or self.name

    @field_validator("only_columns")
    @classmethod
    def _each_once(cls, names: list[str] | None) -> list[str] | None:
        if names and len(set(names)) < len(names):
            raise ValueError("a column is named twice")
        return names

    @model_validator(mode="after")
    def _cursor_is_read(self) -> Self:
        cursor, only = self.incremental and self.incremental.cursor_path, self.only_columns
        if self.incremental and self.slices and self.slices.column not in (None, cursor):
            raise ValueError("an incremental table is cut by its cursor: leave slices.column out")
        if only and cursor and cursor not in only:
            raise ValueError(f"only_columns leaves {cursor} out, which is the cursor")
        return self


def _from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


SqlResources = Annotated[
    list[Annotated[SqlResource, BeforeValidator(_from_name)]],
    Field(min_length=1, max_length=MOST_RESOURCES),
    AfterValidator(distinct),
]
