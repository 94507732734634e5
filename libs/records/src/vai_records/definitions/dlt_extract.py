"""`dlt_extract`: extract data from a source to bronze (document 000, "Creating Actions"; decision 34).

`DltExtract.model_validate` answers the model of the source that the definition names.
"""

from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, LiteralString, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from vai_records.definitions.base import Definition
from vai_records.definitions.sources.file_resources import FileResources
from vai_records.definitions.sources.globs import few_wildcards
from vai_records.definitions.sources.paginators import Auto, JsonPath, Paginator
from vai_records.definitions.sources.resources import (
    MOST_PARALLEL,
    MOST_RESOURCES,
    NamedResources,
    RestResources,
    SampleResources,
    WithoutProgress,
    without_user,
)
from vai_records.definitions.sources.rest_checks import Wrong, check_resources
from vai_records.definitions.sources.rest_requests import ErrorRules, Headers, Params
from vai_records.definitions.sources.sql_resources import SqlName, SqlResources
from vai_records.strict import Number, Whole, WrittenOut

COMING: tuple[str, ...] = ()
"""Sources that are still to come: what names them can be saved, and not run yet."""

SIZES = {"XS": 10, "S": 1_000, "M": 10_000}
"""Rows of the sample tables that one gets without naming any."""


def _http_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("an address that begins with https:// or http://")
    if "@" in urlsplit(value).netloc:
        raise ValueError("user and password belong into a connection's credentials, not into a definition")
    return value


def _incomplete(field: str, message: str) -> ValidationError:
    """An error of the type `missing`, as of any required field: an action may be saved with it, a run not made."""
    return _fault((field,), "missing", message)


def _fault(place: tuple[str | int, ...], kind: LiteralString, message: str) -> ValidationError:
    error = PydanticCustomError(kind, "{message}", {"message": message})
    return ValidationError.from_exception_data("dlt_extract", [InitErrorDetails(type=error, loc=place, input=None)])


Start = Annotated[Annotated[date, Field(strict=False)] | Annotated[datetime, Field(strict=False)], WrittenOut]
"""A day, or an instant."""

FilePath = Annotated[
    str, Field(min_length=1, max_length=2000), AfterValidator(few_wildcards), AfterValidator(without_user)
]
HttpAddress = Annotated[str, Field(max_length=2000), AfterValidator(_http_address)]


def model_of(source: str) -> type["DltExtract"] | None:
    """The model of a source's definition; those of other packages are looked for where the name is not ours."""
    if source not in DltExtract.SOURCES:
        from vai_records.definitions.source_types import source_types

        source_types()  # what they declare comes into SOURCES
    return DltExtract.SOURCES.get(source)


