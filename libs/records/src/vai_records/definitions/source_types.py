"""The sources of `dlt_extract` as data: one registry for the API, the docs and the worker.

A source of this repository is an entry of `_OURS`, or a vendor's module that `_VENDORS` names. A source from elsewhere
is a Python package that declares an entry point of the group `vai.sources`, whose object is a `SourceType`; whoever
builds the image adds it, never a tenant. docs/write-a-source.md shows one.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal

from vai_records.connections.providers import provider_config
from vai_records.definitions.dlt_extract import DltExtract, Filesystem, Noop, RestApi, Sample, SqlDatabase

Json = dict[str, Any]
Size = Literal["XS", "S", "M", "L", "XL"]

GROUP: Final = "vai.sources"
DLT: Final = "vai_extract_worker.dlt_source:DltSource"
"""The `code` of a source that was written for dlt: its `dlt` says where it is."""

_log = logging.getLogger(__name__)


class WrongConfig(ValueError):
    """A connection's config that its source cannot use; `field` is the path of what is wrong."""

    def __init__(self, message: str, *field: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Slicing:
    """How a table with a cursor is cut into slices: windows of `days`, from the first moment to the time when the run
    began.

    `earliest` is where a first extraction without `start_date` begins. If it is None, too, the first extraction is a
    single slice. A window that turns out too large is halved, down to `least_seconds`.
    """

    days: float
    earliest: date | None = None
    least_seconds: int = 1


@dataclass(frozen=True)
class ResourceType:
    """A table that a source has: `size` decides the order of an extraction that names none (document 000, "Resource
    Ordering"), `cursor` the column by which only what is new is fetched, `primary_key` what tells its rows apart.

    `lag`: seconds before the cursor that are read again, for rows that come late. `columns`: the types that the vendor
    documents (as a definition's `columns`); a value that does not fit makes its column text.

    `bucket` names the vendor's count of requests, which several tables may share (left out: the table has its own);
    `seconds_between_requests` is the pace that the vendor permits it (None: the source's).
    """

    name: str
    size: Size = "M"
    cursor: str | None = None
    primary_key: tuple[str, ...] = ()
    description: str = ""
    slicing: Slicing | None = None
    lag: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    bucket: str = ""
    seconds_between_requests: float | None = None


@dataclass(frozen=True)
class SourceType:
    """A source: its definition's `model`, and where its `code` is (`package.module:Class`; "": it needs none).

    The class is made with a definition and `vai_extract_worker.source.Means`, and is a `Source` as that module says.
    Only the process that extracts imports it, so the module of a `SourceType` should import little.

    `config` and `credentials` are JSON Schemas of what a connection for it may hold; None: it takes no connection.
    `resources` are those that it has by itself; empty where the definition names them. `defaults` is what the config
    of a connection says where it does not say it itself, such as `base_url` and `auth`. `seconds_between_requests` is
    the pace of those tables that name none.
    """

    model: type[DltExtract]
    title: str
    description: str
    code: str = ""
    config: Json | None = None
    credentials: Json | None = None
    resources: tuple[ResourceType, ...] = ()
    defaults: Json = field(default_factory=dict)
    seconds_between_requests: float = 0.0
    completed: Callable[[Mapping[str, Any]], Json] | None = None
    """Completes a connection's config before it is stored, for example by the address that follows from a region, so
    that everybody sees where its credentials go. Raises `WrongConfig`. None: the config stays as it is.
    """
    test_path: str | None = None
    """What a connection test asks for, where any refusal tells: `completed` puts it into the config."""
    dlt: str = ""
    """Where a `@dlt.source` is (`package.module:function`), for the code `DLT`. Its tables are asked of it."""
    package: str = field(default="", compare=False)
    """The distribution that it comes from; empty: this repository."""

    @property
    def name(self) -> str:
        return str(self.model.model_fields["source"].annotation.__args__[0])  # type: ignore[union-attr]

    def pace_of(self, resource: ResourceType) -> float:
        """Seconds between two requests for a table."""
        own = resource.seconds_between_requests
        return self.seconds_between_requests if own is None else own

    def config_of(self, given: Mapping[str, Any]) -> Json:
        """A connection's config, with the defaults for what it leaves out."""
        return {**self.defaults, **{name: value for name, value in given.items() if value is not None}}


def _object(**properties: str) -> Json:
    return {"type": "object", "properties": {name: {"description": text} for name, text in properties.items()}}


_HTTP = _object(
    base_url="Where the API is; the definition may say it instead.",
    headers="Sent with each request.",
    auth="{type, name, location}: how the credentials are sent; see docs/rest-api.md.",
)
_HTTP_CREDENTIALS = _object(
    token="Sent as a bearer token.",
    api_key="Sent in the header X-API-Key, or as config.auth says.",
    username="With password: HTTP Basic.",
    password="With username: HTTP Basic.",
    client_id="With client_secret and config.auth: OAuth 2.",
    client_secret="With client_id and config.auth: OAuth 2.",
    refresh_token="OAuth 2 by a refresh token.",
)
_STORE = _object(
    region="The region of the bucket.",
    endpoint_url="Of a store that is not Amazon's.",
    bucket="Its files may be named without it.",
)
_STORE_CREDENTIALS = _object(
    access_key_id="Of a key that may read.",
    secret_access_key="The key's secret.",
    session_token="Of a key for some hours.",
)

_SQL = _object(
    url="postgresql://host:port/name or mysql://host:port/name; or host, port and database.",
    host="The server; the connection's provider (postgres, mysql, mariadb) says what it speaks.",
    port="Left out: the usual one.",
    database="Left out: named as the user (Postgres), or none (MySQL).",
    sslmode="disable, prefer (if left out), require, verify-ca or verify-full, as libpq means them.",
    ca_certificate="PEM of the authority that verify-ca and verify-full trust; left out: the machine's.",
)
_SQL_CREDENTIALS = _object(username="Of a user that may read, and nothing else.", password="The user's password.")

_OURS = (
    SourceType(
        RestApi,
        "REST API",
        "Any HTTP API that answers JSON, NDJSON or CSV: paging, increments, windows, parents and children.",
        "vai_extract_worker.rest.source:RestSource",
        _HTTP,
        _HTTP_CREDENTIALS,
    ),
    SourceType(
        Filesystem,
        "Files",
        "CSV, JSON and Parquet files, of a folder or of an S3 bucket; only those that are new or changed.",
        "vai_extract_worker.files.source:FileSource",
        _STORE,
        _STORE_CREDENTIALS,
    ),
    SourceType(
        SqlDatabase,
        "SQL database",
        "Tables and views of Postgres, MySQL, MariaDB or a SQLite file: whole or by a cursor, in slices.",
        "vai_extract_worker.sql.source:SqlSource",
        _SQL,
        _SQL_CREDENTIALS,
    ),
    SourceType(
        Sample,
        "Sample",
        "Synthetic tables of a given size: the same seed gives the same rows.",
        "vai_extract_worker.sample:SampleSource",
        resources=(
            ResourceType("sample_xs", "XS", "id", ("id",), "10 rows"),
            ResourceType("sample_s", "S", "id", ("id",), "1,000 rows"),
            ResourceType("sample_m", "M", "id", ("id",), "10,000 rows"),
        ),
    ),
    SourceType(Noop, "Nothing", "Extracts nothing: checks and measures the whole path of a run."),
)

_VENDORS: Final = ("amazon_sp_api", "klaviyo", "shopify")
"""Modules of `vai_records.definitions.sources`: each has the model of its definition, and its `SOURCE`."""


def config_of(provider: str, given: Mapping[str, Any]) -> Json:
    """A connection's config with what its provider's source, or the provider itself, has as defaults.

    Raises `WrongConfig`.
    """
    source = source_types().get(provider)
    if source is None:
        return provider_config(provider, given)
    found = source.config_of(given)
    return source.completed(found) if source.completed else found


@cache
def source_types() -> Mapping[str, SourceType]:
    """Every source that this installation has, by name; those of other packages come last.

    A package whose source cannot be loaded, or has the name of another source, is reported in the log and left out.
    """
    vendors = (import_module(f"vai_records.definitions.sources.{name}").SOURCE for name in _VENDORS)
    found = {source.name: source for source in (*_OURS, *vendors)}
    for source in found.values():
        DltExtract.SOURCES.setdefault(source.name, source.model)
    for point in entry_points(group=GROUP):
        try:
            source = _loaded(point)
            if source.name in found:
                raise ValueError(f"there is a source {source.name!r} already")
        except (Exception, SystemExit) as error:
            _log.error("source_not_loaded: %s of the package %s: %r", point.name, _package(point), error)
        else:
            found[source.name] = source
    return found


def _loaded(point: EntryPoint) -> SourceType:
    source = point.load()
    if not isinstance(source, SourceType):
        raise TypeError(f"{point.value} is a {type(source).__name__}, not a SourceType")
    if source.name != point.name:
        raise ValueError(f"the entry point is named {point.name!r}, its source {source.name!r}: give both one name")
    return SourceType(**{**vars(source), "package": _package(point)})


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""
