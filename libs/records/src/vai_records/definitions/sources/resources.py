"""What each source of `dlt_extract` can be asked for."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from vai_records.definitions.sources.csv_words import CsvWords
from vai_records.definitions.sources.paginators import (
    MOST,
    Auto,
    JsonPath,
    Offset,
    PageNumber,
    Paginator,
    Parameter,
)
from vai_records.definitions.sources.rest_requests import Asking
from vai_records.definitions.sources.time_formats import Format, FormatOfRows, unit_of
from vai_records.strict import Number, Strict, Whole, short
from vai_records.time_zones import TimeZone

Disposition = Literal["replace", "append", "merge"]
_DECIMAL = re.compile(r"decimal\(([1-9]|[12][0-9]|3[0-8])(?:, ?([0-9]|[12][0-9]|3[0-8]))?\)")
_TYPES = ("text", "bigint", "double", "bool", "date", "timestamp", "json")


def _column_type(kind: str) -> str:
    found = _DECIMAL.fullmatch(kind)
    if kind in _TYPES or (found and int(found[2] or 0) <= int(found[1])):
        return kind
    message = "Input should be one of {types}, or decimal(precision, scale) with up to 38 digits"
    raise PydanticCustomError("column_type", message, {"types": ", ".join(_TYPES)})


ColumnType = Annotated[
    str,
    Field(max_length=20, json_schema_extra={"pattern": f"^({'|'.join(_TYPES)}|{_DECIMAL.pattern})$"}),
    AfterValidator(_column_type),
]
"""`decimal(precision, scale)`, the scale 0 where it is left out."""

Name = Annotated[str, Field(min_length=1, max_length=100)]
ColumnName = Annotated[str, Field(max_length=255)]
TableName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$", max_length=100)]

_USER = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*@")


def without_user(path: str) -> str:
    """The path. Raises ValueError for an address with a user, a password or a key in it."""
    if _USER.match(path.replace("\\", "/")):
        raise ValueError("user and password belong into a connection's credentials, not into a definition")
    return path


OnMissingColumn = Annotated[
    Literal["warn", "fail"],
    Field(description="Where what columns declares is not there: a warning in the run's log, or an error."),
]

MOST_RESOURCES = 1_000


def table_name(resource: str) -> str:
    """The bronze table of a resource that names none: lower case, `[a-z0-9_]`."""
    name = re.sub(r"[^a-z0-9]+", "_", resource.lower()).strip("_") or "resource"
    return name if name[0].isalpha() else f"_{name}"


class Resource(Strict):
    """What all sources' resources share. A resource is one table of bronze."""

    model_config = ConfigDict(frozen=True)

    name: Name
    table: TableName | None = None
    write_disposition: Disposition | None = Field(
        default=None, description="Left out: append where the resource is incremental, else replace."
    )
    primary_key: ColumnName | Annotated[list[ColumnName], Field(max_length=100)] | None = None
    columns: Annotated[dict[ColumnName, ColumnType], Field(max_length=5_000), short(5_000)] = Field(
        default={}, description="Declared types; the others are inferred."
    )

    @property
    def table_name(self) -> str:
        return self.table or table_name(self.name)

    @property
    def is_incremental(self) -> bool:
        return False

    @model_validator(mode="after")
    def _disposition_fits(self) -> Self:
        if self.write_disposition == "merge" and not self.primary_key:
            raise ValueError("write_disposition merge needs a primary_key, by which a transform merges")
        if self.write_disposition == "replace" and self.is_incremental:
            raise ValueError("an incremental resource cannot replace its table: take append, or merge")
        return self


CursorValue = Annotated[str, Field(max_length=10_000)] | Whole | float


class Incremental(Strict):
    """Only what is new: rows from the saved cursor on, which is the largest `cursor_path` of the runs before.

    Values are compared as numbers, also text of digits alone, or as instants (ISO 8601, UTC where no zone is named).
    The names are dlt's, where dlt has one.
    """

    model_config = ConfigDict(frozen=True)

    cursor_path: JsonPath
    param: Parameter | None = Field(default=None, description="The parameter that asks for rows from the cursor on.")
    initial_value: CursorValue | None = None
    end_value: CursorValue | None = Field(default=None, description="Rows from this value on are left out.")
    end_param: Parameter | None = Field(default=None, description="The parameter that asks for rows before end_value.")
    lag: Number | None = Field(
        default=None,
        gt=0,
        le=1e15,
        description="Look back so far, for late rows: seconds where the cursor is a time, else in its own unit.",
    )
    row_order: Literal["asc", "desc"] | None = Field(
        default=None, description="How the source sorts by the cursor: what lies beyond the bound is not asked for."
    )
    on_cursor_value_missing: Literal["include", "exclude", "raise"] | None = Field(
        default=None, description="Rows without the cursor: each is delivered once (include), never, or an error."
    )
    compare_as: Literal["text"] | None = Field(
        default=None, description="text: values that are neither numbers nor times, such as ULIDs, in text order."
    )
    format: FormatOfRows | None = Field(
        default=None,
        description="How rows write times that are not ISO 8601: unix, unix_ms, or a pattern (%d/%m/%Y %H:%M).",
    )
    param_format: Format | None = Field(
        default=None,
        description="How the source wants to be asked: datetime, datetime_ms, date, unix, unix_ms, or a pattern.",
    )
    timezone: TimeZone | None = Field(
        default=None, description="Of times that name no zone, in rows and in param_format; left out: UTC."
    )

    @model_validator(mode="after")
    def _end_is_whole(self) -> Self:
        if self.end_param and self.end_value is None:
            raise ValueError("end_param needs an end_value to send")
        if self.lag and self.compare_as:
            raise ValueError("text has no lag: leave out lag or compare_as")
        if self.compare_as and (self.format or self.param_format or self.timezone):
            raise ValueError("format, param_format and timezone are of times: leave out compare_as")
        return self