class DltExtract(Definition):
    """What all sources share."""

    SOURCES: ClassVar[dict[str, type["DltExtract"]]] = {}

    kind: Literal["dlt_extract"] | None = None
    source: Annotated[str, Field(max_length=100)] = Field(description="What is extracted from: a name of this page.")
    source_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)] | None = Field(
        default=None, description="The <source> of bronze.<source>.<table>; left out: the source's own name."
    )
    resources: Annotated[list[Any], Field(max_length=MOST_RESOURCES)] | None = Field(
        default=None, description="What is extracted, each to a table: names, or objects that say more."
    )
    incremental: bool | None = Field(default=None, description="false: everything again, whatever was there before.")
    start_date: Start | None = Field(default=None, description="Where a first incremental run begins (UTC).")
    limit_rows: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="For a trial: so many rows of each resource, into tables named <table>__trial; no cursor moves.",
    )
    slice_rows: int = Field(
        default=200_000, ge=1, le=10_000_000, description="A resource without slices of its own is saved this often."
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        said = cls.model_fields["source"].annotation
        if said is str:  # what several sources share
            return
        (name,) = said.__args__  # type: ignore[union-attr]
        if name in DltExtract.SOURCES:
            raise TypeError(f"there is a source {name!r} already")
        DltExtract.SOURCES[name] = cls

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_source(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Any:
        chosen = model_of(str(data.get("source"))) if isinstance(data, dict) else None
        if cls is not DltExtract or chosen is None:
            return handler(data)
        return chosen.model_validate(data)

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source not in cls.SOURCES:
            names = ", ".join(cls.SOURCES)
            raise PydanticCustomError(
                "not_yet" if source in COMING else "unknown_source",
                "There is no source {source} in this version; there are: {names}",
                {"source": source, "names": names},
            )
        return source

    @property
    def bronze_source(self) -> str:
        return self.source_name or self.source

    @property
    def start(self) -> datetime | None:
        """`start_date` as an instant; a day begins at midnight UTC."""
        return _instant(self.start_date)


class OwnTables(DltExtract):
    """Of a source that has its tables by itself."""

    resources: NamedResources | None = Field(default=None, description="Tables; left out: all of them.")
    end_date: Start | None = Field(
        default=None,
        description="A backfill: rows from start_date up to here (UTC) are added; the saved cursor stays as it is.",
    )
    slice_days: Number | None = Field(
        default=None, gt=0, le=3660, description="How much time a slice takes; left out: as the table below says."
    )

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.start and self.end and self.end <= self.start:
            raise _fault(("end_date",), "value_error", f"end_date {self.end_date} is not after {self.start_date}")
        return self

    @model_validator(mode="after")
    def _names_tables_that_there_are(self) -> Self:
        from vai_records.definitions.source_types import source_types

        found = source_types().get(self.source)
        known = [one.name for one in found.resources] if found else []
        for number, one in enumerate(self.resources or ()):
            if known and one.name not in known:
                near = get_close_matches(one.name.lower(), known, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
                raise _fault(
                    ("resources", number), "value_error", f"{self.source} has no table {one.name[:60]!r}; {hint}"
                )
        return self

    @property
    def end(self) -> datetime | None:
        """`end_date` as an instant, which is the first that is left out."""
        return _instant(self.end_date)


class DltTables(DltExtract):
    """Of a source that was written for dlt: what its function takes are the fields of the subclass."""

    resources: NamedResources | None = Field(default=None, description="dlt's resources; left out: all of them.")

    @model_validator(mode="after")
    def _has_times_of_its_own(self) -> Self:
        if self.start_date is not None:
            text = "a source of dlt begins where its own arguments say; leave start_date out"
            raise _fault(("start_date",), "value_error", text)
        return self

    @property
    def arguments(self) -> dict[str, Any]:
        """What its function is called with: the fields of the subclass, without those that are None by themselves."""
        own = type(self).model_fields.keys() - DltTables.model_fields.keys()
        said = {name: getattr(self, name) for name in sorted(own)}
        return {name: value for name, value in said.items() if value is not None or name in self.model_fields_set}


def _instant(given: date | datetime | None) -> datetime | None:
    """A day begins at midnight UTC."""
    if given is None:
        return None
    if not isinstance(given, datetime):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


class RestApi(DltExtract):
    """Any API that answers JSON. `base_url` may come from the connection; credentials always do."""

    source: Literal["rest_api"]
    resources: RestResources = Field(description="Endpoints: a name is a path below base_url.")
    base_url: HttpAddress | None = Field(default=None, description="Left out: the connection's.")
    headers: Headers = Field(default={}, description="Sent with every request.")
    params: Params = Field(default={}, description="Query parameters of every request.")
    data_selector: JsonPath | None = Field(default=None, description="Where the rows are; left out: it is found.")
    errors: ErrorRules | None = Field(
        default=None, description="Of all resources: what an error looks like that comes as 200."
    )
    paginator: Paginator = Field(default=Auto(), description="How to come to the next page; left out: auto.")
    read_timeout_seconds: Number = Field(
        default=30.0, gt=0, le=600, description="How long the next part of an answer may take."
    )
    request_interval_seconds: Number = Field(default=0.0, ge=0, le=3600, description="Least time between two.")
    pages_without_progress: WithoutProgress = None
    parallel_pages: int = Field(
        default=1,
        ge=1,
        le=MOST_PARALLEL,
        description="So many pages are asked for side by side, where they are counted (page_number, offset).",
    )

    @model_validator(mode="after")
    def _windows_begin_somewhere(self) -> Self:
        for resource in self.resources:
            given = resource.incremental and resource.incremental.initial_value
            if resource.slices and not self.start_date and not given:
                raise _incomplete("start_date", f"the slices of {resource.name} need a start_date")
        try:
            check_resources(self.resources, self.start_date is not None)
        except Wrong as wrong:
            place = ("resources",) if wrong.number is None else ("resources", wrong.number)
            raise _fault(place, "value_error", str(wrong)) from None
        return self


class Filesystem(DltExtract):
    """csv, jsonl and parquet files. Either `resources`, or one `path` whose files' names are the resources."""

    source: Literal["filesystem"]
    resources: FileResources | None = Field(default=None, description="Tables, each with the path of its files.")
    path: FilePath | None = Field(
        default=None, description="A folder, or files with wildcards: each name becomes a table. Or give resources."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.resources is None and self.path is None:
            raise _incomplete("resources", "give resources, or a path whose files are the resources")
        if self.resources is not None and self.path is not None:
            raise ValueError("give resources or path, not both")
        return self


class SqlDatabase(DltExtract):
    """Tables and views of a database: the connection's, or a SQLite file."""

    source: Literal["sql_database"]
    resources: SqlResources | None = Field(
        default=None, description="Tables or views; left out: all tables of the schema."
    )
    path: FilePath | None = Field(
        default=None, description="A SQLite file under the folder of files; left out: the connection's database."
    )
    schema_: SqlName | None = Field(
        default=None, alias="schema", description="Left out: the user's own (Postgres: mostly public)."
    )
    exclude: Annotated[list[SqlName], Field(max_length=1_000)] = Field(
        default=[], description="Where no resources are named: tables to leave out; * and ? are wildcards."
    )
    include_views: bool = Field(default=False, description="Where no resources are named: views, too.")
    unusual_dates: Literal["text", "null"] = Field(
        default="text",
        description="infinity, 0000-00-00 and years beyond 9999: their column becomes text, or they become null.",
    )
    read_timeout_seconds: Number = Field(
        default=300.0, gt=0, le=3600, description="How long the next rows may take, or a statement's first."
    )


class Sample(DltExtract):
    """Synthetic tables of a given size; the other fields are for resources that don't say their own."""

    source: Literal["sample"]
    resources: SampleResources | None = Field(default=None, description="Tables; left out: the three below.")
    rows: int = Field(default=1_000, ge=0, le=1_000_000_000, description="Of each table.")
    seed: Whole = Field(default=0, description="Another one gives other rows.")
    slices: int = Field(default=1, ge=1, le=100_000, description="Each is committed by itself.")
    rows_per_second: Number | None = Field(
        default=None, gt=0, le=1_000_000_000, description="As slow as a real source; left out: as fast as it goes."
    )


class Noop(DltExtract):
    """Nothing at all, in the worker's own process: checks and measures the whole path of a run."""

    source: Literal["noop"]
