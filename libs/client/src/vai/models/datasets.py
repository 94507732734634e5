"""What the platform answers about the tables of the lake, typed; see `answers.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from .answers import Answer, Json

Layer = Literal["bronze", "silver", "gold"]
Direction = Literal["upstream", "downstream", "both"]
FileFormat = Literal["parquet", "csv"]


@dataclass(frozen=True, kw_only=True)
class Write(Answer):
    """What a run wrote into a table. `version` and `table_rows` are of silver and gold, `resource` is of bronze.

    `action`, `automation` and `connection` are `{id, name}`.
    """

    identity: ClassVar[str] = "writtenAt"

    run_id: str
    written_at: datetime
    rows: int
    bytes: int
    version: int | None = None
    table_rows: int | None = None
    resource: str | None = None
    connection: Json | None = None
    action: Json | None = None
    automation: Json | None = None
    automation_run_id: str | None = None
    changes: list[Json] = field(default_factory=list)
    checks: list[Json] = field(default_factory=list)

    @property
    def by(self) -> str:
        """The automation or action that wrote it, else its run."""
        named = (each["name"] for each in (self.automation, self.action) if each and each["name"])
        return next(named, f"run {self.run_id}")


@dataclass(frozen=True, kw_only=True)
class Dataset(Answer):
    """A table of the lake; `name` has the layer: `gold.sales`. `seconds_old`: since a run wrote it last."""

    id: str
    layer: Layer
    name: str
    row_count: int
    created_at: datetime
    updated_at: datetime
    seconds_old: float
    column_count: int = 0
    version: int | None = None
    last_write: Write | None = None


@dataclass(frozen=True, kw_only=True)
class Reader(Answer):
    """A table that is made of another one."""

    id: str
    name: str
    run_id: str
    read_at: datetime
    action: Json | None = None
    automation: Json | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetDetail(Dataset):
    """One table: `columns` are `{name, type}`, `location` is its place in the lake; `files` are bronze's.

    `upkeep` is `{rule, last}`: what holds for small files and old versions, and what was done last.
    """

    columns: list[Json] = field(default_factory=list)
    bytes: int | None = None
    files: int | None = None
    location: str = ""
    read_by: list[Reader] = field(default_factory=list)
    upkeep: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Lineage(Answer):
    """Tables and sources as `nodes`, and `edges` with the run that carried rows last. Not `complete`: there is more.

    Where they were asked for, `columns` are `{source, sourceColumn, target, targetColumn, how}`, and `unknown_columns`
    (`{dataset, columns, reason}`) those whose sources are not known.
    """

    nodes: list[Json]
    edges: list[Json]
    complete: bool = True
    columns: list[Json] | None = None
    unknown_columns: list[Json] | None = None


@dataclass(frozen=True, kw_only=True)
class Preview(Answer):
    """Some rows. `cut`: a value, or a row, was too long to be shown."""

    columns: list[Json]
    rows: list[dict[str, Any]]
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Profile(Answer):
    """What a column's values are like. `distinct` and `quartiles` are estimates."""

    column: str
    type: str
    rows: int
    nulls: int
    distinct: int
    min: str | None = None
    max: str | None = None
    mean: float | None = None
    quartiles: list[float] | None = None
    most_frequent: list[Json] | None = None
