"""What a `duckdb_transform` is told to do (document 000, "DuckDB Transform Actions"; decisions 31 and 44).

SQL is only looked at as text here (`sql_text`): which placeholders it has. Whether it may run is judged where it runs.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from vai_records.definitions.base import Definition
from vai_records.definitions.sql_text import STRAY_REFERENCE, look, used_placeholders
from vai_records.definitions.transform_checks import MOST_CHECKS, ROWS, Check, Relationships, SqlCheck
from vai_records.strict import Strict, short

THIS = "this"
"""What the table that the transform writes is called in its SQL: `{{ this }}`, empty before its first run."""

_MOST_NAMED = 20  # unknown names that are told of

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LAYERS = ("silver", "gold")
_BRONZE = re.compile(r"bronze\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def _table_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a table name: use a letter, then letters, digits and _")
    return value


def _silver_name(value: str) -> str:
    layer, dot, table = value.partition(".")
    if dot and layer not in _LAYERS:
        raise ValueError(f"{value!r} is no table of silver or gold: write its name, silver.<name> or gold.<name>")
    _table_name(table if dot else value)
    return value


def _bronze_name(value: str) -> str:
    if not _BRONZE.fullmatch(value):
        raise ValueError(f"{value!r} is no bronze dataset: write bronze.<source>.<table>")
    return value


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    return value


def _moment(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value[:40]!r} is no time: write it as 2026-01-31T06:00:00Z") from None


TableName = Annotated[str, Field(max_length=128), AfterValidator(_table_name)]
ColumnName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_storable)]


class TransformInput(Strict):
    """A table that the SQL reads: a bronze dataset, or a silver one (gold tables are readable as silver, too).

    A name without its layer means the table of silver where both layers have one.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    bronze_dataset: Annotated[str, Field(max_length=255), AfterValidator(_bronze_name)] | None = None
    silver_dataset: Annotated[str, Field(max_length=135), AfterValidator(_silver_name)] | None = None
    alias: TableName | None = Field(default=None, alias="as")
    version: int | None = Field(default=None, ge=0, le=2**53, description="Of the table, as it was then.")
    timestamp: AwareDatetime | None = Field(default=None, description="The table as it was at that time.")

    @field_validator("timestamp", mode="before")
    @classmethod
    def _as_text(cls, given: Any) -> Any:
        return _moment(given) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _just_one(self) -> "TransformInput":
        if (self.bronze_dataset is None) == (self.silver_dataset is None):
            raise ValueError("name one dataset, as bronze_dataset or as silver_dataset")
        if self.version is not None and self.timestamp is not None:
            raise ValueError("give version or timestamp, not both")
        if self.bronze_dataset and (self.version is not None or self.timestamp is not None):
            raise ValueError("a table of bronze has no versions: leave version and timestamp out")
        return self

    @property
    def dataset(self) -> str:
        return self.bronze_dataset or self.silver_dataset or ""

    @property
    def places(self) -> list[tuple[str, str]]:
        """The layers in which the table may be, in their order, each with the table's name there."""
        if self.bronze_dataset:
            return [("bronze", self.bronze_dataset.removeprefix("bronze."))]
        layer, dot, table = self.dataset.partition(".")
        return [(layer, table)] if dot else [(each, self.dataset) for each in _LAYERS]

    @property
    def name(self) -> str:
        """The placeholder that is this input's alone."""
        return (self.alias or self.dataset).replace(".", "_").replace("-", "_").lower()

    @property
    def short_name(self) -> str:
        """`bronze_customers` for bronze.shopify.customers; the name itself where there is nothing to shorten."""
        if self.alias or not self.bronze_dataset:
            return self.name
        table = self.bronze_dataset.rpartition(".")[2]
        return f"bronze_{table}".replace("-", "_").lower()


class DuckdbTransform(Definition):
    """SQL over the lake whose rows become one table of silver or gold."""

    kind: Literal["duckdb_transform"] | None = None
    transform_name: TableName
    sql: Annotated[str, Field(min_length=1, max_length=200_000), AfterValidator(_storable)]
    inputs: list[TransformInput] = Field(default=[], max_length=100)
    output_layer: Literal["silver", "gold"] = "silver"
    mode: Literal["full_refresh", "incremental_merge"] = "full_refresh"
    merge_keys: list[ColumnName] = Field(default=[], max_length=32)
    checks: Annotated[list[Check], short(MOST_CHECKS)] = Field(
        default=[], max_length=MOST_CHECKS, description="What the new rows must be like before they become visible."
    )
    on_schema_change: Literal["allow", "fail"] = Field(
        default="allow", description="Whether the table may get, lose or retype columns."
    )
    engine: Literal["duckdb", "spark"] = Field(
        default="duckdb", description="What computes the rows: the worker, or the installation's Spark cluster."
    )
    dry_run: bool = Field(default=False, description="Only plan what would be read; nothing is written.")

    @model_validator(mode="after")
    def _fits_together(self) -> "DuckdbTransform":
        problems = [*_key_problems(self), *_input_problems(self.inputs), *_sql_problems(self), *_check_problems(self)]
        if problems:
            raise ValidationError.from_exception_data("duckdb_transform", problems)
        return self

    def placeholders(self) -> dict[str, TransformInput]:
        """The input that each name (in lower case) stands for; ambiguous short names are left out.

        `this` is the output itself, unless an input is called so.
        """
        short = Counter(each.short_name for each in self.inputs)
        names = {each.short_name: each for each in self.inputs if short[each.short_name] == 1}
        return {THIS: self.own_table} | names | {each.name: each for each in self.inputs}

    @property
    def own_table(self) -> TransformInput:
        """The table that is written, as an input."""
        return TransformInput.model_validate({"silver_dataset": self.transform_name, "as": THIS})

    def reads_itself(self) -> bool:
        """Whether the SQL, or a check, has `{{ this }}`, and means the table that is written."""
        return self._has_this([self.sql, *(each.sql for each in self.sql_checks), *self._related()])

    def is_made_of_itself(self) -> bool:
        """Whether its rows may come from the table that is written; that a check reads it does not count."""
        return self._has_this([self.sql])

    @property
    def sql_checks(self) -> list[SqlCheck]:
        return [each for each in self.checks if isinstance(each, SqlCheck)]

    def _related(self) -> list[str]:
        """The inputs that checks compare with, as SQL would name them."""
        return [f"{{{{ {each.to} }}}}" for each in self.checks if isinstance(each, Relationships)]

    def _has_this(self, texts: list[str]) -> bool:
        named = any(THIS in used_placeholders(each) for each in texts)
        return named and self.placeholders()[THIS] not in self.inputs