class Slices(Strict):
    """Time windows of `days`, from the cursor or `start_date` to now, each one request series: [start, end).

    `end` inclusive: the source counts the end in, so one unit of the format less is asked for.
    """

    model_config = ConfigDict(frozen=True)

    param_start: Parameter | None = Field(default=None, description="Left out: {slice.start} stands where it goes.")
    param_end: Parameter | None = Field(default=None, description="Left out: {slice.end} stands where it goes.")
    days: Number = Field(gt=0, le=3660)
    format: Format = Field(
        default="datetime", description="datetime, datetime_ms, date, unix, unix_ms, or a pattern (%Y%m%d)."
    )
    timezone: TimeZone | None = Field(
        default=None, description="Of days, and of times that name no zone, as the source reads them; left out: UTC."
    )
    end: Literal["exclusive", "inclusive"] = "exclusive"

    @model_validator(mode="after")
    def _dates_are_whole_days(self) -> Self:
        if unit_of(self.format) == timedelta(days=1) and not self.days.is_integer():
            raise ValueError(f"the format {self.format} has windows of whole days, not of {self.days:g}")
        return self


WithoutProgress = Annotated[
    int | None,
    Field(
        ge=1,
        le=MOST,
        description="Pages in a row without a new id or a total, after which a run ends; left out: 10,000.",
    ),
]


MOST_PARALLEL = 10


class RestResource(Resource, Asking, CsvWords):
    """One endpoint; `path` is relative to the `base_url`. What is left open: `definitions.sources.placeholders`."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    path: Annotated[str, Field(max_length=2000), AfterValidator(without_user)] | None = None
    data_selector: JsonPath | None = None
    paginator: Paginator | None = None
    incremental: Incremental | None = None
    slices: Slices | None = None
    request_interval_seconds: Number | None = Field(default=None, ge=0, le=3600)
    pages_without_progress: WithoutProgress = None
    parallel_pages: int | None = Field(
        default=None, ge=1, le=MOST_PARALLEL, description="As of the definition; for page_number and offset."
    )
    on_missing_column: OnMissingColumn = "warn"
    selected: bool = Field(default=True, description="false: no table; only for the resources that need its rows.")

    @property
    def is_incremental(self) -> bool:
        return self.incremental is not None

    @model_validator(mode="after")
    def _pages_are_counted(self) -> Self:
        counted = self.paginator is None or isinstance(self.paginator, Auto | PageNumber | Offset)
        if (self.parallel_pages or 1) > 1 and not counted:
            raise ValueError("parallel_pages needs pages that are counted: page_number or offset. Leave it out")
        return self

    @model_validator(mode="after")
    def _words_of_csv_are_of_csv(self) -> Self:
        if self.response_format != "csv" and (said := list(self.csv_words)):
            raise ValueError(f"{said[0]} is of csv answers: set response_format to csv")
        return self


class Rehearsal(Strict):
    """A failure on purpose, to rehearse what an alert or an automation makes of it."""

    model_config = ConfigDict(frozen=True)

    code: Literal["CONNECTION_ERROR", "AUTH_ERROR", "RATE_LIMITED", "DATA_ERROR", "INTERNAL_ERROR"] = "DATA_ERROR"
    after_slices: int = Field(default=0, ge=0, le=1_000_000)
    retryable: bool = False
    attempts: int | None = Field(default=None, ge=1, le=100, description="Fails in the first so many attempts only.")


class SampleResource(Resource):
    """A synthetic table: the same seed gives the same rows."""

    rows: int | None = Field(default=None, ge=0, le=1_000_000_000)
    seed: Whole | None = None
    slices: int | None = Field(default=None, ge=1, le=100_000)
    rows_per_second: Number | None = Field(default=None, gt=0, le=1_000_000_000)
    fail: Rehearsal | None = None
    incremental: bool = Field(default=False, description="Each run adds `rows` rows that go on from the last id.")

    @property
    def is_incremental(self) -> bool:
        return self.incremental


def _from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def distinct(resources: list[Any]) -> list[Any]:
    """The resources. Raises ValueError where two have one name or one table."""
    seen: set[str] = set()
    for resource in resources:
        for word in {f"name {resource.name}", f"table {resource.table_name}"}:
            if word in seen:
                raise ValueError(f"two resources have the {word}")
            seen.add(word)
    return resources


def _distinct_names(resources: list[Any]) -> list[Any]:
    seen: set[str] = set()
    for resource in resources:
        if resource.name in seen:
            raise ValueError(f"two resources have the name {resource.name}")
        seen.add(resource.name)
    return resources


RestResources = Annotated[
    list[Annotated[RestResource, BeforeValidator(_from_name)]],
    Field(min_length=1, max_length=MOST_RESOURCES),
    AfterValidator(_distinct_names),
]
NamedResources = Annotated[
    list[Annotated[Resource, BeforeValidator(_from_name)]],
    Field(min_length=1, max_length=MOST_RESOURCES),
    AfterValidator(distinct),
]
"""Of a source that has its tables by itself: each by its name, or with what is to be different."""

SampleResources = Annotated[
    list[Annotated[SampleResource, BeforeValidator(_from_name)]],
    Field(min_length=1, max_length=MOST_RESOURCES),
    AfterValidator(distinct),
]
