"""What tables of the lake, or of a database, hold and seem to mean (document 000, "ActionKind Reference";
docs/research.md).
"""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from vai_records.definitions.base import Definition
from vai_records.definitions.dataset_names import MOST_DATASETS, DatasetNames
from vai_records.definitions.sources.sql_resources import SqlName
from vai_records.models.settings import ModelName
from vai_records.strict import Number, short

LONGEST_SECONDS: Final = 30.0


class ExplainSchema(Definition):
    """Columns, types, shares, samples, likely keys and joins of tables."""

    kind: Literal["explain_schema"] | None = None
    datasets: DatasetNames = Field(default=[], description="Which tables; if none is named, those written last.")
    tables: Annotated[list[SqlName], Field(max_length=MOST_DATASETS), short(MOST_DATASETS)] = Field(
        default=[],
        description="Tables and views of the connection's database, in place of datasets; if none is named, the first.",
    )
    schema_: SqlName | None = Field(
        default=None, alias="schema", description="Theirs; left out: the user's own (Postgres: mostly public)."
    )
    samples: int = Field(default=5, ge=0, le=20, description="Values of each column that are shown.")
    sample_rows: int = Field(
        default=100_000, ge=1_000, le=1_000_000, description="How many rows of a larger table are looked at."
    )
    meanings: bool | None = Field(
        default=None,
        description="Whether a model says what tables and columns seem to mean; if not given, where a model is named "
        "or the organisation has a default.",
    )
    model: ModelName | None = Field(default=None, description="For meanings; the organisation's default if absent.")
    timeout_seconds: Number | None = Field(default=None, gt=0, le=LONGEST_SECONDS, description="30 if not given.")

    @model_validator(mode="after")
    def _has_a_use_for_its_model(self) -> "ExplainSchema":
        if self.model is not None and self.meanings is False:
            raise ValueError("a model is for meanings: leave it out, or leave meanings out")
        return self

    @model_validator(mode="after")
    def _reads_one_of_both(self) -> "ExplainSchema":
        if self.datasets and (self.tables or self.schema_ or self.connection or self.connection_ref):
            raise ValueError("datasets are of the lake, tables of a connection's database: name one of both")
        return self

    @property
    def needs_connection(self) -> bool:
        """Whether it names what only a connection's database has."""
        return bool(self.tables or self.schema_)

    @property
    def needs_model(self) -> bool:
        """Whether it cannot do without one."""
        return self.model is not None or self.meanings is True