def _problem(loc: tuple[str | int, ...], kind: str, message: str, value: Any) -> InitErrorDetails:
    # pydantic formats the template: braces of the text must not look like fields of it
    return InitErrorDetails(type=PydanticCustomError(kind, "{text}", {"text": message}), loc=loc, input=value)


def _key_problems(definition: DuckdbTransform) -> Iterator[InitErrorDetails]:
    keys = definition.merge_keys
    if definition.mode == "incremental_merge" and not keys:
        message = "incremental_merge needs merge_keys: the columns that identify a row"
        yield _problem(("merge_keys",), "missing", message, keys)
    for position, key in enumerate(keys):
        if key in keys[:position]:
            yield _problem(("merge_keys", position), "duplicate", f"{key!r} is there twice", key)


def _input_problems(inputs: list[TransformInput]) -> Iterator[InitErrorDetails]:
    for position, each in enumerate(inputs):
        if any(each.name == other.name for other in inputs[:position]):
            message = f'another input is called {each.name!r} already: give one of them another name with "as"'
            yield _problem(("inputs", position), "name_clash", message, each.dataset)


def _sql_problems(definition: DuckdbTransform) -> Iterator[InitErrorDetails]:
    used = set(used_placeholders(definition.sql)) | _used_by_checks(definition)
    yield from _text_problems(definition, definition.sql, ("sql",), definition.placeholders())
    for position, each in enumerate(definition.inputs):
        if not {each.name, each.short_name} & used:
            message = f"{each.dataset} is not used: write {{{{ {each.name} }}}} in the SQL, or take this input out"
            yield _problem(("inputs", position), "unused_input", message, each.dataset)


def _used_by_checks(definition: DuckdbTransform) -> set[str]:
    used = {name for each in definition.sql_checks for name in used_placeholders(each.sql)}
    return used | {each.to.lower() for each in definition.checks if isinstance(each, Relationships)}


def _check_problems(definition: DuckdbTransform) -> Iterator[InitErrorDetails]:
    known = definition.placeholders()
    for position, each in enumerate(definition.checks):
        if isinstance(each, Relationships) and each.to.lower() not in known:
            there = ", ".join(sorted(known))
            message = f"{each.to!r} is none of the inputs; there are: {there}"
            yield _problem(("checks", position, "to"), "unknown_name", message, each.to)
        if isinstance(each, SqlCheck):
            if ROWS in known:
                message = f'an input is called {ROWS!r}, as the new rows are: give it another name with "as"'
                yield _problem(("checks", position, "sql"), "name_clash", message, ROWS)
            names = known | {ROWS: definition.own_table}
            yield from _text_problems(definition, each.sql, ("checks", position, "sql"), names)


def _text_problems(
    definition: DuckdbTransform, sql: str, at: tuple[str | int, ...], known: Mapping[str, TransformInput]
) -> Iterator[InitErrorDetails]:
    found = look(sql)
    short = Counter(each.short_name for each in definition.inputs)
    for name in list(dict.fromkeys(found.names))[:_MOST_NAMED]:
        if short[name] > 1 and name not in known:
            datasets = ", ".join(each.dataset for each in definition.inputs if each.short_name == name)
            message = f'{{{{ {name} }}}} could be {datasets}: use the full name, or name one with "as"'
            yield _problem(at, "name_clash", message, name)
        elif name not in known:
            message = f"{{{{ {name} }}}} is none of the inputs; there are: {', '.join(sorted(known)) or 'none'}"
            yield _problem(at, "unknown_name", message, name)
    if found.is_blank:
        yield _problem(at, "missing", "there is no query, only spaces, semicolons and comments", sql[:20])
    if found.unclosed:
        yield _problem(at, "unclosed", found.unclosed, sql[:20])
    if found.strays:
        yield _problem(at, "reference_outside_literal", STRAY_REFERENCE, "$/")
